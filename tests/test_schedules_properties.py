"""Identities and round trips over random settings and random composites to depth 4."""

import copy
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ritard.schedules import (
    REX,
    UBA,
    Budget,
    Constant,
    Cosine,
    Exponential,
    Floor,
    Linear,
    OneCycle,
    OneMinusSqrt,
    Polynomial,
    Reflect,
    Schedule,
    Step,
    Tabulated,
)
from tables import (
    Misfit,
    bends,
    bits,
    checked,
    composites,
    fitting,
    lengths,
    percents,
    phis,
    reference,
    shapes,
    unit,
)

totals = st.integers(1, 2000)
where = np.linspace(0, 1, 257)


def curve(schedule, total=1.0):
    return schedule(where * total, total)


# ---- identities of section 4 ----------------------------------------------------------------


@checked
@given(totals)
def test_rex_is_linear_reflected(total):
    assert np.abs(curve(REX(), total) - curve(Linear().reflect(0.5), total)).max() <= 2e-16


@checked
@given(bends)
def test_rex_of_d_is_linear_reflected_by_d(d):
    assert curve(REX(d)) == pytest.approx(curve(Linear().reflect(d)), rel=1e-13, abs=1e-15)


@checked
@given(phis)
def test_uba_is_cosine_reflected(phi):
    # 1e-9: the reflected cosine loses digits where 1 + cos nearly cancels, the more the larger phi
    reflected = curve(Cosine().reflect(1 - phi / 2) if phi else Constant())
    assert curve(UBA(phi)) == pytest.approx(reflected, rel=1e-9, abs=1e-13)


@checked
@given(bends, bends, unit)
def test_reflections_compose(a, b, p):
    c = 1 - (1 - a) * (1 - b)
    twice = Constant(p).reflect(b).reflect(a)(0, 1)
    assert twice == pytest.approx(Constant(p).reflect(c)(0, 1), rel=1e-11)
    both = curve(Polynomial(1.3).reflect(b).reflect(a))
    assert both == pytest.approx(curve(Polynomial(1.3).reflect(c)), rel=1e-11)


@checked
@given(bends, unit)
def test_reflections_invert(d, p):
    back = Constant(p).reflect(d).reflect(-d / (1 - d))(0, 1)
    assert back == pytest.approx(p, rel=1e-11)


@checked
@given(bends, st.floats(1e-6, 1))
def test_reciprocal_form(d, p):
    assert 1 / Constant(p).reflect(d)(0, 1) == pytest.approx(d + (1 - d) / p, rel=1e-11)


@checked
@given(bends, bends, unit, unit)
def test_reflection_grows_in_p_and_in_d(d, e, p, q):
    d, e, p, q = min(d, e), max(d, e), min(p, q), max(p, q)
    slack = 1 + 1e-14
    assert Constant(p).reflect(d)(0, 1) <= Constant(q).reflect(d)(0, 1) * slack
    assert Constant(p).reflect(d)(0, 1) <= Constant(p).reflect(e)(0, 1) * slack
    if q - p > 1e-6:
        assert Constant(p).reflect(d)(0, 1) < Constant(q).reflect(d)(0, 1)
    if e - d > 1e-3 and 1e-6 < p < 1 - 1e-6:
        assert Constant(p).reflect(d)(0, 1) < Constant(p).reflect(e)(0, 1)


@checked
@given(bends)
def test_reflection_fixes_its_ends_and_bends_to_its_side(d):
    assert Constant(0).reflect(d)(0, 1) == 0.0
    assert Constant(1).reflect(d)(0, 1) == 1.0
    second = np.diff(curve(Linear().reflect(d)), 2)
    assert (second <= 1e-13).all() if d >= 0 else (second >= -1e-13).all()


@checked
@given(phis, phis)
def test_uba_falls_with_phi_and_halves_where_it_says(phi, psi):
    small, large = sorted((phi, psi))
    assert (curve(UBA(small)) >= curve(UBA(large)) - 1e-12).all()
    assert UBA(phi)(0.5, 1.0) == pytest.approx(2 / (2 + phi), rel=1e-13)


decays = st.one_of(
    st.builds(Linear),
    st.builds(Cosine),
    st.builds(OneMinusSqrt),
    st.builds(Polynomial, st.floats(0.01, 20)),
    st.builds(Exponential, st.floats(-100, 0)),
    st.builds(REX, st.floats(-1e9, 1 - 1e-9)),
    st.builds(UBA, st.floats(0, 1e9)),
    st.builds(Step, st.floats(0.001, 1), percents.map(lambda p: (p,))),
)


@checked
@given(decays, totals)
def test_decay_shapes_fall_from_one_inside_the_unit_interval(schedule, total):
    values = schedule(np.arange(total + 1), total)
    assert values[0] == 1.0
    assert values.min() >= 0.0
    assert np.diff(values).max() <= 1e-15


@checked
@given(decays | shapes.filter(lambda s: "(1" not in str(s)), totals, st.floats(1e-3, 1e3))
def test_what_has_only_fractions_does_not_know_the_unit(schedule, total, c):
    assume(not schedule._counts() and schedule.name not in ("chebyshev", "step"))
    assert curve(schedule, c * total) == pytest.approx(curve(schedule, total), rel=1e-9, abs=1e-9)


@checked
@given(decays, percents, percents, st.integers(1, 6), st.sampled_from([2, 4, 0.5, 1024]))
def test_composites_of_fractions_do_not_know_the_unit(base, a, b, times, c):
    # powers of two: scaling them is exact, so that the boundaries fall on the same positions
    for schedule in (
        base.cooldown(a, "linear").floor(b),
        base.then(OneCycle(), at=a).sampled(every=b),
        base.repeat(times).reflect(0.3).sampled(at=(min(a, b), max(a, b))),
        (base * Cosine()).repeat((a, 1 - a)),
    ):
        assert (bits(curve(schedule, 64.0 * c)) == bits(curve(schedule, 64.0))).all(), schedule


# ---- every composite ------------------------------------------------------------------------


@checked
@given(composites, totals)
def test_values_stay_in_the_unit_interval(schedule, total):
    values = fitting(schedule, np.linspace(0, total, 801), total)
    whole = fitting(schedule, np.arange(total + 1), total)
    for found in (values, whole):
        assert np.isfinite(found).all()
        assert found.min() >= 0.0
        assert found.max() <= 1.0


@checked
@given(composites, totals, st.randoms(use_true_random=False))
def test_scalar_calls_equal_array_calls_bit_for_bit(schedule, total, random):
    steps = np.concatenate([np.arange(total + 2.0), np.linspace(-1, total + 1, 99)])
    whole = fitting(schedule, steps, total)
    for i in [0, total, *random.sample(range(len(steps)), 12)]:
        for scalar in (float(steps[i]), steps[i], np.array(steps[i])):
            one = schedule(scalar, total)
            assert type(one) is float
            assert bits(one) == bits(whole[i])
        if steps[i] == int(steps[i]):
            assert bits(schedule(int(steps[i]), total)) == bits(whole[i])
    n = len(steps)
    views = [slice(k) for k in (1, 2, 3, 5, 8, 9, 15, 17, 31, 33)]
    views += [slice(k, None) for k in (1, 2, 3, 5, 7)]
    views += [slice(None, None, k) for k in (2, 3, 7, -1, -5)]
    for view in views:
        assert (bits(schedule(steps[view], total)) == bits(whole[view])).all(), view
    even = n // 2 * 2
    for grid, expected in (
        (steps[:even].reshape(2, -1), whole[:even].reshape(2, -1)),
        (steps[:even].reshape(2, -1).T, whole[:even].reshape(2, -1).T),
        (np.asfortranarray(steps[:even].reshape(-1, 2)), whole[:even].reshape(-1, 2)),
        (np.broadcast_to(steps[:3], (4, 3)), np.broadcast_to(whole[:3], (4, 3))),
        (np.arange(total + 2), whole[: total + 2]),
        (np.arange(total + 2)[::-2], whole[: total + 2][::-2]),
    ):
        found = schedule(grid, total)
        assert found.shape == grid.shape
        assert (bits(found.ravel()) == bits(expected.ravel())).all()


@checked
@given(composites)
def test_text_json_pickle_and_hash_round_trip(schedule):
    assert Schedule.parse(str(schedule)) == schedule
    assert str(Schedule.parse(str(schedule))) == str(schedule)
    assert Schedule.from_dict(schedule.to_dict()) == schedule
    assert Schedule.from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule
    for again in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert repr(again) == repr(schedule)


@checked
@given(composites, totals)
def test_round_trips_keep_the_values(schedule, total):
    values = fitting(schedule, np.arange(total + 1), total)
    for again in (Schedule.parse(str(schedule)), pickle.loads(pickle.dumps(schedule))):
        assert (bits(again(np.arange(total + 1), total)) == bits(values)).all()


@checked
@given(composites, totals)
def test_the_ends_hold(schedule, total):
    first, last = fitting(schedule, [0, total], total).tolist()
    assert schedule([-0.0, -1, -1e300, -math.inf], total).tolist() == [first] * 4
    assert schedule([total + 1e-9 * total, 10 * total, math.inf], total).tolist() == [last] * 3


EPSILON = Fraction(1, 10**9)


def agrees(schedule, value, step, total):
    """Whether a value is the reference's, at a jump either side of it."""
    at = Fraction(step)
    near = [reference(schedule, at + shift, Fraction(total)) for shift in (0, -EPSILON, EPSILON)]
    # 1e-9: settings up to phi = 1000 and powers of 0.1 near zeros lose digits in both
    if math.isclose(value, near[0], rel_tol=1e-9, abs_tol=1e-11):
        return True
    jumps = abs(near[1] - near[2]) > 1e-6
    return jumps and min(near) - 1e-9 <= value <= max(near) + 1e-9


@checked
@given(composites, totals, st.randoms(use_true_random=False))
def test_composites_against_the_reference(schedule, total, random):
    steps = sorted({0, total - 1, total, *[random.randrange(total + 1) for _ in range(15)]})
    try:
        reference(schedule, Fraction(0), Fraction(total))
        expected = [agrees(schedule, v, t, total) for t, v in
                    zip(steps, fitting(schedule, steps, total), strict=True)]  # fmt: skip
    except Misfit:
        assume(False)
    assert all(expected), [
        (t, v, reference(schedule, Fraction(t), Fraction(total)))
        for t, v, right in zip(steps, schedule(steps, total), expected, strict=True)
        if not right
    ]


# ---- operators ------------------------------------------------------------------------------


@checked
@given(shapes, shapes, lengths, totals)
def test_then_splits_the_run(first, second, at, total):
    B = float(Fraction(repr(at)) * total) if isinstance(at, float) else float(at)
    assume(B <= total)
    schedule, steps = first.then(second, at=at), np.arange(total + 1.0)
    values = fitting(schedule, steps, total)
    before, after = steps < B, steps >= B
    if before.any():
        assert (bits(values[before]) == bits(first(steps[before], B))).all()
    if B < total:
        assert values[after] == pytest.approx(second(steps[after] - B, total - B), rel=1e-12)


@checked
@given(shapes, totals)
def test_repeat_of_two_is_then_at_a_half(schedule, total):
    steps = np.linspace(0, total, 333)
    repeated = fitting(schedule.repeat(2), steps, total)
    assert (bits(repeated) == bits(schedule.then(schedule, at=0.5)(steps, total))).all()
    halves = schedule.repeat((0.5, 0.5))(steps, total)
    assert (bits(repeated) == bits(halves)).all()


@checked
@given(composites, st.integers(0, 20), st.integers(21, 2000))
def test_warmup_rises_evenly_and_leaves_the_rest_of_the_run_to_its_base(schedule, W, total):
    values = fitting(schedule.warmup(W), np.arange(total + 1), total)
    rest = schedule(np.arange(total + 1 - W), total - W)
    assert (bits(values[W:]) == bits(rest)).all()
    assert values[:W] == pytest.approx(rest[0] * np.arange(1, W + 1) / (W + 1), rel=1e-14)


@checked
@given(composites, st.integers(1, 20), totals)
def test_cooldown_leaves_its_base_alone_until_it_starts(schedule, D, total):
    assume(D <= total)
    base = fitting(schedule, np.arange(total + 1), total)
    cooled = schedule.cooldown(D, "linear")(np.arange(total + 1), total)
    assert (bits(cooled[: total - D]) == bits(base[: total - D])).all()
    down = base[total - D] * (1 - np.arange(D + 1) / D)
    assert cooled[total - D :] == pytest.approx(down, rel=1e-13, abs=1e-15)


@checked
@given(composites, composites, unit, totals)
def test_products_and_floors_are_pointwise(one, other, ratio, total):
    steps = np.arange(total + 1)
    a, b = fitting(one, steps, total), fitting(other, steps, total)
    assert (bits((one * other)(steps, total)) == bits(a * b)).all()
    floored = one.floor(ratio)(steps, total)
    assert floored == pytest.approx(ratio + (1 - ratio) * a, rel=1e-14, abs=1e-300)
    assert floored.min() >= ratio * (1 - 1e-15)


@checked
@given(st.lists(unit, min_size=2, max_size=9), totals)
def test_tables_stay_between_their_neighbours_and_hit_their_knots(table, total):
    values = Tabulated(tuple(table))(np.arange(total + 1), total)
    assert min(table) <= values.min()
    assert values.max() <= max(table)
    knots = np.linspace(0, 1, len(table))
    at_knots = Tabulated(tuple(table))(knots * (len(table) - 1), len(table) - 1)
    assert at_knots == pytest.approx(table, abs=1e-14)


# ---- budgets --------------------------------------------------------------------------------


def multiplied(data, factor):
    """A saved schedule with its counts multiplied: what an epoch stands for."""
    if isinstance(data, list):
        return [multiplied(v, factor) for v in data]
    if not isinstance(data, dict):
        return data
    found = {"name": data["name"]}
    if data["name"] == "inverse-sqrt":
        data = {"timescale": 1} | data
    for key, value in data.items():
        if key in ("length", "at", "every", "lengths", "decay", "timescale"):
            items = value if isinstance(value, list) else [value]
            items = [v * factor if isinstance(v, int) else v for v in items]
            found[key] = items if isinstance(value, list) else items[0]
        else:
            found[key] = multiplied(value, factor)
    return found


@checked
@given(composites, st.integers(1, 40), st.integers(1, 50))
def test_counts_are_epochs_under_a_budget_of_epochs(schedule, epochs, steps_per_epoch):
    budget = Budget.epochs(epochs, steps_per_epoch)
    steps = np.arange(epochs * steps_per_epoch + 1)
    by_steps = Schedule.from_dict(multiplied(schedule.to_dict(), steps_per_epoch))
    expected = fitting(by_steps, steps, epochs * steps_per_epoch)
    assert (bits(schedule(steps, budget)) == bits(expected)).all()
    assert (bits(schedule.values(budget)) == bits(expected[:-1])).all()


@checked
@given(composites, st.integers(1, 2000))
def test_counts_of_other_units_count_them(schedule, total):
    steps = np.linspace(0, total, 77)
    expected = fitting(schedule, steps, total)
    for budget in (Budget.steps(total), Budget.samples(total), Budget.tokens(float(total))):
        assert (bits(schedule(steps, budget)) == bits(expected)).all()
    if schedule._counts():
        with pytest.raises(
            ValueError, match=r"an int length counts steps; under a budget in secon"
        ):
            schedule(steps, Budget.seconds(total))
    else:
        assert (bits(schedule(steps, Budget.seconds(total))) == bits(expected)).all()


@checked
@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_epochs_in_hundredths_make_an_exact_number_of_updates(hundredths, steps_per_epoch):
    exact = Fraction(hundredths, 100) * steps_per_epoch
    budget = Budget.epochs(hundredths / 100, steps_per_epoch)
    assert budget.total == float(exact)
    if exact.denominator == 1 and exact < 10_000:
        assert len(Linear().values(budget)) == exact


@checked
@given(unit, bends)
def test_floor_and_reflect_print_and_hash(ratio, d):
    assert Floor(Linear(), ratio) == Linear().floor(ratio)
    assert Reflect(Linear(), d) == Linear().reflect(d)
    assert len({Linear().floor(ratio), Floor(Linear(), ratio)}) == 1
