"""The faithful mode: the released algorithm's order of events, without its defects."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from ritard.schedules import ScheduleLR
from ritard.tuners.autolrs import AllDiverged, AutoLRS, Forecast, RateSearch, Released, varpro
from torch import Tensor, nn

BASE, T = 0.01, 1800
pytestmark = [
    pytest.mark.filterwarnings("ignore:beta"),
    pytest.mark.filterwarnings("ignore:AutoLRS"),
]
SMALL: dict[str, Any] = {"tau0": 100, "tau_max": 200, "k": 4, "lr_min": 1e-3, "lr_max": 0.1}


def stream(n: int, seed: int = 0) -> list[Tensor]:
    return list(torch.randn(n, 8, 4, generator=torch.Generator().manual_seed(seed)))


class Run:
    """A linear fit; what each optimizer step did is written down."""

    def __init__(self, bad: float | None = None, becomes: float = math.nan) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=BASE, momentum=0.9)
        self.bad, self.becomes = bad, becomes
        self.log: list[tuple[float, float]] = []  # rate, sum of the batch

    def loss(self, batch: Tensor) -> Tensor:
        return (self.model(batch) - batch.tanh().sum(1, keepdim=True)).square().mean()

    def step(self, batch: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.step()
        rate = self.optimizer.param_groups[0]["lr"]
        self.log.append((rate, batch.sum().item()))
        if self.bad is not None and rate > self.bad:
            return loss.detach() * 0 + self.becomes
        return loss.detach()

    def tuner(self, total: int = T, **options: Any) -> AutoLRS:
        return AutoLRS.faithful(
            self.model, self.optimizer, self.loss, total, step=self.step, **{**SMALL, **options}
        )

    @property
    def rates(self) -> list[float]:
        return [rate for rate, _ in self.log]


@pytest.mark.parametrize(
    "kind", [lambda n: np.asarray(n)[()], lambda n: torch.as_tensor(np.asarray(n))]
)
def test_numbers_of_any_kind_are_as_good_as_pythons(kind: Callable[[Any], Any]) -> None:
    """Also in what is saved, which is plain."""
    options = SMALL | {"ratio": 0.1, "kappa": 1e6, "warmup_steps": 5, "warmup_lr": 0.02, "seed": 3}
    runs, states = [Run(), Run()], list[str]()
    for run, given in zip(runs, (lambda n: n, kind), strict=True):
        chosen = {key: given(value) for key, value in options.items()}
        tuner = run.tuner(given(800), forecast=varpro, **chosen)
        list(tuner.train(stream(800)))
        state = tuner.state_dict()
        state["ledger"] |= {"seconds": 0.0, "search_seconds": 0.0}
        states.append(json.dumps(state))
    assert states[0] == states[1]
    assert runs[0].log == runs[1].log


def by_hand(total: int, data: list[Tensor], warmup: int = 0) -> tuple[list[float], Run]:
    """The released algorithm as one reads it, with plain copies of the state."""
    run, rates, chosen = Run(), list[float](), BASE
    t, tau, stage = 0, SMALL["tau0"], 0

    def train(n: int, rate: float) -> list[float]:
        nonlocal t
        losses = []
        for _ in range(n):
            run.optimizer.param_groups[0]["lr"] = rate
            losses.append(run.step(data[t]).item())
            rates.append(rate)
            t += 1
        return losses

    for i in range(warmup):
        train(1, BASE * (i + 1) / warmup)
    while total - t >= SMALL["k"] * tau // 10 + tau:
        model = {k: v.clone() for k, v in run.model.state_dict().items()}
        momenta = [s["momentum_buffer"].clone() for s in run.optimizer.state.values()]
        search = RateSearch(SMALL["lr_min"], SMALL["lr_max"], grid=1, kappa=1e6, seed=stage)
        found = []

        def back(model: Any = model, momenta: Any = momenta) -> None:
            run.model.load_state_dict(model)
            if momenta:
                for s, m in zip(run.optimizer.state.values(), momenta, strict=True):
                    s["momentum_buffer"].copy_(m)
            else:
                run.optimizer.state.clear()

        for _ in range(SMALL["k"]):
            rate = search.ask()
            losses = train(tau // 10, rate)
            value = Released()(losses, tau).value
            search.tell(rate, value)
            found.append((value, rate))
            back()
        chosen = min(found)[1]
        train(tau, chosen)
        tau, stage = min(2 * tau, SMALL["tau_max"]), stage + 1
    train(total - t, chosen)
    return rates, run


@pytest.mark.parametrize("warmup", [0, 20])
def test_it_is_the_released_algorithm_step_by_step(warmup: int) -> None:
    data = stream(T)
    run = Run()
    tuner = run.tuner(warmup_steps=warmup)
    losses = list(tuner.train(data))
    rates, reference = by_hand(T, data, warmup)
    assert run.rates == pytest.approx(rates, rel=1e-12)
    assert torch.allclose(run.model.weight, reference.model.weight, rtol=1e-5)
    assert [batch for _, batch in run.log] == [batch.sum().item() for batch in data]
    # Counts: every step is one or the other, and the search costs k tau' each time.
    searched = sum(4 * report.probe for report in tuner.reports)
    assert len(tuner.reports) > 5
    assert tuner.ledger.search == searched
    assert tuner.ledger.productive == len(losses) == T - searched
    assert [report.probe for report in tuner.reports[:3]] == [10, 20, 20]


def test_the_released_constants_double_the_cost() -> None:
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=BASE)
    tuner = AutoLRS.faithful(
        model, optimizer, lambda x: model(x).square().mean(), 14_000, lr_min=1e-3, lr_max=0.1,
        step=lambda loss: loss,  # what is counted does not hang on the training
    )  # fmt: skip
    list(tuner.train(torch.linspace(2, 1, 14_000)))
    assert [(report.start, report.probe) for report in tuner.reports] == [
        (0, 100), (1000, 200), (3000, 400)
    ]  # fmt: skip
    assert (tuner.ledger.productive, tuner.ledger.search) == (7000, 7000)
    assert tuner.ledger.overhead == 1.0


def test_queries_bisect_the_interval() -> None:
    run = Run()
    tuner = run.tuner(k=10)
    list(tuner.train(stream(T)))
    for report in tuner.reports:
        positions = np.log10([trial.scale * BASE for trial in report.trials])
        gaps = np.diff(np.sort(positions))
        assert gaps.max() < 0.5  # ten at random would leave more nearly always
    firsts = {report.trials[0].scale for report in tuner.reports}
    assert len(firsts) == len(tuner.reports)  # drawn anew in each stage


def test_validation_losses_after_the_first_longest_stage() -> None:
    calls: list[tuple[int, bool, bool]] = []
    run = Run()

    def val_fn() -> Tensor:
        calls.append((len(run.log), run.model.training, torch.is_grad_enabled()))
        return run.loss(torch.ones(4, 4))

    tuner = run.tuner(val_fn=val_fn)
    list(tuner.train(stream(T)))
    first = tuner.reports[1].start + 2 * 40 + 40 + 200  # of stage 3: tau is 200 from stage 2 on
    assert calls[0][0] > first
    # A window of 20 updates: every 20 // 16 = 1st, 20 values a candidate.
    assert len(calls) == 4 * 20 * (len(tuner.reports) - 2)
    assert {(training, grad) for _, training, grad in calls} == {(False, False)}
    assert run.model.training
    assert tuner.ledger.scored == len(calls)


def test_a_forecast_after_a_jump_is_not_trusted() -> None:
    """Validation losses are compared with the first validation loss, not a training loss."""
    run = Run()
    values = iter([5.0] + [4.0 - 0.1 * i for i in range(19)] + [6.0] * 19 + [5.5] + [3.0] * 4000)
    tuner = run.tuner(val_fn=lambda: next(values))
    list(tuner.train(stream(T)))
    first, second = tuner.reports[2].trials[:2]
    assert second.score == 5.5  # the last value
    assert first.score == pytest.approx(4.0 - 0.1 * 18)  # the first value is not below itself


def test_a_candidate_that_diverged_is_no_reference_of_a_jump() -> None:
    run = Run()
    fine = [5.0] + [4.0 - 0.1 * i for i in range(19)]
    values = iter([math.nan] * 20 + fine + [6.0] * 19 + [5.5] + [3.0] * 4000)
    tuner = run.tuner(val_fn=lambda: next(values))
    list(tuner.train(stream(T)))
    first, _, third, _ = tuner.reports[2].trials
    assert math.isnan(first.score) and third.score == 5.5
    json.dumps(tuner.state_dict(), allow_nan=False)


@pytest.mark.parametrize("becomes", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_chosen(becomes: float) -> None:
    run = Run(bad=0.05, becomes=becomes)
    tuner = run.tuner(k=6)
    list(tuner.train(stream(T)))
    assert tuner.reports
    for report in tuner.reports:
        assert any(math.isnan(trial.score) for trial in report.trials)
        assert report.scale * BASE <= 0.05
        assert report.scale in {trial.scale for trial in report.trials}


def test_all_diverging_is_an_error_at_the_origin() -> None:
    run = Run(bad=0.0)
    before = run.model.weight.clone()
    tuner = run.tuner()
    with pytest.raises(AllDiverged, match="at update 0 all 4 rates"):
        list(tuner.train(stream(T)))
    assert torch.equal(run.model.weight, before)
    assert run.optimizer.param_groups[0]["lr"] == BASE
    assert not run.optimizer.state
    tuner.state_dict()


@pytest.mark.parametrize("total", [700, 1001, 1777])
def test_it_ends_productive_and_not_inside_a_probe(total: int) -> None:
    run = Run()
    tuner = run.tuner(total=total)
    list(tuner.train(stream(total)))
    assert not tuner._mode.probing
    assert tuner.done
    assert run.rates[-1] == pytest.approx(tuner.scale * BASE)
    assert tuner.ledger.productive + tuner.ledger.search == total == len(run.log)


def test_replay_gives_all_candidates_and_the_winner_the_same_batches() -> None:
    run = Run()
    tuner = run.tuner(replay=True)
    list(tuner.train(stream(T)))
    assert tuner.ledger.productive + tuner.ledger.search == len(run.log)
    n = tuner.reports[0].probe
    probes = [[batch for _, batch in run.log[i * n : (i + 1) * n]] for i in range(5)]
    assert all(probe == probes[0] for probe in probes)  # four candidates, then the winner
    rates = [run.log[i * n][0] for i in range(5)]
    assert rates[4] == pytest.approx(tuner.reports[0].scale * BASE)
    fresh = [batch for _, batch in run.log[5 * n : tuner.reports[0].probe * 4 + 100]]
    assert fresh == [batch.sum().item() for batch in stream(T)[n : n + len(fresh)]]


def test_the_learned_schedule_replays() -> None:
    run, plain = Run(), Run()
    data = stream(T)
    tuner = run.tuner(warmup_steps=10)
    productive = []
    for _ in tuner.train(data):
        productive.append(run.rates[-1])
    scheduler = ScheduleLR(plain.optimizer, tuner.schedule(), tuner.ledger.productive)
    for rate in productive:
        assert plain.optimizer.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-12)
        scheduler.step()


def test_resumed_it_makes_the_same_choices() -> None:
    data = stream(T)
    run = Run()
    tuner = run.tuner()
    saved: Any = None
    for _ in tuner.train(data):
        if tuner.ledger.productive == 250:
            saved = {
                "tuner": json.loads(json.dumps(tuner.state_dict(), allow_nan=False)),
                "model": {k: v.clone() for k, v in run.model.state_dict().items()},
                "optimizer": json.loads(
                    json.dumps(run.optimizer.state_dict(), default=lambda t: t.tolist())
                ),
            }
            momenta = [s["momentum_buffer"].clone() for s in run.optimizer.state.values()]
    other = Run()
    resumed = other.tuner()
    other.model.load_state_dict(saved["model"])
    for parameter, momentum in zip(other.model.parameters(), momenta, strict=True):
        other.optimizer.state[parameter]["momentum_buffer"] = momentum
    resumed.load_state_dict(saved["tuner"])
    at = resumed.ledger.productive + resumed.ledger.search
    list(resumed.train(data[at:]))
    assert repr(resumed.reports) == repr(tuner.reports)  # nan is not equal to itself
    assert resumed.schedule() == tuner.schedule()
    assert torch.equal(other.model.weight, run.model.weight)


def test_two_choices_at_an_end_of_the_interval_are_said() -> None:
    def last(losses: Sequence[float], horizon: float) -> Forecast:
        del horizon
        return Forecast(losses[-1], -math.inf, math.inf, False, math.nan)

    run = Run()
    with pytest.warns(UserWarning, match=r"two stages in a row chose 0.001, an end"):
        list(run.tuner(lr_min=1e-6, lr_max=1e-3, forecast=last, replay=True).train(stream(T)))


def test_a_narrow_interval_and_many_candidates_end() -> None:
    run = Run()
    tuner = run.tuner(lr_min=0.01, lr_max=0.01 * (1 + 1e-13), k=12, forecast=varpro)
    list(tuner.train(stream(T)))
    assert tuner.ledger.productive + tuner.ledger.search == T


def test_an_error_inside_a_probe_leaves_the_origin() -> None:
    run = Run()
    before = run.model.weight.clone()

    def step(batch: Tensor) -> Tensor:
        loss = run.step(batch)
        if len(run.log) == 25:
            raise KeyboardInterrupt
        return loss

    tuner = AutoLRS.faithful(run.model, run.optimizer, run.loss, T, step=step, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        list(tuner.train(stream(T)))
    assert torch.equal(run.model.weight, before)
    assert run.optimizer.param_groups[0]["lr"] == BASE
    tuner.state_dict()


def test_other_groups_keep_their_ratio() -> None:
    a, b = (nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [a], "lr": 0.1}, {"params": [b], "lr": 0.025}])
    ratios = set()
    optimizer.register_step_pre_hook(
        lambda o, *_: ratios.add(round(o.param_groups[0]["lr"] / o.param_groups[1]["lr"], 9))
    )
    holder = nn.ParameterList([a, b])
    tuner = AutoLRS.faithful(
        holder, optimizer, lambda x: (a * x).square().mean() + b.square().mean(), 500,
        **SMALL, forecast=varpro,
    )  # fmt: skip
    list(tuner.train(stream(500)[0].new_ones(500, 2)))
    assert tuner.reports
    assert ratios == {4.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr_min": 0.1, "lr_max": 0.001}, "lr_max=0.001"),
        ({"lr_min": 0.0}, "lr_min=0.0"),
        ({"k": 0}, "k=0"),
        ({"tau0": 0}, "tau0=0"),
        ({"ratio": 0.0}, "ratio=0.0"),
        ({"tau_max": 50}, "tau_max=50"),
        ({"kappa": -1.0}, "kappa=-1.0"),
        ({"warmup_steps": -1}, "warmup_steps=-1"),
        ({"warmup_lr": 0.0}, "warmup_lr=0.0"),
        ({"seed": -1}, "seed=-1"),
        ({"total": 0}, "total_steps=0"),
    ],
)
def test_bad_settings_change_nothing(options: dict[str, Any], message: str) -> None:
    run = Run()
    groups = [dict(group) for group in run.optimizer.param_groups]
    with pytest.raises(ValueError, match=message):
        run.tuner(**options)
    assert [dict(group) for group in run.optimizer.param_groups] == groups
