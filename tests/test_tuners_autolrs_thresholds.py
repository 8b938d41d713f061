"""Every threshold of the search, from either side, and every constant of its fits, by hand."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from ritard.schedules import Constant
from ritard.tuners.autolrs import AutoLRS, Climb, Ledger, Released, Snapshot
from ritard.tuners.autolrs._bench import Bench
from ritard.tuners.autolrs._improved import improved
from ritard.tuners.autolrs._improved_settings import Settings
from ritard.tuners.autolrs._range_fit import advise, local_lines, smooth
from ritard.tuners.autolrs._ranks import Ranks
from ritard.tuners.autolrs._recording import Recording
from ritard.tuners.autolrs._scoring import scoring_batches
from ritard.tuners.autolrs._snapshot_room import fitting
from ritard.tuners.autolrs._stage import Stage
from ritard.tuners.autolrs._watch import Watch
from ritard.tuners.autolrs.decision import Decision, Trial, _process
from ritard.tuners.autolrs.early import lagging, rising
from ritard.tuners.autolrs.forecast import _Fit, _huber
from ritard.tuners.autolrs.gaussian import GaussianProcess
from ritard.tuners.autolrs.plan import ProbeShape
from scipy.interpolate import UnivariateSpline
from scipy.optimize import brentq
from scipy.stats import chi2, norm

EVEN = np.array([-1.0, 1.0] * 4)
"""Eight values of mean 0; the standard error of their mean is sqrt(1/7)."""


@pytest.mark.parametrize(("errors", "lost"), [(3.01, True), (2.99, False)])
def test_a_lower_scale_has_lost_from_three_errors_on(errors: float, lost: bool) -> None:
    found = lagging(0.5, list(5 + EVEN + errors * math.sqrt(1 / 7)), [5.0] * 9)
    assert (found is not None) == lost


@pytest.mark.parametrize(("errors", "rises"), [(2.01, True), (1.99, False)])
def test_losses_rise_from_two_errors_on(errors: float, rises: bool) -> None:
    assert rising([*EVEN, *(EVEN + errors * math.sqrt(2 / 7))]) == rises


# ---- a raised scale is watched ---------------------------------------------------------------

BENCH = Bench(None, None, Ranks(), Ledger())  # type: ignore[arg-type]  # it reads losses alone


def watched(watch: Watch, losses: list[float]) -> bool:
    for loss in losses:
        watch.add(torch.ones(1))
        watch.close(torch.tensor(loss, dtype=torch.float64))
    return watch.failed()


def watch() -> Watch:
    """A watch of nine updates, where losses before them were 2 with a deviation of 1."""
    return Watch(BENCH, [1.0, 3.0], Snapshot(torch.nn.Linear(1, 1)), 0, 9, 1.0)


def test_a_jump_is_of_the_last_thirds_median_by_three_deviations() -> None:
    assert watched(watch(), [0.0] * 6 + [5.01] * 3)
    assert not watched(watch(), [0.0] * 6 + [4.99] * 3)
    assert watched(watch(), [0.0] * 6 + [9.0, 9.0, 0.0])
    assert not watched(watch(), [0.0] * 6 + [9.0, 0.0, 0.0])  # a spike that is over again
    assert watched(watch(), [0.0] * 8 + [math.inf])


def test_what_is_watched_next_is_measured_by_the_lower_losses() -> None:
    lower, higher = watch(), watch()
    assert not watched(lower, [1.0] * 9) and not watched(higher, [2.5] * 9)
    assert watched(lower.next(), [1.01] * 9)
    assert not watched(higher.next(), [4.99] * 9)


# ---- where stages begin, and what they can pay -----------------------------------------------


def test_stages_begin_at_half_the_peak() -> None:
    """A warm-up of 1000 stands at (t + 1) / 1001."""
    assert Settings().plan(Constant().warmup(1000), 20_000).starts[0] == 500


def test_a_base_anneals_after_its_last_peak() -> None:
    mode = improved(Settings(), Constant().cooldown(0.5, "linear"), 20_000, BENCH, [])
    assert [mode._anneals(t) for t in (0, 10_000, 10_001)] == [False, False, True]


def test_a_winner_that_cannot_be_paid_again_gives_way_to_the_one_that_is_kept() -> None:
    shape = ProbeShape(5, 8, 0.6)
    stage = Stage(BENCH, Recording(50), 0, 30, 1.0, None, None, [], 0)  # type: ignore[arg-type]
    kept, error = Trial(2.0, 0.7, -0.3, 0.01), 0.02
    won, found = Decision(4.0, 0.5, error), [Trial(1.0, 1.0, 0.0, 0.0), kept]
    after = 30 + shape.after(50)
    stage._limit = BENCH.ledger.spent + after
    assert stage._affordable(won, found, shape) == won
    stage._limit -= 0.5
    assert stage._affordable(won, found, shape) == Decision(1.0, 0.0, error)
    stage._kept, stage._kept_scale = object(), 2.0  # type: ignore[assignment]
    assert stage._affordable(won, found, shape) == Decision(2.0, 0.3, 0.01)
    bolder = Decision(0.75, 0.5, error)
    assert stage._affordable(bolder, found, shape) == Decision(1.0, 0.0, error)


@pytest.mark.parametrize(("examples", "few"), [(255, True), (256, False)])
def test_fewer_than_256_examples_are_few(examples: int, few: bool) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        scoring_batches([torch.ones(128, 1), torch.ones(examples - 128, 1)], 2)
    assert bool(found) == few


def test_a_fifth_of_the_memory_is_left_alone() -> None:
    assert list(fitting(79, {"host": 100.0})) == ["host"]
    assert list(fitting(80.5, {"host": 100.0})) == []  # type: ignore[arg-type]


def test_validation_losses_are_taken_at_16_points() -> None:
    model = torch.nn.Linear(1, 1)
    tuner = AutoLRS.faithful(
        model, torch.optim.SGD(model.parameters(), lr=0.1), lambda x: model(x).sum(), 9,
        lr_min=1e-3, lr_max=0.1, val_fn=lambda: 1.0,
    )  # fmt: skip
    outlook = tuner._mode._outlook  # type: ignore[union-attr]
    outlook.on_validation = True
    outlook.begin(240)
    for _ in range(240):
        outlook.observe(torch.zeros(()))
    assert tuner.ledger.scored == 16


@pytest.mark.parametrize(("step", "least"), [(1.005, 1.005 / 4), (0.995, 0.995 / 2)])
def test_gaps_of_more_than_half_an_octave_are_divided(step: float, least: float) -> None:
    climb, asked = Climb(1.0, 2.0 ** (4 * step)), []
    for _ in range(8):
        asked.append(math.log2(climb.ask()) - 2 * step)
        climb.tell(climb.ask(), abs(asked[-1]))
    assert min(abs(one) for one in asked if abs(one) > 1e-9) == pytest.approx(least)


# ---- the fits --------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [-1, 1], ids=["falls", "rises"])
def test_a_fall_and_a_rise_count_from_five_standard_errors_on(sign: int) -> None:
    rates, noise = np.geomspace(1e-4, 1, 41), np.random.default_rng(0).normal(size=41)

    def errors(size: float) -> float:
        found = smooth(rates, changes(size), None)
        ratios = sign * found.level / found.error
        return float(ratios.max() if sign < 0 else ratios[-1])  # a rise is one to the end

    def changes(size: float) -> Any:
        return sign * size * np.linspace(0, 1, 41) ** 2 + noise

    for much, counts in ((4.97, False), (5.03, True)):
        size = brentq(lambda size, much=much: errors(size) - much, 0.1, 100)
        assert errors(size) == pytest.approx(much, rel=1e-3)
        reason = advise(rates, changes(size), None).reason
        assert ("neither falls nor rises" not in reason) == counts


def test_what_a_decisions_process_sees() -> None:
    differences = [0.0, 50.0, -0.1, 9.0, 0.25]
    tried = [
        Trial(s, 1.0, d, 0.0) for s, d in zip((1.0, 4.0, 0.5, 16.0, 2.0), differences, strict=True)
    ]
    process, spread = _process(tried)
    assert process.x == pytest.approx([0.0, 0.5, -0.25, 1.0, 0.25])  # four octaves are one unit
    shown = spread * (process.y - process.y[0])
    assert shown == pytest.approx([0.0, 0.3, -0.1, 0.3, 0.25])  # three times the largest gain


@pytest.mark.parametrize("y", [0.5, 2.0])
def test_the_variance_of_a_process_counts_one_observation_of_size_one(y: float) -> None:
    process = GaussianProcess.fit(np.zeros(1), np.array([y]))
    noise = process.noise[0] / process.variance
    assert process.variance == pytest.approx((1 + y * y / (1 + noise)) / 2, rel=1e-12)


def test_weights_are_hubers_at_95_percent() -> None:
    residuals = np.array([-1.0, 0.5, 2.0, 3.0, -8.0])  # median size 2
    bar = 1.345 * 2.0 / 0.6745
    assert bar > 3
    assert _huber(residuals) == pytest.approx([1.0, 1.0, 1.0, 1.0, bar / 8])


def test_the_interval_of_a_forecast_is_its_likelihoods() -> None:
    rng, t, n, horizon = np.random.default_rng(0), np.arange(60.0), 60, 200.0
    y = np.exp(-t / 25) + 1 + 0.02 * rng.normal(size=n)
    rates = np.geomspace(0.05, 60, 4000) / n
    fit = _Fit(rates, t, y, horizon)
    fit.project(np.ones(n))
    found = fit.conclude()
    values, errors, residuals = [], [], []
    for rate in rates:
        design = np.stack([np.exp(-rate * t), np.ones(n)], axis=1)
        ahead = np.array([math.exp(-rate * horizon), 1.0])
        (a, c), *_ = np.linalg.lstsq(design, y, rcond=None)
        residuals.append(float(np.sum((y - a * design[:, 0] - c) ** 2)))
        values.append(float(ahead @ (a, c)))
        errors.append(math.sqrt(ahead @ np.linalg.solve(design.T @ design, ahead)))
    least = min(residuals)
    known = n * np.log(np.array(residuals) / least) <= chi2.ppf(0.95, 1)
    reach = norm.ppf(0.975) * np.array(errors) * math.sqrt(least / (n - 3))
    low = (np.array(values) - reach)[known].min()
    high = (np.array(values) + reach)[known].max()
    assert found.value == pytest.approx(values[int(np.argmin(residuals))], rel=1e-9)
    # The constants are written with three digits.
    assert found.value - found.low == pytest.approx(found.value - low, rel=1e-3)
    assert found.high - found.value == pytest.approx(high - found.value, rel=1e-3)


def test_the_released_fit_deletes_three_percent_of_the_first_half() -> None:
    t = np.arange(233.0)  # 3 percent are 6.99: six
    y = 2 - t / 400 + 0.01 * np.sin(t)
    for i, size in zip((5, 20, 40, 90, 150, 160, 10), (9, 8, 7, 6, 5, 4, 3), strict=True):
        y[i] += size
    keep = np.ones(233, dtype=bool)
    keep[[5, 20, 40, 90]] = False  # of the six largest those in the first half
    expected = UnivariateSpline(t[keep], y[keep], k=2)(t)
    assert Released(rounds=1).smoothed(y) == pytest.approx(expected, rel=1e-12)


def test_lines_through_neighbours_by_hand() -> None:
    """Weights are Gaussian, 0.3 wide; the noise is that of second differences, variance / 6."""
    rng, x = np.random.default_rng(0), np.linspace(0.0, 2.0, 30)
    y, noisy = rng.normal(size=30), rng.normal(size=30)
    found = local_lines(x, y, noisy)
    second = noisy[2:] - 2 * noisy[1:-1] + noisy[:-2]
    variance = np.array([second[0], *second, second[-1]]) ** 2 / 6
    for i in range(30):
        w = np.exp(-0.5 * ((x - x[i]) / 0.3) ** 2)
        slope, level = np.polyfit(x - x[i], y, 1, w=np.sqrt(w))
        assert (found.slope[i], found.level[i]) == pytest.approx((slope, level))
    near = np.exp(-0.5 * ((x[:, None] - x) / 0.3) ** 2)
    around = near @ variance / near.sum(1)
    for i in (0, 7, 29):
        w = np.sqrt(near[i])
        to_level = [np.polyfit(x - x[i], unit, 1, w=w)[1] for unit in np.eye(30)]
        assert found.error[i] == pytest.approx(math.sqrt(np.square(to_level) @ around))
