"""Scoring: the specification's table and fingerprints, a double loop, real problems, extensions."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Bound,
    Constant,
    Cosine,
    Exponential,
    GradNorms,
    Linear,
    OneCycle,
    OneMinusSqrt,
    Polynomial,
    Step,
    Tabulated,
    bound,
    bound_of_weights,
    extend,
    rank,
    refine,
)
from ritard.schedules.scoring.bound import bound_of_rates
from ritard.schedules.scoring.extend import COOLDOWNS
from tables import checked


def to_rounding(expected):
    return pytest.approx(expected, rel=1e-12)


def digits(expected, places):
    """Equal in the digits that the specification prints."""
    return pytest.approx(expected, rel=0, abs=0.5001 * 10.0**-places)


# ---- the specification's table: T = 4000, G = D = 1, eta_t = f((t - 1)/T) ---------------------

TABLE = [
    (Linear(), 2.002, 0.999),
    (WSD(decay=0.75, shape="linear"), 2.006, 0.797),
    (Linear().warmup(0.05), 2.019, 0.990),
    (REX(), 2.019, 0.807),
    (Polynomial(0.75), 2.024, 0.864),
    (WSD(decay=0.5, shape="linear"), 2.035, 0.655),
    (UBA(phi=0.8), 2.037, 0.801),
    (UBA(phi=1), 2.039, 0.837),
    (UBA(phi=0.5), 2.040, 0.735),
    (Polynomial(1.5), 2.042, 1.224),
    (WSD(decay=0.4), 2.043, 0.667),
    (UBA(phi=0.25), 2.059, 0.657),
    (WSD(decay=0.4, shape="linear"), 2.060, 0.607),
    (Cosine(), 2.061, 0.970),
    (UBA(phi=2), 2.061, 0.970),
    (Polynomial(0.5), 2.121, 0.707),
    (Polynomial(2), 2.122, 1.413),
    (WSD(decay=0.2), 2.129, 0.542),
    (UBA(phi=5), 2.135, 1.209),
    (WSD(decay=0.2, shape="linear"), 2.164, 0.513),
    (REX(d=0.9), 2.168, 0.558),
    (Cosine().floor(0.1), 2.176, 0.835),
    (Linear().floor(0.1), 2.182, 0.833),
    (Exponential(), 2.201, 1.434),
    (UBA(phi=10), 2.235, 1.447),
    (WSD(decay=0.1), 2.245, 0.477),
    (WSD(decay=0.1, shape="linear"), 2.288, 0.460),
    (Polynomial(3), 2.310, 1.731),
    (OneCycle(), 2.355, 0.772),
    (Step(), 2.495, 0.760),
    (Step(at=(1 / 3, 2 / 3)), 2.672, 1.011),
    (Constant(), 3.142, 0.318),
]


@pytest.mark.parametrize(("schedule", "omega", "gamma"), TABLE, ids=[str(r[0])[:30] for r in TABLE])
def test_the_table_at_4000_steps(schedule, omega, gamma):
    found = bound(schedule, 4000)
    assert found.value * math.sqrt(4000) == digits(omega, 3)
    assert found.best_base_lr * math.sqrt(4000) == digits(gamma, 3)


def test_the_table_of_decays_in_t():
    t, G = np.arange(1, 4001), np.ones(4000)
    assert bound_of_rates(t**-0.5, G).value * math.sqrt(4000) == digits(2.754, 3)
    assert bound_of_rates(t**-1.0, G).value * math.sqrt(4000) == digits(10.16, 2)


@pytest.mark.parametrize(
    ("rates", "norms", "omega", "gamma"),
    [
        ([1, 0.75, 0.5, 0.25], [1, 1, 1, 1], 1.0327956, 0.3872983),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.8416254, 0.2970443),
        ([1, 0.75, 0.5, 0.25], [4, 2, 1, 1], 2.4426761, 0.1637548),
    ],
)
def test_small_fingerprints(rates, norms, omega, gamma):
    found = bound_of_rates(np.array(rates, float), np.array(norms, float))
    assert found.value == digits(omega, 7) and found.best_base_lr == digits(gamma, 7)


def test_the_parts_of_the_bound():
    found = bound(Linear(), 4)
    assert found.A == to_rounding(0.2) and found.B == to_rounding(4 / 3)
    assert found.value == to_rounding(2 * math.sqrt(0.2 * 4 / 3))
    for rate in (0.01, 0.3872983, 5):
        assert found.at(rate) == to_rounding(0.2 / rate + 4 / 3 * rate)
    assert found.at(found.best_base_lr) == to_rounding(found.value)


# ---- against plain Python -----------------------------------------------------------------


def double_loop(s, G, D):
    """A and B of the formula, term by term."""
    T, total = len(s), math.fsum(s)
    B = math.fsum(s[t] ** 2 * G[t] ** 2 for t in range(T)) / (2 * total)
    for k in range(T - 1):
        after = math.fsum(s[t] for t in range(k + 1, T))
        upto = math.fsum(s[t] for t in range(k, T))
        moved = math.fsum(s[t] ** 2 * G[t] ** 2 for t in range(k, T))
        B += (s[k] / after) * (moved / upto) / 2
    return D**2 / (2 * total), B


rates = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=25)
positive = st.floats(1e-3, 1e3)


@checked
@given(rates, st.randoms(use_true_random=False), positive, st.integers(0, 3))
def test_the_bound_agrees_with_the_double_loop(s, random, D, zeros):
    G = [random.uniform(0, 3) ** 3 + 1e-3 for _ in s]
    A, B = double_loop(s, G, D)
    padded, norms = np.array(s + [0.0] * zeros), np.array(G + [7.0] * zeros)
    found = bound_of_rates(padded, norms, D)
    assert (found.A, found.B) == pytest.approx((A, B), rel=1e-11)
    assert found.value == pytest.approx(2 * math.sqrt(A * B), rel=1e-11)
    assert found.best_base_lr == pytest.approx(math.sqrt(A / B), rel=1e-11)


@checked
@given(rates, positive, positive, positive)
def test_scales_of_rates_norms_and_distance(s, rate, norm, distance):
    s, G = np.array(s), 1 + np.sin(np.arange(len(s))) ** 2
    one, other = bound_of_rates(s, G), bound_of_rates(rate * s, norm * G, distance)
    assert other.value == pytest.approx(one.value * norm * distance, rel=1e-11)
    lr = one.best_base_lr * distance / norm / rate
    assert other.best_base_lr == pytest.approx(lr, rel=1e-11)


# ---- theorems --------------------------------------------------------------------------------


class Problem:
    """max_i a_i x with the a_i balanced, so that 0 is a minimiser and the minimum is 0."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        dim = int(self.random.integers(1, 5))
        half = self.random.normal(size=(int(self.random.integers(1, 6)), dim))
        self.a = np.vstack([half, -self.random.uniform(0.1, 3) * half])
        self.start = self.random.normal(size=dim)
        self.distance = float(np.linalg.norm(self.start))

    def run(self, rates):
        """Value at x_T, reached by T - 1 updates, and the T norms; f* = 0."""
        x, norms = self.start.copy(), []
        for eta in rates:
            value, g = (self.a @ x).max(), self.a[np.argmax(self.a @ x)]
            norms.append(float(np.linalg.norm(g)))
            x = x - eta * g
        return value, np.array(norms)


def test_no_problem_beats_the_rule_for_weights_and_some_come_close():
    worst = 0.0
    for seed in range(300):
        problem = Problem(seed)
        T = int(problem.random.integers(1, 12))
        w = problem.random.uniform(0.05, 1, size=T) ** 2
        later = np.append(np.cumsum(w[:0:-1])[::-1], 0)
        gap, G = problem.run(w * later / w.sum())
        worst = max(worst, gap / bound_of_weights(w, G, problem.distance))
    assert 0.8 < worst <= 1


def test_no_problem_beats_the_bound():
    for seed in range(300):
        problem = Problem(seed)
        T = int(problem.random.integers(1, 12))
        s = problem.random.uniform(0.05, 1, size=T) ** 2
        gap, G = problem.run(0.3 * s)
        assert gap <= bound_of_rates(s, G, problem.distance).at(0.3)


def test_linear_decay_has_the_bound_of_its_weights():
    for T, D, G in [(1, 1, 1), (9, 2.0, 3.0), (400, 0.1, 7.0)]:
        weights = np.full(T, D / (G * math.sqrt(T)))
        assert bound_of_weights(weights, G, D) == to_rounding(D * G / math.sqrt(T))
        worse = [bound_of_weights(c * weights, G, D) for c in (0.99, 1.01)]
        assert min(worse) > D * G / math.sqrt(T)
    assert bound(Linear(), 10**5).value * math.sqrt(10**5) == pytest.approx(2, abs=2e-4)


def test_the_refined_weights_are_the_best_ones():
    rng = np.random.default_rng(3)
    G = rng.uniform(0.5, 4, size=30)
    w = G**-2 / math.sqrt(np.sum(G**-2))
    best = bound_of_weights(w, G)
    assert best == to_rounding(1 / math.sqrt(np.sum(G**-2)))
    for _ in range(20):
        assert bound_of_weights(w * np.exp(rng.normal(size=30) * 0.1), G) > best


def least_bound(G):
    """The bound's minimum over positive rates, and these rates over their largest."""
    squares, z = torch.tensor(G) ** 2, torch.log(torch.tensor(Linear().values(len(G))))
    search = torch.optim.LBFGS([z.requires_grad_()], max_iter=2000, line_search_fn="strong_wolfe")

    def later(values):
        return values.flip(0).cumsum(0).flip(0)

    def log_omega():
        search.zero_grad()
        eta = z.exp()
        S, Q = later(eta), later(eta**2 * squares)
        B = Q[0] / (2 * S[0]) + ((eta[:-1] / S[1:]) * (Q[:-1] / S[:-1])).sum() / 2
        loss = torch.log(2 * torch.sqrt(B / (2 * S[0])))
        loss.backward()
        return loss

    search.step(log_omega)
    best = z.detach().exp().numpy()
    value = bound_of_rates(best, G).value
    return value, best / best.max()


def test_the_best_schedule_for_constant_norms_is_near_linear_decay():
    """The rest is the last few updates: it halves when the run doubles."""
    T = 200
    value, best = least_bound(np.ones(T))
    assert value < bound(Linear(), T).value < 1.01 * value
    np.testing.assert_allclose(best, Linear().values(T), rtol=0, atol=0.05)
    np.testing.assert_allclose(best[:150], Linear().values(T)[:150], rtol=0, atol=0.01)


def test_refining_is_close_to_the_least_bound_under_falling_norms():
    """The specification has 0.3 to 2.5 % at T = 200."""
    G = 1 + 4 * np.exp(-8 * np.arange(200) / 200)
    value, _ = least_bound(G)
    refined = bound(refine(GradNorms.of(G), 1e-9), 200, G).value
    assert value < refined < 1.025 * value
    assert bound(Linear(), 200, G).value > 1.4 * refined


# ---- edges ---------------------------------------------------------------------------------


def test_updates_at_rate_zero_at_the_end_are_none():
    early = Linear().then(Constant(0), at=0.5)
    assert bound(early, 80).value == to_rounding(bound(Linear(), 40).value)
    assert bound(early, 80).best_base_lr == to_rounding(bound(Linear(), 40).best_base_lr)
    norms = np.append(np.ones(40), np.full(40, 1e9))  # they do not count either
    assert bound(early, 80, norms) == bound(early, 80)
    tail = bound_of_rates(np.array([1, 0.5, 1e-310, 1e-320]), np.ones(4))
    assert tail == bound_of_rates(np.array([1, 0.5]), np.ones(2))


def test_updates_at_rate_zero_elsewhere_do_nothing():
    s = np.array([0, 1, 0, 0.5, 0.25])
    found = bound_of_rates(s, np.array([9, 2, 9, 1, 1.0]))
    assert found.value == to_rounding(
        bound_of_rates(np.array([1, 0.5, 0.25]), np.array([2, 1, 1.0])).value
    )


def test_one_update():
    """Omega = (D^2/gamma + gamma G^2)/2, least at gamma = D/G."""
    assert bound(Linear(), 1, 4.0, 3.0) == Bound(12.0, 0.75)


@pytest.mark.parametrize("G", [1e300, 1e-300])
@pytest.mark.parametrize("D", [1e300, 1e-300, 1.0])
def test_huge_and_tiny_values_do_not_overflow(G, D):
    plain = bound(Cosine(), 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bound(Cosine(), 50, G, D)
        small = bound(Cosine() * Constant(1e-300), 50, 1e-300)
        assert bound_of_rates(np.array([1e300, 1e299]), np.ones(2)).value > 0.1
    assert found.value == pytest.approx(plain.value * G * D)
    assert found.best_base_lr == pytest.approx(plain.best_base_lr * D / G)
    assert small.value == pytest.approx(plain.value * 1e-300)
    assert math.isinf(small.best_base_lr)  # 1e600


def test_norms_with_zeros():
    norms = np.array([1e-200, 0, 0, 1.0])
    found = bound_of_rates(np.array([1, 1, 1, 1e-250]), norms)
    assert 0 < found.value < math.inf and 0 < found.best_base_lr < math.inf
    assert bound(Constant(), 3, [1, 0, 0]).value < bound(Constant(), 3, [1, 1, 1]).value


def test_a_log_is_resampled_to_the_run():
    G = np.array([4, 2, 1, 1, 2.0])
    nine = np.interp(np.linspace(0, 1, 9), np.linspace(0, 1, 5), G)
    assert bound(Linear(), 9, GradNorms.of(G)) == bound(Linear(), 9, nine)
    assert bound(Linear(), 5, GradNorms.of(G)) == bound(Linear(), 5, G.tolist())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bound(Linear(), 0), ValueError, "total_steps=0: expected an int >= 1"),
        (lambda: bound(Linear(), 2.5), TypeError, "total_steps=2.5"),
        (lambda: bound(Linear(), 3, [1, 2]), ValueError, "grad_norms: 2 of them; expected 3"),
        (
            lambda: bound(Linear(), 2, [1, -2]),
            ValueError,
            r"grad_norms\[1\]=-2.0; expected .* >= 0",
        ),
        (lambda: bound(Linear(), 2, math.nan), ValueError, r"grad_norms\[0\]=nan"),
        (lambda: bound(Linear(), 2, [1, math.inf]), ValueError, r"grad_norms\[1\]=inf"),
        (lambda: bound(Linear(), 2, 0.0), ValueError, "grad_norms: zero wherever"),
        (lambda: bound(Tabulated((0, 2)), 2, [1, 0]), ValueError, "grad_norms: zero wherever"),
        (lambda: bound(Linear(), 2, distance=0), ValueError, "distance=0: expected a finite"),
        (lambda: bound(Linear(), 2, distance=math.inf), ValueError, "distance=inf"),
        (lambda: bound(Constant(0), 9), ValueError, "schedule: it is zero throughout"),
        (lambda: bound(Linear(), 2).at(0), ValueError, "base_lr=0: expected a finite number > 0"),
        (lambda: bound_of_weights([]), ValueError, "weights"),
        (lambda: bound_of_weights([1, 0]), ValueError, "weights: .*finite numbers > 0"),
        (lambda: bound_of_weights([1, math.nan]), ValueError, "weights"),
        (lambda: rank([], 10), ValueError, "schedules"),
        (lambda: extend(Linear(), 0, 10), ValueError, "done_steps=0"),
        (lambda: extend(Linear(), 10, 10), ValueError, "total_steps=10: .*done_steps=10"),
        (lambda: extend(Linear(), 10, 20, 5), ValueError, "done_total=5: .*done_steps=10"),
        (lambda: extend(Linear(), 1, 2, shape="no"), ValueError, "'no' is not a schedule"),
        (lambda: extend(Linear(), 1, 2, shape=3), TypeError, "shape=3: expected a schedule"),
        (lambda: extend(Linear(), 1, 3, grad_norms=[1, 2]), ValueError, "2 of them; expected 3"),
        (lambda: extend(Constant(0), 1, 3), ValueError, "zero throughout"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- rank ----------------------------------------------------------------------------------


def test_rank_is_the_order_of_the_table():
    order = [row[0] for row in sorted(TABLE, key=lambda row: bound(row[0], 4000).value)]
    shuffled = [order[i] for i in np.random.default_rng(0).permutation(len(order))]
    found = rank(shuffled, 4000)
    assert [r.bound.value for r in found] == sorted(bound(s, 4000).value for s in order)
    assert found[0].schedule == Linear() and found[0].relative == 1
    assert found[-1].schedule == Constant()
    assert found[-1].relative == pytest.approx(3.142 / 2.002, rel=5e-4)
    first = bound(shuffled[0], 4000).best_base_lr
    for r in found:
        assert r.bound == bound(r.schedule, 4000)
        assert r.relative == to_rounding(r.bound.value / found[0].bound.value)
        assert r.rate_factor == to_rounding(r.bound.best_base_lr / first)


def test_rate_factors_are_those_of_the_first_schedule():
    linear, cosine = rank([Linear(), Cosine()], 4000)
    assert linear.rate_factor == 1
    assert cosine.rate_factor == pytest.approx(0.970 / 0.999, abs=1e-3)


def test_recorded_norms_change_the_ranking():
    G = 1 + 9 * np.exp(-30 * np.arange(1000) / 1000)
    assert rank([Linear(), WSD()], 1000)[0].schedule == Linear()
    assert rank([Linear(), Linear().warmup(0.05)], 1000, GradNorms.of(G))[
        0
    ].schedule == Linear().warmup(0.05)


# ---- extend ---------------------------------------------------------------------------------


def continuation(rate, cooldown, shape, steps):
    family = shape if cooldown == 1 else Constant().cooldown(cooldown, shape)
    return rate * family.values(steps)


@pytest.mark.parametrize("shape", [OneMinusSqrt(), Linear()])
@pytest.mark.parametrize(
    ("done", "n", "T", "planned"),
    [(WSD(), 400, 800, None), (Constant(), 300, 900, 500), (Cosine(), 90, 100, 200)],
)
def test_an_extension_is_no_worse_than_naive_ones(done, n, T, planned, shape):
    """By 1e-6: what the search for the rate leaves."""
    found = extend(done, n, T, planned, shape)
    past = done.values(planned or n)[:n]
    base_lr = bound(done, planned or n).best_base_lr
    for cooldown in COOLDOWNS:
        for rate in (0.1, 0.5, 0.9 * found.rate, 1.1 * found.rate, 1.0, 2.0):
            rates = np.append(past, continuation(rate, cooldown, shape, T - n))
            assert found.bound <= bound_of_rates(rates, np.ones(T)).at(base_lr) * (1 + 1e-6)
    held = np.append(past, np.ones(T - n))
    assert found.bound < bound_of_rates(held, np.ones(T)).at(base_lr)
    assert 0 < found.fresh <= found.bound


def test_a_cooldown_takes_any_twentieth_of_a_continuation():
    assert [20 * part for part in COOLDOWNS] == pytest.approx(range(1, 21))


def test_an_extension_says_what_it_did():
    n, T = 400, 1000
    found = extend(WSD(), n, T, shape="linear")
    values = found.schedule.values(T)
    # A horizon's positions t/T meet the knots to rounding: 1e-16 T of a step between neighbours.
    np.testing.assert_allclose(values[:n], WSD().values(n), rtol=0, atol=1e-12)
    assert found.cooldown in COOLDOWNS
    rest = continuation(found.rate, found.cooldown, Linear(), T - n)
    np.testing.assert_allclose(values[n:], rest, rtol=0, atol=1e-12)
    assert values[n] == pytest.approx(found.rate, abs=1e-12)
    base_lr = bound(WSD(), n).best_base_lr
    assert found.bound == pytest.approx(bound(found.schedule, T).at(base_lr), rel=1e-9)
    fresh = min(bound(WSD(decay=c, shape="linear"), T).value for c in COOLDOWNS[:-1])
    assert found.fresh == to_rounding(min(fresh, bound(Linear(), T).value))


def test_half_of_a_linear_decay_goes_on_linearly():
    """Linear decay is in the family: from the value reached, over all that is left."""
    linear = bound(Linear(), 1000).value
    found = extend(Linear(), 500, 1000, done_total=1000, shape="linear")
    assert 0.99 * linear < found.bound <= linear * (1 + 1e-9)
    assert found.rate == pytest.approx(0.5, abs=0.05) and found.cooldown >= 0.9
    late = extend(Linear(), 500, 1000, shape="linear")  # it was planned to end at 500
    assert late.bound > 1.01 * linear and late.fresh == found.fresh <= linear


@pytest.mark.parametrize(("n", "T"), [(1, 2), (1, 30), (29, 30), (5, 7)])
def test_short_extensions(n, T):
    found = extend(Constant(), n, T)
    assert found.schedule.values(T).shape == (T,) and found.rate > 0
    assert found.schedule(T, T) == 0


def test_an_extension_uses_the_norms_of_the_longer_run():
    """What it costs per unit of rate falls with the later norms, so the rate rises."""
    low = extend(Constant(), 50, 100, grad_norms=np.append(np.ones(50), np.full(50, 0.5)))
    assert low.rate > 1.2 * extend(Constant(), 50, 100).rate
    log = GradNorms.of(np.linspace(2, 1, 200))
    assert extend(Constant(), 50, 100, grad_norms=log).bound > 0


def test_the_plan_may_be_longer_than_the_run_that_is_now_wanted():
    """Beyond the known norms the last one holds: then it is the plan under constant norms."""
    G = np.append(np.full(2, 5.0), np.ones(98))
    found = extend(Linear(), 50, 100, done_total=150, grad_norms=G)
    base_lr = bound(Linear(), 150, np.append(G, np.ones(50))).best_base_lr
    assert found.bound == pytest.approx(bound(found.schedule, 100, G).at(base_lr), rel=1e-9)
