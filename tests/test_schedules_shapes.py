"""The shapes against the spec's figures, closed forms, torch, transformers and SciPy."""

import math

import numpy as np
import pytest
import torch
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Chebyshev,
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    OneCycle,
    OneMinusSqrt,
    Polynomial,
    Schedule,
    Step,
    Tabulated,
)
from scipy.integrate import quad
from scipy.interpolate import make_interp_spline
from tables import DECAYS, EVERY, SHAPES, bits, label
from torch.optim import lr_scheduler as peers

TENTHS = np.arange(11.0)

# ---- figures of the spec --------------------------------------------------------------------

PRINTED = {  # sections 2.7 and 3.3, at x = 0, .1, ..., 1
    REX(): "1 .9474 .8889 .8235 .75 .6667 .5714 .4615 .3333 .1818 0",
    REX(d=0.9): "1 .989 .9756 .9589 .9375 .9091 .8696 .8108 .7143 .5263 0",
    UBA(phi=0.25): "1 .9969 .9870 .9686 .9381 .8889 .8085 .6750 .4579 .1671 0",
    UBA(phi=0.5): "1 .9938 .9743 .9391 .8834 .8 .6786 .5094 .2969 .0912 0",
    UBA(phi=1): "1 .9876 .9499 .8851 .7912 .6667 .5136 .3418 .1743 .0478 0",
    UBA(phi=5): "1 .9410 .7912 .6064 .4311 .2857 .1743 .0941 .0405 .0099 0",
}
HALF_A_UNIT = 0.5e-4 + 1e-12  # of the last printed digit


@pytest.mark.parametrize("schedule", PRINTED, ids=str)
def test_fingerprints_of_the_spec(schedule):
    printed = np.array([float(v) for v in PRINTED[schedule].split()])
    assert np.abs(schedule(TENTHS, 10) - printed).max() <= HALF_A_UNIT
    assert schedule(0, 10) == 1.0
    assert schedule(10, 10) == 0.0


@pytest.mark.parametrize(
    ("phi", "middle"),
    [(0.25, 0.8889), (0.5, 0.8), (1, 0.6667), (2, 0.5), (5, 0.2857), (10, 0.1667)],
)
def test_uba_mid_points(phi, middle):
    assert UBA(phi)(50, 100) == pytest.approx(middle, abs=HALF_A_UNIT)
    assert UBA(phi)(50, 100) == pytest.approx(2 / (2 + phi), rel=1e-14)


def mean(schedule):
    return quad(lambda x: schedule(x, 1.0), 0, 1, epsabs=1e-11, epsrel=1e-11, limit=200)[0]


def test_mean_of_rex():
    assert mean(REX()) == pytest.approx(0.613706, abs=0.5e-6)
    assert mean(REX()) == pytest.approx(2 * (1 - math.log(2)), rel=1e-10)


@pytest.mark.parametrize("d", [0.9, 0.2, -0.7, -3.0])
def test_mean_of_a_reflection(d):
    expected = 1 / d + (1 - d) * math.log(1 - d) / d**2
    assert mean(Linear().reflect(d)) == pytest.approx(expected, rel=1e-9)
    assert mean(REX(d)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("phi", [0.25, 0.5, 1, 2, 5, 10])
def test_mean_of_uba(phi):
    assert mean(UBA(phi)) == pytest.approx(1 / (1 + math.sqrt(phi / 2)), rel=1e-9)


@pytest.mark.parametrize("d", [0.5, 0.9, -1.5])
def test_slopes_at_the_ends(d):
    h = 1e-7
    start = (REX(d)(h, 1.0) - REX(d)(0.0, 1.0)) / h
    end = (REX(d)(1.0, 1.0) - REX(d)(1.0 - h, 1.0)) / h
    assert start == pytest.approx(-(1 - d), rel=1e-4)
    assert end == pytest.approx(-1 / (1 - d), rel=1e-4)


# ---- closed forms; every coefficient counts -------------------------------------------------

X = np.arange(98) / 97
U = np.clip((X - 0.8) / 0.2, 0, 1)
# A schedule, its closed form in x, and the form's coefficients.
FORMS = [
    (Linear(), lambda a, b: a - b * X, (1, 1)),
    (Constant(0.3), lambda a: np.full_like(X, a), (0.3,)),
    (Polynomial(2.5), lambda a, p: (a - X) ** p, (1, 2.5)),
    (Cosine(), lambda a, b, w: a + b * np.cos(w * X), (0.5, 0.5, np.pi)),
    (Exponential(), lambda a, g: a * np.exp(g * X), (1, -3)),
    (Exponential(gamma=-1.3), lambda g: np.exp(g * X), (-1.3,)),
    (OneMinusSqrt(), lambda a, b, p: a - b * X**p, (1, 1, 0.5)),
    (
        OneCycle(),
        lambda lo, hi, m: np.where(X < m, lo + (hi - lo) * X / m, hi - (hi - lo) * (X - m) / m),
        (0.1, 1, 0.5),
    ),
    (REX(), lambda a, b, c: a * (1 - X) / (b + c * (1 - X)), (1, 0.5, 0.5)),
    (REX(d=0.9), lambda a, b, c: a * (1 - X) / (b + c * (1 - X)), (1, 0.1, 0.9)),
    (
        UBA(phi=5),
        lambda a, b, w, o: a * (o + np.cos(w * X)) / (b + (2 - 5) * (o + np.cos(w * X))),
        (2, 10, np.pi, 1),
    ),
    (
        Chebyshev(kappa=3),
        lambda a, b, c, h: (
            a
            * (1 + np.cos(c * np.minimum(X + h / 97, 1)))
            / (b - 4 * (1 + np.cos(np.pi * np.minimum(X + h / 97, 1))))
        ),
        (2, 12, np.pi, 0.5),
    ),
    (InverseSqrt(), lambda a, b: (a + b * 97 * X) ** -0.5, (1, 1)),
    (InverseSqrt(timescale=0.1), lambda a, p: (a / (a + X)) ** p, (0.1, 0.5)),
    (WSD(), lambda a, b, p: a - b * U**p, (1, 1, 0.5)),
    (WSD(shape="linear"), lambda a, b: a - b * U, (1, 1)),
    (WSD(shape="cosine"), lambda a, w: a * (1 + np.cos(w * U)), (0.5, np.pi)),
    (Tabulated((0.1, 1, 0.4)), lambda a, b, c: np.interp(X, (0, 0.5, 1), (a, b, c)), (0.1, 1, 0.4)),
    (OneCycle.momentum(), lambda a, b: a - b * (1 - np.abs(1 - 2 * X)), (1, 1 - 0.85 / 0.95)),
]


@pytest.mark.parametrize(("schedule", "form", "coefficients"), FORMS, ids=label)
def test_closed_form_and_each_of_its_coefficients(schedule, form, coefficients):
    values = schedule(np.arange(98), 97)
    # 1e-12: a few roundings of numbers of order 1, and the conditioning near zeros
    assert np.abs(values - form(*coefficients)).max() < 1e-12
    for i, c in enumerate(coefficients):
        changed = [*coefficients[:i], 1.01 * c, *coefficients[i + 1 :]]
        with np.errstate(invalid="ignore"):
            off = np.nanmax(np.abs(values - form(*changed)))
        assert off > 1e-5, f"a change of coefficient {i} by 1 % goes unseen"


def test_step_by_hand():
    expected = [1.0] * 50 + [0.1] * 25 + [0.1**2] * 25
    assert Step().values(100).tolist() == pytest.approx(expected, rel=1e-15)
    assert Step(factor=0.5, at=(3, 3, 7))(np.arange(9), 8).tolist() == [
        1, 1, 1, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125,
    ]  # fmt: skip
    assert Step(factor=0.5, at=(0,))(0, 8) == 0.5
    assert Step(at=()).values(5).tolist() == [1.0] * 5


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_percent_of_a_hundred_is_a_whole_step(percent):
    schedule = Step(factor=0.5, at=(percent / 100,))
    assert schedule(percent - 1, 100) == 1.0
    assert schedule(percent, 100) == 0.5
    assert Linear().sampled(every=0.01)(percent, 100) == Linear()(percent, 100)


# ---- sampling rates -------------------------------------------------------------------------


def test_readings_at_50_75():
    where = [0, 49, 50, 74, 75, 99, 100]
    rex = REX().sampled(at=(0.5, 0.75))(where, 100)
    assert rex == pytest.approx([1, 1, 2 / 3, 2 / 3, 0.4, 0.4, 0.4], rel=1e-15)
    linear = Linear().sampled(at=(0.5, 0.75))(where, 100)
    assert linear.tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("percent", [1, 2, 3, 5, 7, 10, 12, 29, 33])
@pytest.mark.parametrize("total", [100, 300, 1000, 1700])
def test_readings_every_few_percent_are_exact(percent, total):
    t = np.arange(total + 1)
    read = (100 * t // (percent * total)) * percent * total / 100  # whole numbers until here
    values = REX().sampled(every=percent / 100)(t, total)
    assert np.abs(values - REX()(read, total)).max() < 1e-13


def test_linear_at_sampled_rates_is_the_expected_staircase():
    assert Linear().sampled(every=0.1).values(100)[[0, 9, 10, 29, 30, 99]] == pytest.approx(
        [1, 1, 0.9, 0.8, 0.7, 0.1], rel=1e-14
    )
    assert Linear().sampled(every=30)([0, 29, 30, 59, 60, 99, 100], 100).tolist() == pytest.approx(
        [1, 1, 0.7, 0.7, 0.4, 0.1, 0.1]
    )


# ---- Chebyshev ------------------------------------------------------------------------------


def chebyshev_steps(smallest, largest, T):
    angles = (2 * np.arange(1, T + 1) - 1) * np.pi / (2 * T)
    inverse = (largest + smallest) / 2 - (largest - smallest) / 2 * np.cos(angles)
    return np.sort(1 / inverse)[::-1]


@pytest.mark.parametrize(("kappa", "T"), [(50, 40), (2, 7), (1.5, 100), (1000, 25)])
def test_uba_of_twice_kappa_is_sorted_chebyshev_steps(kappa, T):
    steps = chebyshev_steps(1.0, kappa, T)
    # UBA itself read at the half-integer angles, theta = pi (t + 1/2) / T
    low, high = 1 / kappa, 1.0
    from_uba = low + (high - low) * UBA(phi=2 * kappa)(np.arange(T) + 0.5, T)
    assert np.abs(from_uba - steps).max() < 1e-14
    direct = Chebyshev(kappa).floor(1 / kappa).values(T)
    assert np.abs(direct - steps).max() < 1e-14


def test_chebyshev_reaches_the_min_max_value():
    kappa, T = 50.0, 40
    steps = Chebyshev(kappa).floor(1 / kappa).values(T)
    spectrum = np.linspace(1.0, kappa, 200_001)
    # Leja-like pairing is not needed for evaluating a product
    largest = np.abs(np.prod(1 - steps[:, None] * spectrum[None, ::50], axis=0)).max()
    rho = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
    assert largest == pytest.approx(2 * rho**T / (1 + rho ** (2 * T)), rel=1e-6)
    assert largest == pytest.approx(2.261484e-5, abs=0.5e-11)


def test_uba_at_2_is_cosine_and_at_0_constant():
    t = np.arange(1001)
    assert np.abs(UBA(2)(t, 1000) - Cosine()(t, 1000)).max() < 1e-15
    assert (UBA(0)(t, 1000) == 1.0).all()
    assert UBA(1e-12)(t[:-1], 1000) == pytest.approx(np.ones(1000), abs=1e-6)


def test_uba_lies_above_cosine_below_2_and_below_it_above_2():
    t = np.arange(1, 100)
    assert (UBA(1.9)(t, 100) > Cosine()(t, 100)).all()
    assert (UBA(2.1)(t, 100) < Cosine()(t, 100)).all()


@pytest.mark.parametrize("phi", [0.25, 0.5, 1, 2, 5])
def test_uba_is_none_of_the_wrong_variants(phi):
    x, values = np.linspace(0, 0.99, 100), UBA(phi)(np.linspace(0, 99, 100), 100)
    assert np.abs(values - (1 - x) ** phi).max() > 0.05
    assert np.abs(values - (1 - phi * x) ** 2 / math.sqrt(phi / 2)).max() > 0.05


def test_chebyshev_is_not_uba_on_whole_angles():
    assert np.abs(Chebyshev(50).values(40) - UBA(100).values(40)).max() > 0.01


# ---- torch, transformers, SciPy -------------------------------------------------------------


def optimizer(lr=1.0, momentum=0.0):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=momentum)


def rates(scheduler, count, entry="lr"):
    group, found = scheduler.optimizer.param_groups[0], []
    for _ in range(count):
        found.append(group[entry])
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(found)


T = 60
STEPWISE = 1e-12  # torch's own recursion loses that much over 60 steps
TORCH = [
    (Cosine(), lambda o: peers.CosineAnnealingLR(o, T_max=T)),
    (Cosine().floor(0.1), lambda o: peers.CosineAnnealingLR(o, T_max=T, eta_min=0.1)),
    (UBA(2).floor(0.1), lambda o: peers.CosineAnnealingLR(o, T_max=T, eta_min=0.1)),
    (Linear(), lambda o: peers.LinearLR(o, start_factor=1, end_factor=0, total_iters=T)),
    (Linear().floor(0.3), lambda o: peers.LinearLR(o, 1, 0.3, total_iters=T)),
    (Polynomial(2), lambda o: peers.PolynomialLR(o, total_iters=T, power=2)),
    (Polynomial(0.7), lambda o: peers.PolynomialLR(o, total_iters=T, power=0.7)),
    (Exponential(), lambda o: peers.ExponentialLR(o, gamma=math.exp(-3 / T))),
    (Exponential(T * math.log(0.9)), lambda o: peers.ExponentialLR(o, gamma=0.9)),
    (Step(), lambda o: peers.MultiStepLR(o, milestones=[T // 2, 3 * T // 4], gamma=0.1)),
    (Step(0.4, (5, 17, 40)), lambda o: peers.MultiStepLR(o, milestones=[5, 17, 40], gamma=0.4)),
    (Step(0.5, (15, 30, 45)), lambda o: peers.StepLR(o, step_size=15, gamma=0.5)),
    (
        OneCycle(),
        lambda o: peers.CyclicLR(o, 0.1, 1.0, step_size_up=T // 2, cycle_momentum=False),
    ),
    (
        # torch counts its phases to total - 1 and pct * total - 1: these make them T and T/2
        OneCycle(),
        lambda o: peers.OneCycleLR(
            o, 1.0, total_steps=T + 1, pct_start=(T / 2 + 1) / (T + 1), anneal_strategy="linear",
            div_factor=10, final_div_factor=1, cycle_momentum=False,
        ),
    ),
    (Cosine().repeat(4), lambda o: peers.CosineAnnealingWarmRestarts(o, T_0=T // 4)),
    (
        Cosine().repeat((4, 8, 16, 32)),
        lambda o: peers.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2),
    ),
    (Constant().warmup(9), lambda o: peers.LinearLR(o, start_factor=1 / 10, total_iters=9)),
    (
        Cosine().warmup(9),
        lambda o: peers.SequentialLR(
            o,
            [
                peers.LinearLR(o, start_factor=1 / 10, total_iters=9),
                peers.CosineAnnealingLR(o, T_max=T - 9),
            ],
            milestones=[9],
        ),
    ),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("schedule", "peer"), TORCH, ids=label)
def test_torch_computes_the_same(schedule, peer):
    total = sum(schedule.lengths) if getattr(schedule, "lengths", None) else T
    theirs = rates(peer(optimizer()), total)
    assert np.abs(schedule.values(total) - theirs).max() < STEPWISE


@pytest.mark.filterwarnings("ignore")
def test_momentum_of_one_cycle_is_torchs():
    peer = peers.CyclicLR(
        optimizer(momentum=0.95), 0.1, 1.0, T // 2, base_momentum=0.85, max_momentum=0.95
    )
    theirs = rates(peer, T, "momentum")
    assert np.abs(0.95 * OneCycle.momentum().values(T) - theirs).max() < STEPWISE


def test_transformers_agree_once_warm_up_is_over():
    hf = pytest.importorskip("transformers.optimization")
    W = 7
    cases = [
        (Cosine().warmup(W), hf.get_cosine_schedule_with_warmup(optimizer(), W, T)),
        (Linear().warmup(W), hf.get_linear_schedule_with_warmup(optimizer(), W, T)),
        (InverseSqrt(W).warmup(W), hf.get_inverse_sqrt_schedule(optimizer(), W)),
        (
            InverseSqrt(20).warmup(W),
            hf.get_inverse_sqrt_schedule(optimizer(), W, timescale=20),
        ),
        (
            Cosine().repeat(3).warmup(W),
            hf.get_cosine_with_hard_restarts_schedule_with_warmup(optimizer(), W, T, num_cycles=3),
        ),
    ]
    for schedule, peer in cases:
        theirs, ours = rates(peer, T), schedule.values(T)
        assert np.abs(ours[W:] - theirs[W:]).max() < STEPWISE, str(schedule)
        # They start at t/W and waste the first update; ours is (t + 1)/(W + 1).
        t = np.arange(W)
        assert theirs[:W] == pytest.approx(t / W)
        assert ours[:W] == pytest.approx((t + 1) / (W + 1), rel=1e-14)


@pytest.mark.parametrize("kind", ["linear", "cosine", "1-sqrt"])
def test_transformers_wsd_is_ours(kind):
    hf = pytest.importorskip("transformers.optimization")
    for decay in (12, 30, 60):
        peer = hf.get_wsd_schedule(optimizer(), 0, decay, num_training_steps=T, decay_type=kind)
        theirs = rates(peer, T)
        assert np.abs(WSD(decay, kind).values(T) - theirs).max() < STEPWISE
        assert np.abs(Constant().cooldown(decay, kind).values(T) - theirs).max() < STEPWISE
        assert (
            np.abs(WSD(decay / T or 1, kind).values(T) - theirs).max() < STEPWISE
            if (decay < T)
            else True
        )


def test_tabulated_is_linear_interpolation():
    rng = np.random.default_rng(0)
    for n in (2, 3, 7, 50):
        table = rng.random(n)
        t = np.linspace(0, 123, 500)
        spline = make_interp_spline(np.linspace(0, 123, n), table, k=1)
        ours = Tabulated(tuple(table.tolist()))(t, 123)
        assert np.abs(ours - spline(t)).max() < 1e-13


def test_tabulated_knots_and_resampling_of_the_spec():
    table = (0.125, 0.45, 1, 0.2, 0)  # section 1.5, p = 2
    assert Tabulated(table)(np.arange(5), 4).tolist() == list(table)
    nine = Tabulated(table)(np.arange(9), 8)
    assert nine == pytest.approx([0.125, 0.2875, 0.45, 0.725, 1, 0.6, 0.2, 0.1, 0], abs=1e-15)
    assert Tabulated((0.4,)).values(3).tolist() == [0.4] * 3
    assert Tabulated(np.array([1, 0.5], dtype=np.float32)) == Tabulated((1.0, 0.5))
    assert Tabulated([1, 0]) == Tabulated((1, 0))


def test_inverse_sqrt_by_hand():
    assert InverseSqrt()([0, 3, 8, 99], 1000).tolist() == [1, 0.5, 1 / 3, 0.1]
    assert InverseSqrt(4)([0, 12, 32], 1000).tolist() == [1, 0.5, 1 / 3]
    assert InverseSqrt(0.1)([0, 30], 100) == pytest.approx([1, 0.5])


# ---- what every schedule does ---------------------------------------------------------------


@pytest.mark.parametrize("schedule", EVERY, ids=str)
def test_the_end_values_hold_outside(schedule):
    for total in (40, 97, 1000):
        first, last = schedule(0, total), schedule(total, total)
        assert schedule([-1, -0.5, -1e9, -np.inf], total).tolist() == [first] * 4
        assert schedule([total + 1, total + 0.5, 1e12, np.inf], total).tolist() == [last] * 4


@pytest.mark.parametrize("schedule", EVERY, ids=str)
@pytest.mark.parametrize("total", [30, 31, 37, 49, 57, 97, 100, 350, 1000, 1001])
def test_values_lie_in_the_unit_interval(schedule, total):
    values = schedule(np.arange(total + 1), total)
    assert np.isfinite(values).all()
    assert values.min() >= 0.0
    assert values.max() <= 1.0


@pytest.mark.parametrize("schedule", DECAYS, ids=str)
def test_decays_start_at_1_and_never_rise(schedule):
    for total in (7, 100, 1999):
        values = schedule(np.linspace(0, total, 4001), total)
        assert values[0] == 1.0
        assert np.diff(values).max() <= 1e-15  # the library's cosine may be off by its last bit


@pytest.mark.parametrize("schedule", SHAPES, ids=str)
def test_arrays_of_any_length_give_the_same_bits(schedule):
    t = np.arange(2001.0)
    whole = bits(schedule(t, 1999))
    for n in range(1, 2001, 1 if schedule in (Cosine(), Exponential(), Polynomial(1.7)) else 13):
        assert (bits(schedule(t[:n], 1999)) == whole[:n]).all(), n
    for i in range(0, 2001, 29):
        assert schedule(float(t[i]), 1999).hex() == float(whole[i : i + 1].view(float)[0]).hex()


@pytest.mark.parametrize("schedule", EVERY, ids=str)
def test_types_and_shapes_of_calls(schedule):
    total = 60
    flat = schedule(np.arange(60), total)
    assert flat.dtype == np.float64
    for scalar in (7, 7.0, np.int64(7), np.float32(7), np.array(7), torch.tensor(7)):
        assert type(schedule(scalar, total)) is float
        assert schedule(scalar, total) == flat[7]
    for grid in (
        np.arange(60).reshape(5, 12),
        np.asfortranarray(np.arange(60.0).reshape(5, 12)),
        np.arange(60.0).reshape(5, 12).T,
        np.arange(120).reshape(5, 24)[:, ::2],
        np.arange(60, dtype=np.int32)[::-1],
        np.arange(60, dtype=np.uint8)[::7],
        np.zeros((0,)),
        np.zeros((2, 0, 3)),
        torch.arange(60),
    ):
        found = schedule(grid, total)
        expected = schedule(np.arange(256.0), total)[np.asarray(grid).astype(int)]
        assert found.shape == tuple(grid.shape)
        assert (bits(found.ravel()) == bits(expected.ravel())).all()
    assert schedule(list(range(60)), total).tolist() == flat.tolist()


@pytest.mark.parametrize("schedule", EVERY, ids=str)
def test_a_call_leaves_its_argument_alone_and_is_pure(schedule):
    t = np.arange(60.0)
    first = schedule(t, 50)
    first_copy = first.copy()
    first[:] = -1  # nor do results share memory with anything kept
    assert t.tolist() == list(range(60))
    assert schedule(t, 50).tolist() == first_copy.tolist()
    assert schedule.values(50).tolist() == first_copy[:50].tolist()


def test_values_is_one_multiplier_an_update():
    for total in (1, 2, 57, 1000):
        assert Linear().values(total) == pytest.approx(1 - np.arange(total) / total)


def test_a_horizon_may_be_a_real_number():
    assert Linear()(0.25, 0.5) == 0.5
    assert Linear()(3, np.float64(10)) == 0.7


EXTREME = [
    UBA(1e16), UBA(1e17), UBA(1e300), UBA(5e-324), UBA(1234567.891), Chebyshev(1e17),
    Chebyshev(1e300), REX(-0.1), REX(-12345.678), REX(-1e17), REX(-1e300), REX(1 - 1e-16),
    Exponential(-1e300), Polynomial(1e-300), Polynomial(1e300),
    Linear().reflect(-1e17), Cosine().reflect(-999.1).reflect(0.999), UBA(77.7).reflect(0.3),
]  # fmt: skip


@pytest.mark.parametrize("schedule", EXTREME, ids=str)
@pytest.mark.filterwarnings("error")
def test_extreme_settings_stay_in_the_unit_interval(schedule: Schedule):
    for total in (1, 10, 97, 1000):
        values = schedule(np.arange(total + 1), total)
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1
        if not isinstance(schedule, Chebyshev):
            assert values[0] == 1.0


@pytest.mark.parametrize("total", [1e-300, 1e-9, 0.5, 1e9, 3e11, 1e300])
@pytest.mark.parametrize("schedule", [s for s in SHAPES if not hasattr(s, "decay")], ids=str)
def test_horizons_of_any_size(schedule, total):
    values = schedule(np.linspace(0, total, 101), total)
    assert np.isfinite(values).all()
    assert 0 <= values.min() <= values.max() <= 1
