"""The operators: by hand, against the reference, and what they refuse."""

import tracemalloc
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
import torch
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    OneCycle,
    OneMinusSqrt,
    Polynomial,
    Repeat,
    Sampled,
    Schedule,
    ScheduleLR,
    Step,
    Tabulated,
)
from tables import OPERATORS, bits, reference
from torch import nn, optim

T = 100
t = np.arange(T + 1)


def near(values):
    return pytest.approx(values, rel=1e-13, abs=1e-15)


# ---- warm-up --------------------------------------------------------------------------------


def test_warmup_of_three():
    assert Linear().warmup(3)([0, 1, 2, 3, 5, 7], 7).tolist() == [0.25, 0.5, 0.75, 1, 0.5, 0]


@pytest.mark.parametrize("W", [1, 2, 10, 99])
def test_no_update_of_a_warmup_is_wasted_and_the_base_is_compressed(W):
    values = Linear().warmup(W)(t, T)
    assert values[:W] == near((t[:W] + 1) / (W + 1))
    assert values[W:] == near(1 - (t[W:] - W) / (T - W))
    assert values[:T].min() > 0
    assert values[W] == 1.0


class Counted(Cosine, listed=False):
    """Counts how often it is asked."""

    calls = 0

    def _at(self, t, T):
        Counted.calls += 1
        return super()._at(t, T)


@pytest.mark.parametrize("schedule", [s for s in OPERATORS if not isinstance(s, Repeat)], ids=str)
def test_an_operator_asks_its_base_once(schedule):
    """Twice would double with every operator inside an operator."""
    settings = {k: v for k, v in schedule._settings().items() if k != "base"}
    Counted.calls = 0
    for _ in range(3):
        type(schedule)(Counted(), **settings)(np.arange(T + 1), T)
    assert Counted.calls == 3
    nested, settings = Counted(), settings | ({"length": 1} if "length" in settings else {})
    for _ in range(8):
        nested = type(schedule)(nested, **settings)
    Counted.calls = 0
    nested(np.arange(T + 1), T)
    assert Counted.calls == 1


def test_warmup_rises_to_the_first_value_of_its_base():
    values = OneCycle(low=0.2).warmup(3)(t, T)
    assert values[:4] == near([0.05, 0.1, 0.15, 0.2])
    assert Constant(0.5).warmup(1).values(3).tolist() == [0.25, 0.5, 0.5]


def test_warmup_by_a_fraction_keeps_a_real_boundary():
    W = 0.25 * 10  # 2.5 updates
    values = Linear().warmup(0.25)(np.arange(11), 10)
    assert values[:3] == near((np.arange(3) + 1) / (W + 1))
    assert values[3:] == near(1 - (np.arange(3, 11) - W) / (10 - W))


def test_warmup_over_the_whole_run_and_over_nothing():
    assert Linear().warmup(4).values(4).tolist() == [0.2, 0.4, 0.6, 0.8]
    assert (bits(Linear().warmup(0)(t, T)) == bits(Linear()(t, T))).all()


# ---- cooldown -------------------------------------------------------------------------------

COOLDOWNS = {
    "linear": lambda u: 1 - u,
    "1-sqrt": lambda u: 1 - np.sqrt(u),
    "cosine": lambda u: (1 + np.cos(np.pi * u)) / 2,
}


@pytest.mark.parametrize("shape", COOLDOWNS)
@pytest.mark.parametrize("D", [1, 20, 63, 100])
def test_cooldown_leaves_the_base_uncompressed(shape, D):
    base = Exponential()
    values = base.cooldown(D, shape)(t, T)
    start = T - D
    assert (bits(values[:start]) == bits(base(t[:start], T))).all()
    reached, u = np.exp(-3 * start / T), (t[start:] - start) / D
    assert values[start:] == near(reached * COOLDOWNS[shape](u))
    assert values[T] == pytest.approx(0, abs=1e-15)


def test_cooldown_takes_any_schedule_as_its_shape():
    ours = Constant().cooldown(0.5, REX(d=0.9))(t[50:], T)
    assert ours == near(REX(d=0.9)(t[50:] - 50, 50))
    assert Constant().cooldown(0.5, OneMinusSqrt()) == Constant().cooldown(0.5)
    assert Constant().cooldown(0.5, "cosine") == Constant().cooldown(0.5, Cosine())


def test_the_first_update_of_a_cooldown_belongs_to_its_shape():
    assert Constant().cooldown(4, Constant(0.5))([5, 6, 7], 10).tolist() == [1.0, 0.5, 0.5]


def test_cooldown_of_nothing_does_nothing():
    assert (bits(REX().cooldown(0)(t, T)) == bits(REX()(t, T))).all()
    assert WSD(decay=0).values(5).tolist() == [1.0] * 5


@pytest.mark.parametrize("shape", ["linear", "1-sqrt", "cosine", Polynomial(0.5)])
@pytest.mark.parametrize("f", [0.01, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45])
@pytest.mark.filterwarnings("error")
def test_a_cooldown_ends_at_zero_and_not_below_it(f, shape):
    schedule = Constant().cooldown(f, shape)
    for total in range(1, 400):
        end = schedule(total, total)
        assert 0 <= end < 1e-6, f"{end} at the end of {total}"


def test_a_cooldown_is_accepted_by_the_scheduler_at_any_horizon():
    for total in (1, 7, 97, 333):
        for schedule in (WSD(0.1, "linear"), WSD(0.01), Constant().cooldown(0.1, Polynomial(0.5))):
            optimizer = optim.SGD([nn.Parameter(nn.init.zeros_(nn.Linear(1, 1).weight))], lr=1.0)
            ScheduleLR(optimizer, schedule, total)


# ---- floor, product, reflect ----------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0, 0.1, 0.5, 1])
def test_floor_is_affine(ratio):
    assert Cosine().floor(ratio)(t, T) == near(ratio + (1 - ratio) * Cosine()(t, T))
    assert Cosine().floor(ratio)(0, T) == 1.0
    assert Cosine().floor(ratio)(T, T) == ratio


def test_product_with_a_schedule_and_with_a_number():
    assert (REX() * Cosine())(t, T) == near(REX()(t, T) * Cosine()(t, T))
    assert (bits((REX() * Cosine())(t, T)) == bits((Cosine() * REX())(t, T))).all()
    assert (REX() * 0.25)(t, T) == near(REX()(t, T) / 4)
    assert REX() * 0.25 == 0.25 * REX() == REX() * Constant(0.25)
    assert (Linear() * 3)(0, T) == 3.0


@pytest.mark.parametrize("d", [-3.0, -0.5, 0, 0.5, 0.9])
def test_reflect_is_its_formula(d):
    p = Polynomial(1.3)(t, T)
    assert Polynomial(1.3).reflect(d)(t, T) == near(p / ((1 - d) + d * p))


def test_reflect_refuses_a_profile_that_is_hardly_above_one():
    with pytest.raises(ValueError, match=r"reaches 1\.001"):
        Constant(1.001).reflect(0.5)(0, T)


def test_reflect_refuses_a_profile_above_one():
    with pytest.raises(ValueError, match=r"reflect: the profile .*constant\(value=2\).* reaches 2"):
        Constant(2).reflect(0.5)(5, T)


# ---- then, repeat, sampled ------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.37, 37])
def test_then_runs_one_after_the_other(at):
    values = REX().then(Cosine(), at=at)(t, T)
    assert values[:37] == near(REX()(t[:37], 37))
    assert values[37:] == near(Cosine()(t[37:] - 37, 63))


def test_phases_of_length_zero():
    assert (bits(REX().then(Cosine(), at=0)(t, T)) == bits(Cosine()(t, T))).all()
    all_first = Linear().then(OneCycle(low=0.3), at=T)(t, T)
    assert all_first[:T] == near(Linear()(t[:T], T))
    assert all_first[T] == near(0.3)  # a phase of length zero is at its end
    empty_first = Linear().repeat((0, 100))(t, T)
    assert (bits(empty_first) == bits(Linear()(t, T))).all()
    empty_middle = Linear().repeat((40, 0, 60))(t, T)
    assert (bits(empty_middle) == bits(Linear().repeat((40, 60))(t, T))).all()


def test_then_to_depth_three():
    inner = Constant(0.8).then(Linear(), at=0.5)
    middle = Cosine().then(inner, at=20)
    outer = REX().then(middle, at=0.2)
    expected = np.concatenate(
        [
            REX()(np.arange(20), 20),
            Cosine()(np.arange(20), 20),
            np.full(30, 0.8),
            Linear()(np.arange(31), 30),
        ]
    )
    assert outer(t, T) == near(expected)
    left = REX().then(Cosine(), at=0.5).then(inner, at=40)
    expected = np.concatenate(
        [
            REX()(np.arange(20), 20),
            Cosine()(np.arange(20), 20),
            np.full(30, 0.8),
            Linear()(np.arange(31), 30),
        ]
    )
    assert left(t, T) == near(expected)


def test_the_last_update_of_a_phase_reads_its_base_at_one_before_the_end():
    values = Linear().repeat(4)(t, T)
    assert values == near(np.append(1 - (t[:T] % 25) / 25, 0))
    assert values[24] == near(1 / 25)
    assert values[25] == 1


@pytest.mark.parametrize("schedule", [UBA(phi=3), OneCycle(), Step(), WSD(), Tabulated((1, 0, 2))])
@pytest.mark.parametrize("total", [1, 2, 3, 7, 50, 99, 1000, 2.3])
def test_repeat_of_two_is_then_at_one_half(schedule, total):
    where = np.linspace(0, total, 211)
    one, other = schedule.repeat(2), schedule.then(schedule, at=0.5)
    assert (bits(one(where, total)) == bits(other(where, total))).all()
    assert (bits(schedule.repeat(1)(where, total)) == bits(schedule(where, total))).all()


@pytest.mark.parametrize("times", [3, 7, 10, 49])
@pytest.mark.parametrize("total", [7, 49, 93, 100, 1000])
def test_restarts_fall_on_the_right_update(times, total):
    values = Linear().repeat(times)(np.arange(total + 1), total)
    for step in range(total):
        phase = Fraction(total, times)
        inside = step - (step // phase) * phase
        assert values[step] == pytest.approx(float(1 - inside / phase), abs=1e-12)


@pytest.mark.parametrize("times", [1, 2, 3, 7, 49, 1000, 4097])
@pytest.mark.parametrize("total", [5e-324, 0.3, 1, 100, 1e9 + 7, 1e300])
def test_restarts_are_where_exact_arithmetic_has_them_and_nowhere_near(times, total):
    edges = [float(Fraction(total) * k / times) for k in range(times + 1)]
    some = np.array(edges)[:: max(1, times // 50)]
    where = np.concatenate([some, np.nextafter(some, 0), np.nextafter(some, total)])
    phase = np.clip(np.searchsorted(edges, where, side="right") - 1, 0, times - 1)
    expected = [
        Linear()._at(np.array([min(x, edges[k + 1]) - edges[k]]), edges[k + 1] - edges[k]).item()
        for x, k in zip(where.tolist(), phase.tolist(), strict=True)
    ]
    assert Linear().repeat(times)(where, total).tolist() == expected


def test_a_billion_restarts_take_no_more_memory_than_two():
    tracemalloc.start()
    try:
        schedule = Linear().repeat(10**9)
        assert schedule([0, 5, 100, 100], 100).tolist() == [1, 1, 0, 0]
        assert schedule(33.00000001, 100) == pytest.approx(0.9, abs=1e-7)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_repeat_by_lengths():
    for lengths in ((0.5, 0.3, 0.2), (50, 30, 20), (0.5, 30, 0.2)):
        values = UBA(1).repeat(lengths)(t, T)
        expected = np.concatenate([UBA(1).values(50), UBA(1).values(30), UBA(1)(np.arange(21), 20)])
        assert values == near(expected)


@pytest.mark.parametrize("base", [Linear(), REX(), Polynomial(0.5), OneMinusSqrt(), Cosine()])
@pytest.mark.filterwarnings("error")
def test_lengths_that_fill_the_run_up_to_rounding(base):
    for k in (3, 6, 7, 9):
        schedule = base.repeat((1 / k,) * k)
        for total in range(1, 200):
            assert 0 <= schedule(total, total) < 1e-6


def test_sampled_by_counts_and_fractions():
    for schedule in (Linear().sampled(every=10), Linear().sampled(0.1)):
        assert schedule(t, T) == near(1 - (t // 10) / 10)
    assert Linear().sampled(every=7)(t, T) == near(1 - (t // 7) * 7 / T)
    assert Linear().sampled(at=(0, 10, 0.5)).values(T) == near(
        np.where(t[:T] < 10, 1, np.where(t[:T] < 50, 0.9, 0.5))
    )
    assert Linear().sampled(at=()).values(5).tolist() == [1.0] * 5


# ---- written order, steps against fractions -------------------------------------------------


def test_operators_act_in_written_order():
    cases = [
        (Linear().warmup(10).floor(0.2), Linear().floor(0.2).warmup(10)),
        (Constant().warmup(0.5).cooldown(0.5), Constant().cooldown(0.5).warmup(0.5)),
        (Linear().floor(0.1).cooldown(20), Linear().cooldown(20).floor(0.1)),
        (
            Cosine().sampled(0.1).reflect(0.5).warmup(9),
            Cosine().warmup(9).sampled(0.1).reflect(0.5),
        ),
        (Linear().repeat(2).warmup(10), Linear().warmup(10).repeat(2)),
    ]
    for one, other in cases:
        assert np.abs(one(t, T) - other(t, T)).max() > 0.05
        assert one != other
    assert Linear().warmup(10).floor(0.2)(0, T) == near(0.2 + 0.8 / 11)
    assert Linear().floor(0.2).warmup(10)(0, T) == near(1 / 11)
    assert Linear().warmup(10).cooldown(20)(80, T) == near(20 / 90)
    assert Linear().cooldown(20).warmup(10)(80, T) == near(20 / 90)
    assert Linear().repeat(2).warmup(10)(50, T) == near(1 - 40 / 45)
    assert Linear().warmup(10).repeat(2)(50, T) == near(1 / 11)


@pytest.mark.parametrize("percent", [1, 7, 14, 28, 29, 55, 57, 58, 99])
def test_percents_and_counts_of_a_run_of_a_hundred_agree_bit_for_bit(percent):
    f, n = percent / 100, percent
    pairs = [
        (REX().warmup(f), REX().warmup(n)),
        (REX().cooldown(f), REX().cooldown(n)),
        (WSD(f), WSD(n)),
        (REX().then(Cosine(), at=f), REX().then(Cosine(), at=n)),
        (Step(at=(f,)), Step(at=(n,))),
        (InverseSqrt(f), InverseSqrt(n)),
        (REX().sampled(at=(f,)), REX().sampled(at=(n,))),
        (REX().sampled(every=f), REX().sampled(every=n)),
    ]
    for by_fraction, by_count in pairs:
        assert (bits(by_fraction(t, T)) == bits(by_count(t, T))).all(), str(by_fraction)


def test_numpy_and_torch_numbers_are_as_good_as_pythons():
    import torch

    for n, f in ((np.int64(7), np.float64(0.07)), (torch.tensor(7), np.float64(0.07))):
        pairs = [
            (REX().warmup(n), REX().warmup(7)),
            (REX().warmup(f), REX().warmup(0.07)),
            (REX().cooldown(n), REX().cooldown(7)),
            (REX().cooldown(f), REX().cooldown(0.07)),
            (REX().then(Cosine(), n), REX().then(Cosine(), 7)),
            (REX().then(Cosine(), f), REX().then(Cosine(), 0.07)),
            (REX().sampled(n), REX().sampled(7)),
            (REX().sampled(f), REX().sampled(0.07)),
            (REX().sampled(at=(f, n)), REX().sampled(at=(0.07, 7))),
            (REX().repeat(n), REX().repeat(7)),
            (REX().repeat(np.array([0.5, 0.5])), REX().repeat((0.5, 0.5))),
            (REX().floor(f), REX().floor(0.07)),
            (REX().reflect(f), REX().reflect(0.07)),
            (REX() * f, REX() * 0.07),
            (REX(f), REX(0.07)),
            (UBA(n), UBA(7)),
            (Exponential(-f), Exponential(-0.07)),
            (Polynomial(n), Polynomial(7)),
            (OneCycle(f), OneCycle(0.07)),
            (Constant(n), Constant(7)),
            (WSD(f), WSD(0.07)),
            (InverseSqrt(n), InverseSqrt(7)),
            (Step(f, (f, n)), Step(0.07, (0.07, 7))),
            (Step(at=np.array([0.2, 0.4])), Step(at=(0.2, 0.4))),
        ]
        for given, plain in pairs:
            assert given == plain
            assert hash(given) == hash(plain)
            assert str(given) == str(plain)
            assert repr(given) == repr(plain)
            assert given.values(T).tolist() == plain.values(T).tolist()
            assert given.to_dict() == plain.to_dict()


@pytest.mark.parametrize("schedule", OPERATORS, ids=str)
@pytest.mark.parametrize("total", [40, 100, 1000])
def test_operators_against_the_reference(schedule, total):
    expected = [reference(schedule, Fraction(k), Fraction(total)) for k in range(total + 1)]
    assert schedule(np.arange(total + 1), total) == pytest.approx(expected, rel=1e-12, abs=1e-12)


# ---- what does not fit ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Linear().warmup(11), r"warmup length=11 does not fit.* 10 long"),
        (Linear().cooldown(11), r"cooldown length=11 does not fit.* 10 long"),
        (WSD(decay=11), r"length=11 does not fit.* 10 long"),
        (Linear().then(Cosine(), at=11), r"then at=11 does not fit.* 10 long"),
        (Step(at=(11,)), r"at=11 does not fit.* 10 long"),
        (Linear().sampled(at=(11,)), r"at=11 does not fit.* 10 long"),
        (Step(at=(0.75, 0.5)), r"at=\(0\.75, 0\.5\): expected ascending"),
        (Step(at=(0.75, 5)), r"at=\(0\.75, 5\): expected ascending"),
        (Linear().sampled(at=(0.75, 0.5)), r"at=\(0\.75, 0\.5\): expected ascending"),
        (Linear().repeat((4, 5)), r"lengths=\(4, 5\).* add up to 9.* 10 long"),
        (Linear().repeat((6, 5)), r"lengths=\(6, 5\).* add up to 11.* 10 long"),
        (Linear().repeat((0.5, 0.4)), r"lengths=\(0\.5, 0\.4\).* add up to 9.* 10 long"),
        (Linear().repeat((0.5, 0.499)), r"lengths=\(0\.5, 0\.499\).* add up to 9\.99, .* 10 long"),
        (Linear().repeat((0.5, 4)), r"lengths=\(0\.5, 4\).* add up to 9.* 10 long"),
        (Cosine().then(Linear().warmup(6), at=0.5), r"warmup length=6 does not fit.* 5 long"),
        (Linear().warmup(3).repeat(5), r"warmup length=3 does not fit.* 2 long"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_wherever_it_is_read(schedule, message):
    for step in (0, 9.5, 10):
        with pytest.raises(ValueError, match=message):
            schedule(step, 10)
    with pytest.raises(ValueError, match=message):
        schedule.values(10)


def test_what_just_fits_is_taken():
    for schedule in (
        Linear().warmup(10),
        Linear().cooldown(10),
        Linear().then(Cosine(), at=10),
        Step(at=(10,)),
        Linear().sampled(at=(10,)),
        Linear().repeat((4, 6)),
        Linear().warmup(2).repeat(5),
    ):
        assert np.isfinite(schedule(np.arange(11), 10)).all()


LENGTH = r"fraction of the run \(a float in \(0, 1\)\) or a count \(an int >= [01]\)"


@pytest.mark.parametrize("bad", [0.0, 1.0, 1.5, -0.1, -1, float("nan"), float("inf"), 5.0])
def test_a_length_is_a_fraction_or_a_count(bad):
    calls = {
        "length": [lambda: Linear().warmup(bad), lambda: Linear().cooldown(bad)],
        "decay": [lambda: WSD(bad)],
        "at": [
            lambda: Linear().then(Cosine(), at=bad),
            lambda: Linear().sampled(at=(0.5, bad)),
            lambda: Step(at=(bad,)),
        ],
        "every": [lambda: Linear().sampled(every=bad)],
        "lengths": [lambda: Linear().repeat((0.5, bad))],
        "timescale": [lambda: InverseSqrt(bad)],
    }
    for name, made in calls.items():
        for make in made:
            with pytest.raises(ValueError, match=rf"{name}={bad!r}: expected a {LENGTH}"):
                make()


@pytest.mark.parametrize("bad", [True, False, "0.1", None, [3], 1j])
def test_a_length_is_a_number(bad):
    for make in (
        lambda: Linear().warmup(bad),
        lambda: Linear().cooldown(bad),
        lambda: Linear().then(Cosine(), at=bad),
        lambda: Step(at=(bad,)),
        lambda: Linear().repeat((0.5, bad)),
        lambda: Linear().sampled(at=(bad,)),
        lambda: InverseSqrt(bad),
    ):
        with pytest.raises(TypeError, match=rf"(length|at|lengths|timescale)=.*{LENGTH}, got "):
            make()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Linear().floor(1.1), ValueError, r"ratio=1\.1: expected a number in \[0, 1\]"),
        (lambda: Linear().floor(-0.1), ValueError, r"ratio=-0\.1: expected a number in \[0, 1\]"),
        (lambda: Linear().floor(True), TypeError, r"ratio=True: expected a number, got bool"),
        (lambda: Linear().floor("a"), TypeError, r"ratio='a': expected a number, got str"),
        (lambda: Linear().reflect(1), ValueError, r"d=1: expected a finite number < 1"),
        (lambda: Linear().reflect(float("-inf")), ValueError, r"d=-inf: expected a finite"),
        (lambda: REX(d=1.0), ValueError, r"d=1\.0: expected a finite number < 1"),
        (lambda: REX(d=float("nan")), ValueError, r"d=nan: expected a finite number < 1"),
        (lambda: UBA(phi=-0.1), ValueError, r"phi=-0\.1: expected a finite number >= 0"),
        (lambda: UBA(phi=float("inf")), ValueError, r"phi=inf: expected a finite number >= 0"),
        (lambda: UBA(phi=False), TypeError, r"phi=False: expected a number, got bool"),
        (lambda: WSD(shape="lineer"), ValueError, r"'lineer' is not a schedule.*'linear'"),
        (lambda: Exponential(0.1), ValueError, r"gamma=0\.1: expected a finite number <= 0"),
        (lambda: Polynomial(0), ValueError, r"power=0: expected a finite number > 0"),
        (lambda: OneCycle(1.5), ValueError, r"low=1\.5: expected a number in \[0, 1\]"),
        (lambda: OneCycle.momentum(0.9, 0.8), ValueError, r"low=0\.9: expected a number in"),
        (lambda: OneCycle.momentum(0.9, 1.0), ValueError, r"high=1\.0: expected a number in"),
        (lambda: Constant(-1), ValueError, r"value=-1: expected a finite number >= 0"),
        (lambda: Constant(float("nan")), ValueError, r"value=nan: expected a finite number >= 0"),
        (lambda: Step(factor=0), ValueError, r"factor=0: expected a number in \(0, 1\]"),
        (lambda: Step(factor=1.1), ValueError, r"factor=1\.1: expected a number in \(0, 1\]"),
        (lambda: Step(at=0.5), TypeError, r"at=0\.5"),
        (lambda: Step(at=None), TypeError, r"at=None"),
        (lambda: Linear().sampled(at=0.5), TypeError, r"at=0\.5"),
        (lambda: Repeat(Linear(), lengths=0.5), TypeError, r"lengths=0\.5"),
        (lambda: InverseSqrt(0), ValueError, r"timescale=0: expected a fraction"),
        (lambda: Linear().sampled(every=0), ValueError, r"every=0: expected a fraction"),
        (lambda: Linear().sampled(), ValueError, r"every=None, at=None: expected exactly one"),
        (lambda: Linear().sampled(0.1, (0.5,)), ValueError, r"every=0\.1, at=.*exactly one"),
        (lambda: Sampled(Linear()), ValueError, r"expected exactly one"),
        (lambda: Repeat(Linear()), ValueError, r"times=None, lengths=None: expected exactly one"),
        (lambda: Linear().repeat(0), ValueError, r"times=0: expected an int >= 1"),
        (lambda: Linear().repeat(2**41), ValueError, r"times=2199023255552: expected .* 1 to"),
        (lambda: Linear().repeat(2.0), TypeError, r"times=2\.0: expected an int >= 1, got float"),
        (lambda: Linear().repeat(True), TypeError, r"times=True: expected an int >= 1, got bool"),
        (lambda: Linear().repeat(()), ValueError, r"lengths=\(\): expected at least one phase"),
        (lambda: Linear().then("cosine", 0.5), TypeError, r"other='cosine': expected a schedule"),
        (lambda: Linear().cooldown(0.1, 3), TypeError, r"shape=3: expected a schedule"),
        (lambda: Linear() * "2", TypeError, r"value='2': expected a number, got str"),
        (lambda: Linear() * -2, ValueError, r"value=-2: expected a finite number >= 0"),
        (lambda: Linear() * True, TypeError, r"value=True: expected a number, got bool"),
        (lambda: Tabulated(()), ValueError, r"table=\(\): expected one or more numbers"),
        (lambda: Tabulated(0.5), ValueError, r"table=0\.5: expected one or more numbers"),
        (lambda: Tabulated(((1, 0), (0, 1))), ValueError, r"table=.*expected one or more numbers"),
        (lambda: Tabulated(((1,), (0, 1))), ValueError, r"table=.*expected one or more numbers"),
        (lambda: Tabulated((1, "a")), ValueError, r"table=.*expected one or more numbers"),
        (lambda: Tabulated((1, None)), ValueError, r"table=.*expected one or more numbers"),
        (lambda: Tabulated((True, False)), ValueError, r"table=.*expected one or more numbers"),
        (lambda: Tabulated((1, 0.5, -0.1)), ValueError, r"table\[2\]=-0\.1: expected finite"),
        (lambda: Tabulated((1, np.nan)), ValueError, r"table\[1\]=nan: expected finite"),
        (lambda: Tabulated((np.inf, 1)), ValueError, r"table\[0\]=inf: expected finite"),
    ],
)  # fmt: skip
def test_bad_settings_are_named_with_their_value_and_what_is_allowed(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("bad", [0, -1, -0.5, float("nan"), float("inf"), float("-inf")])
def test_a_horizon_is_positive_and_finite(bad):
    with pytest.raises(ValueError, match=rf"total_steps={bad!r}: expected a finite number > 0"):
        REX()(0, bad)
    with pytest.raises(
        (ValueError, TypeError), match=rf"total_steps={bad!r}: expected an int >= 1"
    ):
        REX().values(bad)


@pytest.mark.parametrize("bad", [True, "10", None, [10], np.array([10, 20]), 1j])
def test_a_horizon_is_a_number(bad):
    with pytest.raises(TypeError, match=r"total_steps=.*: expected a number, got "):
        REX()(0, bad)
    with pytest.raises(TypeError, match=r"total_steps=.*: expected an int >= 1, got "):
        REX().values(bad)


def test_values_counts_updates_in_whole_numbers():
    with pytest.raises(TypeError, match=r"total_steps=10\.0: expected an int >= 1, got float"):
        REX().values(10.0)


@pytest.mark.parametrize("bad", [float("nan"), [0.0, float("nan")]])
def test_a_step_is_not_nan(bad):
    with pytest.raises(ValueError, match=r"step=.*expected numbers, got NaN"):
        REX()(bad, 10)


@pytest.mark.parametrize(
    "bad",
    [
        "abc", [1, [2, 3]], 1j, {"a": 1}, object(), True, [2**70, "a"], [2**70, True],
        torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16),
    ],
)  # fmt: skip
def test_a_step_is_numbers(bad):
    with pytest.raises(TypeError, match=r"step=.*: expected a number or an array of numbers"):
        REX()(bad, 10)


def test_any_number_is_a_step_however_large():
    assert Linear()(2**70, 2**72) == 0.75
    assert Linear()([2**70, -(2**80), 2**64], 2**72).tolist() == [0.75, 1, 1 - 2.0**-8]
    assert Linear()(2**64, 2**65) == Linear()(float(2**64), 2**65) == 0.5
    for one in (torch.ones((), dtype=torch.bfloat16), torch.ones((), requires_grad=True)):
        assert Linear()(one, 4) == 0.75
    with pytest.raises(ValueError, match=r"step=1000.*: expected numbers that a float can hold"):
        Linear()(10**400, 10)


@pytest.mark.filterwarnings("error")
def test_readings_finer_than_positions_are_the_profile_itself():
    for every in (5e-324, 1e-323, 2.3e-308, 1e-300, 1e-17):
        for total in (5e-324, 1, 100, 2.0**60):
            where = np.linspace(0, total, 11)
            held = Linear().sampled(every)(where, total)
            assert held.tolist() == Linear()(where, total).tolist()


@dataclass(frozen=True)
class Strict(Schedule):
    """Not registered (it has no name): checks what operators promise to a user's ``_at``."""

    def _at(self, t, T):
        assert t.ndim == 1
        assert t.flags.c_contiguous
        assert (t >= 0).all()
        assert (t <= T).all(), f"position {t.max()!r} in a run of {T!r}"
        return np.ones_like(t)


@pytest.mark.parametrize("f", [0.01, 0.07, 0.1, 0.15, 0.29, 0.45, 1 / 3])
def test_operators_ask_their_bases_only_inside_their_runs(f):
    s = Strict()
    operators = [
        s.warmup(f), s.cooldown(f), Constant().cooldown(f, s), s.floor(f), s.reflect(0.5), s * s,
        s.sampled(f), s.sampled(at=(f,)), s.then(s, at=f), s.repeat(3), s.repeat(7),
        s.repeat((f, 1 - f)), s.repeat((1 / 3, 1 / 3, 1 / 3)), s.warmup(f).cooldown(f).repeat(3),
    ]  # fmt: skip
    for schedule in operators:
        for total in (1, 2, 3, 7, 9, 10, 49, 97, 100, 1001):
            schedule(np.linspace(-1, total + 1, 333), total)
            schedule(np.arange(total + 1), total)
