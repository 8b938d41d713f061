"""Refinement: the fingerprints, a plain-Python reference, the edges, and the closed form.

``to_rounding`` is 1e-12 relative: sums of at most some thousand float64 terms.
"""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ritard.schedules import (
    ClosedForm,
    Constant,
    Cosine,
    GradNorms,
    Linear,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    Tabulated,
    bound_of_weights,
    fit_closed_form,
    predicted_gain,
    refine,
)
from ritard.schedules._lengths import resolve
from ritard.schedules.refinement.refine import filtered
from tables import checked

UNFILTERED = 1e-9
SMALL = [4, 2, 1, 1, 2]
NOISY = [9, 7, 8, 3, 2, 5, 1, 1, 4, 2, 2, 6, 1, 3, 2, 8, 2, 1, 9, 5]


def to_rounding(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-13)


def digits(expected, places):
    """Equal in the digits that the specification prints."""
    return pytest.approx(expected, rel=0, abs=0.5001 * 10.0**-places)


def table(norms, norm="l2", smoothing=UNFILTERED, steps=None):
    return list(refine(GradNorms.of(norms, norm, steps), smoothing).table)


# ---- the specification's fingerprints ------------------------------------------------------


def test_fingerprints_without_filter():
    assert table(SMALL) == to_rounding([0.125, 0.45, 1, 0.2, 0])
    assert table(SMALL, "l1") == digits([0.5, 0.833333, 1, 0.333333, 0], 6)
    assert table(SMALL, "l1") == to_rounding([1 / 2, 5 / 6, 1, 1 / 3, 0])


def test_fingerprint_of_the_resampling():
    schedule = refine(GradNorms.of(SMALL), UNFILTERED)
    nine = [0.125, 0.2875, 0.45, 0.725, 1, 0.6, 0.2, 0.1, 0]
    assert schedule(np.linspace(0, 1, 9), 1.0).tolist() == to_rounding(nine)


def test_fingerprint_of_the_gain_and_of_the_bounds():
    gain = predicted_gain(GradNorms.of(SMALL), UNFILTERED)
    G = np.array(SMALL, dtype=float)
    refined = bound_of_weights(G**-2 / math.sqrt(np.sum(G**-2)), G)
    w = 1 / math.sqrt(np.sum(G**2))
    linear = bound_of_weights([w] * 5, G)
    assert gain == digits(1.6324828, 7) and gain == to_rounding(linear / refined)
    assert refined == digits(0.6246950, 7) and refined == to_rounding(1 / math.sqrt(2.5625))
    assert linear == digits(1.0198039, 7) and linear == to_rounding(math.sqrt(26) / 5)


def test_fingerprint_of_the_filter():
    expected = [9, 8, 7, 5, 3, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 2, 2, 5, 5, 5]
    found = filtered(GradNorms.of(NOISY), 0.25) * np.median(NOISY)
    assert found.tolist() == to_rounding(expected)
    assert table(NOISY, smoothing=0.25) == digits(
        [
            *(0.05729, 0.07215, 0.09362, 0.18116, 0.48513, 1, 0.90846, 0.81692, 0.72539, 0.63385),
            *(0.54231, 0.45077, 0.35924, 0.14158, 0.22701, 0.13548, 0.04394, 0.00469, 0.00234, 0),
        ],
        5,
    )


@pytest.mark.parametrize("n", [2, 3, 7, 100, 5000])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_constant_norms_give_linear_decay_exactly(n, norm):
    found = np.array(table(np.full(n, 0.7), norm, smoothing=0.1))
    assert np.array_equal(found, (n - 1 - np.arange(n)) / (n - 1))
    x = np.linspace(0, 1, 37)
    np.testing.assert_allclose(refine(GradNorms.of([0.7] * n))(x, 1.0), 1 - x, rtol=0, atol=1e-15)


# ---- against plain Python --------------------------------------------------------------------


def windows(values, smoothing):
    """The median filter by sorting: right edge by reflection, left by repetition."""
    n = len(values)
    width = 2 * (math.floor(Fraction(repr(smoothing)) * n) // 2) + 1
    right = list(values)
    for k in range(2 * width):  # position n + k mirrors in the last value, then in the first
        place = (n + k) % (2 * n - 2) if n > 1 else 0
        right.append(values[min(place, 2 * n - 2 - place)])
    around = [
        [right[max(i + k, 0)] for k in range(-(width // 2), width // 2 + 1)] for i in range(n)
    ]
    return [sorted(window)[width // 2] for window in around]


def reference(norms, smoothing, exponent):
    positive = sorted(g for g in norms if g > 0)
    half = len(positive) // 2
    median = positive[half] if len(positive) % 2 else (positive[half - 1] + positive[half]) / 2
    smooth = [max(g / median, 1e-3) for g in windows(norms, smoothing)]
    w = [g**exponent for g in smooth]
    eta = [w[t] * math.fsum(w[t + 1 :]) for t in range(len(w))]
    gain = math.fsum(g**2 for g in smooth) * math.fsum(g**-2 for g in smooth)
    top = max(eta)
    return [e / top for e in eta] if top else [1.0], math.sqrt(gain) / len(w)


logs = st.lists(st.floats(1e-2, 1e2) | st.sampled_from([0.0, 1.0, 1.0]), min_size=1, max_size=40)
logs = logs.filter(any)
smoothings = st.sampled_from([UNFILTERED, 0.05, 0.1, 0.29, 0.5, 0.58, 1.0]) | st.floats(0.01, 1)


@checked
@given(logs, smoothings, st.sampled_from(["l1", "l2"]))
def test_refining_agrees_with_plain_python(norms, smoothing, norm):
    expected, gain = reference(norms, smoothing, {"l1": -1, "l2": -2}[norm])
    assert table(norms, norm, smoothing) == to_rounding(expected)
    found = predicted_gain(GradNorms.of(norms, norm), smoothing)
    assert found == to_rounding(gain) and found >= 1


def test_a_filter_as_wide_as_the_run_is_not_taken_for_one_step():
    """1.0 and 1 are equal and hash alike, in a cache too, but are lengths of other kinds."""
    assert resolve(1, 3) == 1
    assert table([1, 1, 2], "l1", smoothing=1.0) == [1, 0.5, 0]
    assert resolve(1, 3) == 1


def test_the_filters_width_has_no_floating_point_slip():
    """58 % of 100 is 58 though 0.58 * 100 is 57.99999999999999; 57 would give another width."""
    norms = (np.random.default_rng(1).random(100) + 0.1).tolist()
    assert table(norms, smoothing=0.58) == to_rounding(reference(norms, 0.58, -2)[0])
    assert table(norms, smoothing=0.58) != table(norms, smoothing=0.579)


@checked
@given(logs, st.floats(1e-6, 1e6), smoothings)
def test_scaling_all_norms_changes_nothing(norms, c, smoothing):
    scaled = [c * g for g in norms]
    assert table(scaled, smoothing=smoothing) == pytest.approx(
        table(norms, smoothing=smoothing), rel=1e-9, abs=1e-12
    )


@checked
@given(logs)
def test_the_gain_is_one_for_constant_filtered_norms_only(norms):
    smooth = filtered(GradNorms.of(norms), UNFILTERED)
    gain = predicted_gain(GradNorms.of(norms), UNFILTERED)
    spread = smooth.max() / smooth.min() - 1
    assert (gain == 1) if spread == 0 else (gain > 1 or spread < 1e-6)


# ---- lengths and bad norms -------------------------------------------------------------------


def test_logs_of_one_two_and_three_steps():
    assert table([5.0], smoothing=1.0) == [1.0]
    assert predicted_gain(GradNorms.of([5.0])) == 1
    assert table([5.0, 0.1], smoothing=1.0) == table([0.1, 5.0]) == [1.0, 0.0]
    # w = 1, 1/4, 4 and later sums 17/4, 4, 0
    assert table([1, 2, 0.5]) == to_rounding([1, 4 / 17, 0])


def test_a_filter_as_wide_as_the_log_and_wider():
    """Smoothing = 1: the first windows hold the first value n/2 times, the last ones reflect."""
    norms = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
    assert table(norms, smoothing=1) == to_rounding(reference(norms, 1, -2)[0])
    assert table(norms, smoothing=1) == table(norms, smoothing=1.0) != table(norms)


def test_missing_and_not_finite_steps_are_interpolated():
    whole = table([4, 3, 2, 5, 8, 8], smoothing=0.5)
    assert table([4, math.nan, 2, math.inf, 8, math.nan], smoothing=0.5) == whole
    assert table([4, 2, 8, 8], smoothing=0.5, steps=[10, 12, 14, 15]) == whole
    assert table([4, 9, 2, 8, 8], smoothing=0.5, steps=[0, 2, 2, 4, 5]) == whole  # the later counts


@pytest.mark.parametrize(
    ("norms", "message"),
    [
        ([], "none of 0 is finite"),
        ([math.nan, math.inf], "none of 2 is finite"),
        ([0.0, 0.0, 0.0], "none is positive"),
        ([1.0, -2.0], r"norms: -2.0 at step 1; expected numbers >= 0"),
    ],
)
def test_logs_that_cannot_be_refined(norms, message):
    for use in (refine, predicted_gain):
        with pytest.raises(ValueError, match=message):
            use(GradNorms.of(norms))


@pytest.mark.parametrize("smoothing", [0, -0.1, 1.01, math.nan, math.inf])
def test_smoothing_out_of_range(smoothing):
    for use in (refine, predicted_gain):
        with pytest.raises(ValueError, match=r"smoothing=.*expected a number in \(0, 1\]"):
            use(GradNorms.of(SMALL), smoothing)
    with pytest.raises(TypeError, match=r"smoothing='0\.1': expected a number"):
        refine(GradNorms.of(SMALL), "0.1")


def test_a_norm_of_zero_counts_as_a_thousandth_of_the_median():
    assert table([1, 1, 0, 1, 1]) == to_rounding(table([1, 1, 1e-3, 1, 1]))
    assert table([1, 1, 1e-9, 1, 1], "l1") == to_rounding(table([1, 1, 1e-3, 1, 1], "l1"))
    # Most norms zero: the positive ones still give the scale.
    found = table([0, 0, 0, 0, 1])
    later = np.array([3 + 1e-6, 2 + 1e-6, 1 + 1e-6, 1e-6, 0])
    assert found == to_rounding(list(later / later[0]))
    assert predicted_gain(GradNorms.of([0, 0, 0, 1]), UNFILTERED) < 1000


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1.7e308, 1e-320, 1e-150, 1e160])
def test_huge_and_tiny_norms_neither_overflow_nor_vanish(scale):
    norms = np.array([1.0, 0.5, 0.25, 0.25, 0.5]) * scale
    with warnings.catch_warnings(), np.errstate(over="raise", divide="raise", invalid="raise"):
        warnings.simplefilter("error")
        # 1e-320 is subnormal: it has four digits.
        rel = 1e-3 if scale < 1e-310 else 1e-12
        assert table(norms) == pytest.approx(table(SMALL), rel=rel, abs=1e-13)
        gain = predicted_gain(GradNorms.of(norms), UNFILTERED)
        assert gain == pytest.approx(math.sqrt(26 * 2.5625) / 5, rel=rel)


def test_norms_of_every_magnitude_at_once():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for norms in ([1e-300, 1e300, 1, 1], [1e300, 1e-300, 1e-300], [1e-10] * 5 + [1e300]):
            found = np.array(table(norms))
            assert np.isfinite(found).all() and found.max() == 1 and found[-1] == 0
            assert 1 < predicted_gain(GradNorms.of(norms), UNFILTERED) < math.inf


def test_early_large_norms_give_a_warmup():
    x = np.linspace(0, 1, 2000)
    found = np.array(table(1 + 9 * np.exp(-30 * x), smoothing=0.05))
    peak = found.argmax()
    assert found[0] < 0.1 and 100 < peak < 700
    assert np.all(np.diff(found[peak:]) < 0)


def test_the_result_is_a_schedule_like_any_other():
    schedule = refine(GradNorms.of(SMALL), UNFILTERED)
    assert Schedule.from_dict(schedule.to_dict()) == schedule == Schedule.parse(str(schedule))
    assert schedule.warmup(0.1)(0, 1000) == to_rounding(0.125 / 101)


# ---- the closed form ------------------------------------------------------------------------


def made(a, power, n=1501):
    return Tabulated(ClosedForm(a, power, 0, 0)(np.linspace(0, 1, n)))


@pytest.mark.parametrize("a", [0.0, 0.004, 0.1, 0.4, 0.9])
@pytest.mark.parametrize("power", [0.3, 1.0, 1.0 / 0.6, 5.0])
def test_a_curve_of_the_form_is_recovered(a, power):
    found = fit_closed_form(made(a, power))
    assert found.warmup == pytest.approx(a, rel=0, abs=1e-6)
    assert found.power == pytest.approx(power, rel=1e-5)
    assert found.rms_error <= found.max_error < 1e-5


def test_a_peak_between_the_values_of_a_table_is_found_to_their_distance():
    found = fit_closed_form(made(0.10031, 2.2))
    assert found.warmup == pytest.approx(0.10031, abs=0.2 / 1500)
    assert found.power == pytest.approx(2.2, rel=2e-3)


def test_the_fit_takes_the_curve_in_parts_of_its_maximum():
    curve = made(0.1, 1.5)
    found = fit_closed_form(Tabulated(0.2 * np.array(curve.table)))
    assert (found.warmup, found.power) == pytest.approx((0.1, 1.5), rel=1e-5)


def test_errors_are_those_of_the_curve():
    x = np.linspace(0, 1, 2001)
    curve = made(0.2, 1.0, 2001)
    bumpy = Tabulated(np.array(curve.table) + 0.05 * np.sin(40 * x) ** 2 * (x < 0.99))
    found = fit_closed_form(bumpy)
    off = np.abs(found(x) - np.array(bumpy.table) / max(bumpy.table))
    assert found.max_error == to_rounding(off.max()) and 0.01 < off.max() < 0.1
    assert found.rms_error == to_rounding(math.sqrt(np.mean(off**2)))


@pytest.mark.parametrize("shape", [Step(), Constant(), OneCycle(), Cosine().repeat(2)])
def test_what_is_not_of_the_form_warns(shape):
    curve = Tabulated(shape(np.linspace(0, 1, 500), 1.0))
    with pytest.warns(UserWarning, match=r"not of this form \(largest error 0\.\d\d\)|error 1"):
        found = fit_closed_form(curve)
    assert 0.1 < found.max_error <= 1


def test_what_is_of_the_form_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_closed_form(Tabulated(Linear().warmup(0.2).values(4000)))
        fit_closed_form(Tabulated((0.0, 1.0, 0.0)))


def test_a_schedule_of_zeros_has_no_form():
    with pytest.raises(ValueError, match="schedule: it is zero throughout"):
        fit_closed_form(Tabulated((0, 0, 0)))


def test_the_form_as_a_schedule_is_close_to_its_own_curve():
    """They differ where the warm-up counts (t + 1)/(W + 1): by less than 1/(W + 1)."""
    T = 4000
    for a, power in [(0.1, 1.5), (0.0, 0.7), (0.35, 3.0)]:
        form = ClosedForm(a, power, 0, 0)
        values, curve = form.schedule().values(T), form(np.arange(T) / T)
        np.testing.assert_allclose(values, curve, rtol=0, atol=1 / (a * T + 1) if a else 1e-12)
    assert ClosedForm(0, 2.0, 0, 0).schedule() == Polynomial(2.0)
    assert ClosedForm(0.1, 2.0, 0, 0).schedule() == Polynomial(2.0).warmup(0.1)


def test_a_fitted_schedule_has_a_text_that_is_read_back():
    for a in (0.0, 0.05, 0.1003):
        found = fit_closed_form(made(a, 1.3)).schedule()
        assert Schedule.parse(str(found)) == found


def test_linear_decay_is_found_in_constant_norms():
    found = fit_closed_form(refine(GradNorms.of(np.ones(777))))
    assert found.warmup == 0 and found.power == pytest.approx(1, abs=1e-7)
    assert found.schedule()(100, 777) == pytest.approx(Linear()(100, 777), abs=1e-6)
