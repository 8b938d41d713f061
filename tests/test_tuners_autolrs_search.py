"""The Gaussian process against scikit-learn's; the search on a noisy bowl with a cliff."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ritard.tuners import Tuner
from ritard.tuners.autolrs import RateSearch
from ritard.tuners.autolrs.gaussian import LENGTHS, NOISES, GaussianProcess
from ritard.tuners.autolrs.search import winsorised
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from tables import checked


def _data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.random(n))
    y = np.sin(6 * x) + 0.1 * rng.standard_normal(n)
    return x, (y - y.mean()) / y.std()


# ---- the process --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 10])
def test_posterior_is_scikit_learns(n: int) -> None:
    x, y = _data(n) if n > 1 else (np.array([0.3]), np.array([0.5]))
    ours = GaussianProcess.fit(x, y)
    kernel = ConstantKernel(ours.variance) * Matern(ours.length, nu=2.5)
    theirs = GaussianProcessRegressor(kernel, alpha=ours.noise, optimizer=None).fit(x[:, None], y)
    at = np.linspace(-0.2, 1.2, 50)
    mean, covariance = theirs.predict(at[:, None], return_cov=True)
    np.testing.assert_allclose(ours(at)[0], mean, atol=1e-9)
    np.testing.assert_allclose(ours.joint(at)[1], covariance, atol=1e-9)
    np.testing.assert_allclose(ours(at)[1], np.sqrt(np.diag(covariance)), atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_settings_are_the_likeliest_of_the_grid(seed: int) -> None:
    x, y = _data(8, seed)
    # The variance's estimate stands for one more observation, of size 1, independent of others.
    y1 = np.append(y, 1.0)
    at = np.geomspace(0.02, 50, 300)  # variances

    def likelihood(length: float, noise: float) -> float:
        covariance = np.eye(len(y1))
        covariance[:-1, :-1] = Matern(length, nu=2.5)(x[:, None]) + noise * np.eye(len(x))
        square = y1 @ np.linalg.inv(covariance) @ y1
        _, log_det = np.linalg.slogdet(covariance)
        return (-0.5 * (square / at + len(y1) * np.log(at) + log_det)).max()

    found = {(a, b): likelihood(a, b) for a in LENGTHS for b in NOISES}
    ours = GaussianProcess.fit(x, y)
    noise = ours.noise[0] / ours.variance
    chosen = min(found, key=lambda k: abs(k[0] - ours.length) + abs(k[1] - noise))
    assert chosen == pytest.approx((ours.length, noise))
    assert found[chosen] > max(found.values()) - 0.01


def test_its_likelihood_agrees_with_one_that_searches_freely() -> None:
    x, y = _data(40)
    kernel = ConstantKernel() * Matern(nu=2.5) + WhiteKernel()
    free = GaussianProcessRegressor(kernel, n_restarts_optimizer=3, random_state=0)
    at = np.linspace(0, 1, 30)
    mean = free.fit(x[:, None], y).predict(at[:, None])
    assert np.abs(GaussianProcess.fit(x, y)(at)[0] - mean).max() < 0.1


def test_extra_noise_takes_weight_from_an_observation() -> None:
    x, y = np.array([0.2, 0.8]), np.array([1.0, -1.0])
    extra = np.array([0.0, 1e6])
    mean, _ = GaussianProcess.fit(x, y, extra)(x)
    assert abs(mean[1] - GaussianProcess.fit(x[:1], y[:1])(x)[0][1]) < 0.5
    assert abs(mean[1] + 1.0) > 0.9


# ---- the search ---------------------------------------------------------------------------


class Bowl:
    """An asymmetric bowl in log10 rate on [1e-4, 1]; NaN from a cliff on."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.optimum = rng.uniform(-3.0, -1.0)
        self.cliff = self.optimum + rng.uniform(0.4, 1.0)

    def __call__(self, rate: float) -> float:
        x = math.log10(rate) - self.optimum
        if math.log10(rate) > self.cliff:
            return math.nan
        return 0.25 * x * x / (1 + 0.5 * abs(x)) if x < 0 else 0.6 * x * x


def _run(search: RateSearch, cost: Bowl, noise: float, seed: int, n: int = 10) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(n):
        rate = search.ask()
        search.tell(rate, cost(rate) + noise * rng.standard_normal())


def test_mean_regret_of_ten_evaluations() -> None:
    regrets = []
    for seed in range(40):
        bowl, search = Bowl(seed), RateSearch(1e-4, 1.0)
        _run(search, bowl, 0.01, seed + 1000)
        regrets.append(bowl(search.best()))  # the bowl's least value is 0
    assert np.mean(regrets) < 0.004


def test_is_a_tuner_and_deterministic_given_its_data() -> None:
    first, second = RateSearch(1e-4, 1.0), RateSearch(1e-4, 1.0, seed=7)
    tuner: Tuner[float] = first
    _run(first, Bowl(0), 0.05, 1)
    _run(second, Bowl(0), 0.05, 1)
    assert tuner.ask() == second.ask()  # with an even first round there is no chance in it


def test_first_round_is_even_on_the_log_scale() -> None:
    search = RateSearch(1e-3, 1.0, grid=4)
    np.testing.assert_allclose([search.ask() for _ in range(4)], [1e-3, 1e-2, 1e-1, 1.0])


def test_a_single_first_rate_is_log_uniform() -> None:
    drawn = [RateSearch(1e-4, 1.0, grid=1, seed=s).ask() for s in range(400)]
    positions = np.sort((np.log10(drawn) + 4) / 4)
    assert np.abs(positions - (np.arange(400) + 0.5) / 400).max() < 1.63 / math.sqrt(400)  # KS 1 %


def test_large_kappa_bisects_whatever_the_costs() -> None:
    """The queries of the released AutoLRS on [1e-3, 1e-1] after a first draw of .0153."""
    search = RateSearch(1e-3, 1e-1, grid=1, kappa=1e6)
    search.tell(0.0153, 1.0)
    rng = np.random.default_rng(0)
    asked = []
    for _ in range(9):
        asked.append(rate := search.ask())
        search.tell(rate, 2.0 + 0.3 * rng.standard_normal())
    published = [0.0010, 0.1000, 0.0039, 0.0404, 0.0018, 0.0077, 0.0622, 0.0251, 0.0117]
    assert {round(rate, 4) for rate in asked[:2]} == {0.001, 0.1}
    # Each published query has one of ours near it, at a tenth of the interval or closer.
    for rate in published:
        assert min(abs(math.log10(rate / own)) for own in asked) < 0.2
    gaps = np.diff(np.sort(np.log10([0.0153, *asked])))
    assert gaps.max() / gaps.min() < 4  # space-filling


def test_asked_again_before_tell_it_goes_elsewhere() -> None:
    search = RateSearch(1e-4, 1.0)
    _run(search, Bowl(3), 0.01, 3, n=5)
    three = [search.ask() for _ in range(3)]
    assert len({round(math.log10(rate), 2) for rate in three}) == 3


def test_more_asks_than_distinct_rates_end() -> None:
    search = RateSearch(0.1, 0.1 * (1 + 1e-15), grid=2)
    for _ in range(30):
        search.tell(search.ask(), 1.0)
    assert 0.1 <= search.best() <= search.high


# ---- what diverged -------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e6, 1e30])
def test_a_diverged_cost_does_not_set_the_scale(bad: float) -> None:
    rng = np.random.default_rng(0)
    rates = np.geomspace(1e-4, 0.05, 6)
    costs = 0.1 * (np.log10(rates) + 2.2) ** 2 + 0.01 * rng.standard_normal(6)
    clean, cliff = RateSearch(1e-4, 1.0), RateSearch(1e-4, 1.0)
    for rate, cost in zip(rates, costs, strict=True):
        clean.tell(rate, cost)
        cliff.tell(rate, cost)
    cliff.tell(0.5, bad)
    between = np.sqrt(rates[:-1] * rates[1:])
    mean, deviation = clean.posterior(between)
    after, _ = cliff.posterior(between)
    assert (np.abs(after - mean) < deviation).all()
    assert cliff.best() == clean.best()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_best(bad: float) -> None:
    search = RateSearch(1e-4, 1.0)
    for rate, cost in ((1e-4, bad), (1e-2, 5.0), (1.0, bad)):
        search.tell(rate, cost)
    assert search.best() == 1e-2


def test_nothing_finite_is_an_error() -> None:
    search = RateSearch(1e-4, 1.0)
    with pytest.raises(ValueError, match="0 costs told"):
        search.best()
    for _ in range(6):
        search.tell(search.ask(), math.nan)  # and asking goes on
    with pytest.raises(ValueError, match="6 costs told, none of them finite"):
        search.best()


def test_winsorised_by_hand() -> None:
    # best 1, lower median 1.5: far above is more than 1 + 20 (1.5 - 1) = 11
    np.testing.assert_allclose(winsorised([1, 1.5, 2, 1e6]), [1, 1.5, 2, 2])
    np.testing.assert_allclose(winsorised([1, 1.5, 10.9, 11.1]), [1, 1.5, 10.9, 10.9])
    np.testing.assert_allclose(winsorised([1, 1.5, 2, math.nan]), [1, 1.5, 2, 2])
    # the lower median is the best itself: the next above it counts, 1 + 20 (2 - 1) = 21
    np.testing.assert_allclose(winsorised([1, 1, 1, 2, 20.9]), [1, 1, 1, 2, 20.9])
    np.testing.assert_allclose(winsorised([1, 1, 1, 2, 21.1]), [1, 1, 1, 2, 2])
    np.testing.assert_allclose(winsorised([3, -math.inf, 3]), [3, 3, 3])
    assert winsorised([]).size == 0


@checked
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12), st.integers(0, 12))
def test_winsorising_keeps_the_best_and_the_order(costs: list[float], where: int) -> None:
    costs.insert(where % (len(costs) + 1), math.inf)
    cut = winsorised(costs)
    assert cut.min() == min(costs)
    assert (np.diff(cut[np.argsort(costs, kind="stable")]) >= 0).all()
    assert (cut <= costs).all()


# ---- state, and bad input --------------------------------------------------------------------


def test_state_survives_json_in_mid_search() -> None:
    search, other = RateSearch(1e-4, 1.0), RateSearch(1e-4, 1.0)
    _run(search, Bowl(2), 0.01, 2, n=6)
    search.ask()
    other.load_state_dict(json.loads(json.dumps(search.state_dict())))
    assert other.ask() == search.ask()
    assert other.best() == search.best()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((1.0, 0.1), "expected low < high"),
        ((0.1, 0.1), "expected low < high"),
        ((0.0, 0.1), "low=0.0"),
        ((-1.0, 0.1), "low=-1.0"),
        ((0.1, math.inf), "high=inf"),
        ((0.1, math.nan), "high=nan"),
    ],
)
def test_bad_intervals(settings: tuple[float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RateSearch(*settings)


def test_bad_settings_and_tells() -> None:
    for settings in ({"grid": 0}, {"kappa": -1.0}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            RateSearch(0.1, 1.0, **settings)
    search = RateSearch(0.1, 1.0)
    for rate in (0.01, 2.0, math.nan):
        with pytest.raises(ValueError, match="choice"):
            search.tell(rate, 1.0)
    with pytest.raises(ValueError, match="of another than RateSearch"):
        search.load_state_dict({"rates": []})
    with pytest.raises(ValueError, match=r"searched \[0.2, 1.0\]"):
        search.load_state_dict(RateSearch(0.2, 1.0).state_dict())
