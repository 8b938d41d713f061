"""range_test: what it measures, what it suggests, and that it leaves no trace."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ritard.schedules import Linear, ScheduleLR
from ritard.tuners.autolrs import RangeTest, ReplayBuffer, range_test
from ritard.tuners.autolrs._range_curve import curve
from ritard.tuners.autolrs._range_fit import local_lines
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from training_states import MechanicLike, ProdigyLike, ScheduleFreeLike, Training, same

N = 50  # rates of a test of 100 steps
RATES = np.geomspace(1e-6, 10, N)


class Bowl:
    """Gradient descent on h/2 x^2, in double precision; a batch shifts the loss."""

    def __init__(self, h: float = 2.0, x: float = 3.0, **optimizer: Any) -> None:
        self.h = h
        self.model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.model.weight.fill_(x)
        self.optimizer = torch.optim.SGD(self.model.parameters(), **{"lr": 0.1, **optimizer})
        self.used: list[float] = []

    def step(self, batch: float) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = 0.5 * self.h * self.model.weight.square().sum()
        loss.backward()
        self.used.append(float(self.optimizer.param_groups[0]["lr"]))
        self.optimizer.step()
        return loss.detach() + batch

    def test(self, batches: Any = None, **given: Any) -> RangeTest:
        batches = itertools.repeat(0.0) if batches is None else batches
        return range_test(self.step, self.model, self.optimizer, batches, **given)


def bowl_losses(h: float, x: float, rates: np.ndarray) -> np.ndarray:
    """Closed form: after updates at rates r the loss is h/2 x^2 prod (1 - r h)^2."""
    return 0.5 * h * x**2 * np.cumprod((1 - rates * h) ** 2)


# ---- what is measured -----------------------------------------------------------------------


def test_losses_are_those_after_the_update_at_their_rate() -> None:
    found = Bowl(h=2.0, x=3.0).test()
    n = len(found.rates)
    np.testing.assert_allclose(found.rates, RATES[:n], rtol=1e-12)
    np.testing.assert_allclose(found.losses, bowl_losses(2.0, 3.0, RATES)[:n], rtol=1e-12)
    assert found.before.tolist() == [9.0] * n
    np.testing.assert_array_equal(found.change, found.losses - 9.0)


def test_the_noise_between_batches_goes_out_exactly() -> None:
    noise = np.random.default_rng(0).normal(0, 100, N).tolist()
    quiet, noisy = Bowl().test(), Bowl().test(noise)
    n = min(len(quiet.rates), len(noisy.rates))
    np.testing.assert_allclose(noisy.change[:n], quiet.change[:n], atol=1e-12)
    assert noisy.suggestion == pytest.approx(quiet.suggestion, rel=0.5)
    assert noisy.before.std() > 50


def test_it_ends_where_the_loss_diverges() -> None:
    found = Bowl(h=2.0, x=3.0).test()
    losses = bowl_losses(2.0, 3.0, RATES)
    first = int(np.argmax(losses > 4 * 9.0))
    assert found.diverged == pytest.approx(RATES[first])
    assert len(found.rates) == first


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_diverged_is_four_times_the_size_before(sign: float) -> None:
    before = [sign * size for size in (1.0, 3.0) * (N // 2)]  # of mean size 2, deviation 1
    for last, expected in ((11.9, None), (-11.9, None), (12.1, RATES[7]), (-12.1, RATES[7])):
        assert curve(RATES, before, [*before[:8], last]).diverged == expected


@pytest.mark.parametrize("steps", [20, 51, 100])
def test_no_more_steps_than_given_at_exactly_the_rates(steps: int) -> None:
    bowl = Bowl(h=1e-3)  # it does not diverge
    found = bowl.test(steps=steps)
    n = steps // 2
    assert len(bowl.used) == 2 * n <= steps
    assert bowl.used[:n] == [0.1] * n
    np.testing.assert_allclose(bowl.used[n:], np.geomspace(1e-6, 10, n), rtol=1e-12)
    assert len(found.rates) == n - 1  # what the last update did is not seen


@pytest.mark.parametrize("tensor", [False, True])
def test_groups_keep_their_ratio(tensor: bool) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    rates = [0.1, 0.02]
    held = [torch.tensor(rate, dtype=torch.float64) for rate in rates] if tensor else rates
    optimizer = torch.optim.SGD(
        [{"params": m.parameters(), "lr": lr} for m, lr in zip(model, held, strict=True)], lr=1.0
    )
    seen: list[tuple[float, float]] = []

    def step(batch: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(batch).square().mean()
        loss.backward()
        seen.append(
            (float(optimizer.param_groups[0]["lr"]), float(optimizer.param_groups[1]["lr"]))
        )
        optimizer.step()
        return loss

    range_test(step, model, optimizer, itertools.repeat(torch.ones(4, 2)), high=1e-3)
    np.testing.assert_allclose([a for a, _ in seen[N:]], np.geomspace(1e-6, 1e-3, N), rtol=1e-12)
    np.testing.assert_allclose([b / a for a, b in seen[N:]], 0.2, rtol=1e-12)
    assert [float(group["lr"]) for group in optimizer.param_groups] == rates
    if tensor:
        assert all(g["lr"] is h for g, h in zip(optimizer.param_groups, held, strict=True))


# ---- what is suggested ----------------------------------------------------------------------


def independent(found: RangeTest) -> float:
    """The suggestion by NumPy's polynomial fits, for a curve that falls."""
    change, n = found.change, len(found.rates)
    x = np.log10(found.rates)
    y = np.array([np.median(change[[abs(i - 1), i, min(i + 1, n - 1)]]) for i in range(n)])
    y = np.minimum(y, -y.min())
    if found.diverged:
        x, y = np.append(x, np.log10(found.diverged)), np.append(y, -y.min())
    width = max(0.3, 2 * float(np.diff(x).mean()))
    lines = [np.polyfit(x - c, y, 1, w=np.exp(-((x - c) ** 2) / (4 * width**2))) for c in x[:n]]
    slope, level = np.array(lines).T
    lowest = level.argmin()
    return math.sqrt(found.rates[lowest] * found.rates[slope[: lowest + 1].argmin()])


@pytest.mark.parametrize("h", [0.05, 2.0, 300.0])
def test_the_suggestion_is_the_documented_one(h: float) -> None:
    found = Bowl(h=h).test()
    assert found.suggestion == pytest.approx(independent(found), rel=1e-9)
    # Newton's step is 1/h, and from 2/h on each step makes it worse.
    assert 0.05 / h < found.suggestion < 1 / h
    assert "falls fastest" in found.reason


def test_it_works_in_the_logarithm_of_the_rate_and_withstands_outliers() -> None:
    """Steepest at 3e-3 with noise of 0.002: derivatives by the rate itself find 1e-7 instead."""
    rng = np.random.default_rng(0)
    x = np.log10(RATES)
    fall = -0.5 / (1 + np.exp(-(x - np.log10(3e-3)) / 0.15)) + 10 ** (3 * (x - 0.5))
    plain, spoilt = list[float](), list[float]()
    for _ in range(100):
        change = fall + rng.normal(0, 0.002, N)
        for found in (plain, spoilt):
            suggestion = curve(RATES, [1.0] * N, [1.0, *(1 + change)[:-1]]).suggestion
            assert suggestion is not None
            found.append(suggestion)
            change[rng.integers(0, N, 2)] += rng.choice([-1.0, 1.0], 2)
    assert 3e-3 < min(plain) < max(plain) < 3e-2
    away = np.abs(np.log10(spoilt) - np.log10(np.median(plain)))
    assert np.mean(away < math.log10(2)) > 0.85


def test_the_standard_error_is_that_of_the_level() -> None:
    rng = np.random.default_rng(0)
    draws = [local_lines(np.log10(RATES), y, y) for y in rng.normal(0, 0.3, (600, N))]
    spread = np.std([found.level for found in draws], axis=0)
    error = np.sqrt(np.mean([found.error**2 for found in draws], axis=0))
    np.testing.assert_allclose(error, spread, rtol=0.15)


def test_the_first_loss_may_stand_out_too() -> None:
    x = np.log10(RATES)
    change = -0.5 / (1 + np.exp(-(x + 2) / 0.15)) + 10 ** (3 * (x - 0.5))
    spoilt = np.where(np.arange(N) == 0, -1.0, change)
    found = [given_curve(lambda rates, c=c: c) for c in (change, spoilt)]
    assert found[0].suggestion == found[1].suggestion


def test_noise_alone_rarely_suggests_a_fall() -> None:
    rng = np.random.default_rng(0)
    fell = 0
    for _ in range(200):
        found = given_curve(lambda rates: rng.normal(0, 0.01, N))
        fell += "falls fastest" in found.reason
    assert fell < 10


def test_it_finds_a_good_rate_for_digits() -> None:
    """Against a grid of full runs with linear decay, one decade apart in three steps."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    y = torch.tensor(digits.target)

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Any], Any], Any]:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

        def step(rows: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            return loss.detach()

        return model, optimizer, step, iter(torch.randint(1500, (300, 64)))

    def final(lr: float) -> float:
        model, optimizer, step, batches = build(1)
        optimizer.param_groups[0]["lr"] = lr
        scheduler = ScheduleLR(optimizer, Linear(), 100)
        for rows in itertools.islice(batches, 100):
            step(rows)
            scheduler.step()
        model.eval()
        return nn.functional.cross_entropy(model(x[1500:]), y[1500:]).item()

    model, optimizer, step, batches = build(0)
    suggestion = range_test(step, model, optimizer, batches).suggestion
    assert suggestion is not None
    grid = {lr: final(lr) for lr in np.geomspace(1e-3, 10, 13)}
    assert final(suggestion) < 1.25 * min(grid.values())
    assert final(1e-3) > 3 * min(grid.values())  # it is not a thing that any rate does


def test_it_finds_something_in_mid_training_where_noise_hides_the_change() -> None:
    bowl = Bowl(h=2.0, x=0.01)  # the loss can fall by 1e-4 at most
    noise = np.random.default_rng(1).normal(1, 0.5, N)
    found = bowl.test(noise.tolist())
    assert found.suggestion == pytest.approx(independent(found), rel=1e-9)
    assert 0.05 / 2 < found.suggestion < 1


def given_curve(change: Callable[[np.ndarray], np.ndarray], stop: int = N) -> RangeTest:
    return curve(RATES, [1.0] * N, [1.0, *(1 + change(RATES))[: stop - 1]])


def test_a_loss_that_only_rises() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-4, N)
    found = given_curve(lambda rates: noise + np.where(rates > 1e-2, np.log(rates / 1e-2), 0))
    assert found.suggestion == pytest.approx(1e-3, rel=1.0)
    assert "only rises" in found.reason


def test_a_loss_that_does_not_depend_on_the_rate() -> None:
    found = given_curve(np.zeros_like)
    assert found.suggestion is None
    assert "neither falls nor rises up to" in found.reason


def test_a_loss_that_stands_still_until_it_is_not_finite() -> None:
    found = given_curve(lambda rates: np.where(rates > 0.1, np.nan, 0.0), stop=38)
    assert found.diverged is not None
    assert 0.1 < found.diverged < 0.2
    assert found.suggestion == pytest.approx(found.diverged / 10)


def test_a_loss_that_still_falls_at_the_end() -> None:
    found = Bowl(h=1e-3).test()
    assert found.diverged is None
    assert "raise high" in found.reason
    assert found.suggestion is not None


# ---- no trace -------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "tensor-lr": lambda p: torch.optim.SGD(p, lr=torch.tensor(0.02), momentum=0.9),
    "schedule-free": lambda p: ScheduleFreeLike(p, lr=0.02),
    "prodigy": lambda p: ProdigyLike(p, lr=1.0),
    "mechanic": lambda p: MechanicLike(p, lr=0.02),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("before", [0, 15])
def test_a_tested_run_goes_on_as_if_it_had_not_been(name: str, before: int) -> None:
    never_tested = Training(OPTIMIZERS[name]).steps(before + 10).seen()
    run = Training(OPTIMIZERS[name]).steps(before)

    def step(batch: int) -> float:
        run.step()  # which draws its own batch, and steps a scheduler too
        return run.losses.pop()

    found = range_test(step, run.model, run.optimizer, itertools.count(), *run.parts[2:], steps=40)
    assert len(found.rates) > 3
    assert not run.optimizer._optimizer_step_pre_hooks
    assert same(run.steps(10).seen(), never_tested)


@pytest.mark.parametrize("drawn", [0, 3, 11])
def test_the_batches_come_again(drawn: int) -> None:
    """Also those beyond the end of the pass in which the test begins."""
    loader = DataLoader(TensorDataset(torch.arange(36.0)), batch_size=3, shuffle=True)

    def epochs(tested: bool) -> list[float]:
        torch.manual_seed(0)
        bowl, batches, seen = Bowl(), ReplayBuffer(loader), list[float]()
        for epoch in range(4):
            for i, (batch,) in enumerate(batches):
                if tested and epoch == 0 and i == drawn:
                    range_test(
                        lambda b: bowl.step(float(b[0].sum())), bowl.model, bowl.optimizer, batches
                    )
                seen += batch.tolist()
        return seen

    assert epochs(tested=True) == epochs(tested=False)


def test_a_loader_and_a_short_data_set_will_do() -> None:
    loader = DataLoader(TensorDataset(torch.ones(7)), batch_size=2)
    bowl = Bowl()
    random = torch.get_rng_state()
    found = range_test(lambda b: bowl.step(0.0), bowl.model, bowl.optimizer, loader)
    assert len(found.rates) > 10
    assert torch.equal(torch.get_rng_state(), random)


def test_an_iterator_that_ends_makes_a_coarser_test() -> None:
    bowl = Bowl(h=1e-3)
    found = bowl.test(iter([0.0] * 30))
    np.testing.assert_allclose(found.rates, np.geomspace(1e-6, 10, 30)[:-1])


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"low": 0.0}, ValueError, "low=0.0: expected a finite number > 0"),
        ({"low": 1.0, "high": 0.1}, ValueError, "high=0.1: expected a finite number > 1"),
        ({"low": 1.0, "high": 1.0}, ValueError, "high=1.0"),
        ({"high": math.inf}, ValueError, "high=inf"),
        ({"steps": 19}, ValueError, "steps=19: expected an int >= 20"),
        ({"steps": 50.0}, TypeError, "steps=50.0"),
        ({"batches": 3}, TypeError, "source=3"),
        ({"batches": iter([0.0] * 9)}, ValueError, "ended after 9, expected at least 10"),
        ({"batches": []}, ValueError, "ended after 0"),
    ],
)
def test_bad_arguments_leave_everything(given: dict[str, Any], kind: Any, text: str) -> None:
    bowl = Bowl()
    with pytest.raises(kind, match=text):
        bowl.test(**given)
    assert bowl.model.weight.item() == 3.0
    assert bowl.optimizer.param_groups[0]["lr"] == 0.1


def test_a_loss_that_is_nan_from_the_start() -> None:
    bowl = Bowl(x=math.nan)
    batches = ReplayBuffer(itertools.count())
    with pytest.raises(ValueError, match="the loss is nan on batch 1 before any rate was tried"):
        bowl.test(batches)
    assert bowl.optimizer.param_groups[0]["lr"] == 0.1
    assert next(batches) == 0
    assert not batches.marked


def test_divergence_at_every_rate() -> None:
    found = Bowl(h=1e9).test()
    assert found.suggestion is None
    assert found.diverged == pytest.approx(1e-6)
    assert "lower low" in found.reason
    assert len(found.rates) == 0


def test_an_optimizer_without_a_rate_and_what_is_none() -> None:
    bowl = Bowl()
    bowl.optimizer.param_groups[0]["lr"] = None
    with pytest.raises(ValueError, match="no group has a learning rate"):
        bowl.test()
    with pytest.raises(TypeError, match=r"expected a torch\.optim"):
        range_test(bowl.step, bowl.model, bowl.model, itertools.count())  # type: ignore[arg-type]


def test_a_step_that_does_not_update() -> None:
    bowl = Bowl()
    with pytest.raises(ValueError, match=r"did not call optimizer.step\(\)"):
        range_test(lambda b: 1.0, bowl.model, bowl.optimizer, itertools.count())


def test_a_step_that_overwrites_the_rate() -> None:
    bowl = Bowl()
    scheduler = ScheduleLR(bowl.optimizer, Linear(), 1000)

    def step(batch: float) -> torch.Tensor:
        scheduler.step()  # in the wrong place
        return bowl.step(0.0)

    with pytest.raises(RuntimeError, match="step a scheduler after the optimizer"):
        range_test(step, bowl.model, bowl.optimizer, itertools.count(), scheduler)
    assert scheduler.last_epoch == 0
    assert bowl.model.weight.item() == 3.0
    assert not bowl.optimizer._optimizer_step_pre_hooks


@pytest.mark.parametrize("at", [3, N + 3])
def test_an_exception_in_the_step(at: int) -> None:
    run = Training(OPTIMIZERS["sgd"]).steps(5)
    before, batches = run.seen(), ReplayBuffer(itertools.count())
    next(batches)

    def step(batch: int) -> float:
        if len(calls) == at:
            raise KeyboardInterrupt
        calls.append(batch)
        run.step()
        return run.losses.pop()

    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        range_test(step, run.model, run.optimizer, batches, *run.parts[2:], high=1e-3)
    assert same(run.seen(), before)
    assert next(batches) == 1
    assert not run.optimizer._optimizer_step_pre_hooks


# ---- the picture ----------------------------------------------------------------------------


def test_plot() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    for found in (Bowl().test(), Bowl(h=1e9).test(), given_curve(np.zeros_like)):
        ax = plt.subplots()[1]
        assert found.plot(ax) is ax
        assert ax.get_xscale() == "log"
        marks = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] for line in marks] == (
            [found.suggestion] if found.suggestion else []
        )
        np.testing.assert_allclose(ax.lines[0].get_xdata(), found.rates)
    assert found.plot() is not ax
    plt.close("all")
