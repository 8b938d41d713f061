"""The improved mode in a plain loop: what it must keep, what it may cost, what it must survive."""

import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.schedules import Constant, Cosine, Linear, Schedule, ScheduleLR, Tabulated
from ritard.tuners.autolrs import AllDiverged, AutoLRS, Climb, RateSearch
from tables import checked
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

T = 400
BASE = 1 / 16  # a power of two: base rate x scale x schedule has then one rounding at most
HELD = Constant().cooldown(0.2, "linear")
QUICK: dict[str, Any] = {
    "overhead": 0.5, "stages": 2, "candidates": 3, "scored": 4, "base": HELD
}  # fmt: skip


def network(dropout: float = 0.2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(dropout), nn.ReLU(), nn.Linear(16, 1)
    )


def dataset(n: int = 640) -> TensorDataset:
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(1))
    return TensorDataset(x, (x[:, :1] * x[:, 1:2]).tanh())


def loader() -> DataLoader[Any]:
    """It shuffles by the global random numbers, which a search must leave as they were."""
    return DataLoader(dataset(), batch_size=16, shuffle=True, drop_last=True)


def held_out() -> list[Any]:
    x = torch.randn(8, 64, 6, generator=torch.Generator().manual_seed(2))
    return [(part, (part[:, :1] * part[:, 1:2]).tanh()) for part in x]


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=BASE, momentum=0.9, dampening=0.1),
    "slow sgd": lambda p: torch.optim.SGD(p, lr=BASE / 128, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=BASE / 4),
    "adamw, tensor rate": lambda p: torch.optim.AdamW(p, lr=torch.tensor(BASE / 4)),
}


class Run:
    """A model, its optimizer, and the rates of all optimizer steps."""

    def __init__(self, optimizer: str = "sgd") -> None:
        self.model = network()
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.rates: list[float] = []
        self.optimizer.register_step_pre_hook(
            lambda o, *_: self.rates.append(float(o.param_groups[0]["lr"]))
        )

    def loss(self, batch: Any) -> Tensor:
        return (self.model(batch[0]) - batch[1]).square().mean()

    def tuner(self, total: int = T, **options: Any) -> AutoLRS:
        return AutoLRS(self.model, self.optimizer, self.loss, total, **{**QUICK, **options})

    def train(self, tuner: AutoLRS) -> list[float]:
        torch.manual_seed(7)
        losses: list[float] = []
        while not tuner.done:
            losses += [loss.item() for loss in tuner.train(loader())]
        return losses

    def untuned(self, schedule: Schedule, total: int = T) -> None:
        """The same loop with a ScheduleLR and no search."""
        torch.manual_seed(7)
        scheduler = ScheduleLR(self.optimizer, schedule, total)
        while True:
            for batch in loader():
                if scheduler.last_epoch == total:
                    return
                self.optimizer.zero_grad()
                self.loss(batch).backward()
                self.optimizer.step()
                scheduler.step()

    def state(self) -> list[Tensor]:
        state = self.optimizer.state_dict()["state"]
        moments = [v for s in state.values() for v in s.values() if isinstance(v, Tensor)]
        return [*self.model.state_dict().values(), *moments, torch.get_rng_state()]

    def same_as(self, other: "Run") -> bool:
        pairs = zip(self.state(), other.state(), strict=True)
        return all(torch.equal(a, b) for a, b in pairs)


# ---- what it must keep -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "scoring"),
    [
        ("sgd", "held out"),
        ("adam", "training batches"),
        ("adamw, tensor rate", "held out"),
    ],
)
def test_without_a_change_it_is_the_untuned_run_bit_for_bit(optimizer: str, scoring: str) -> None:
    tuned, plain = Run(optimizer), Run(optimizer)
    given = held_out() if scoring == "held out" else None
    tuner = tuned.tuner(switching_cost=1e9, held_out=given)
    tuned.train(tuner)
    plain.untuned(Constant().cooldown(0.2, "linear"))
    assert len(tuner.reports) == 2
    assert len(tuned.rates) > len(plain.rates) == T
    assert tuned.same_as(plain)


@pytest.mark.parametrize("base", [Cosine().warmup(50), Constant().cooldown(0.2, "linear")])
def test_the_learned_schedule_is_the_run_bit_for_bit(base: Schedule) -> None:
    """The winner's state, its data and its random numbers are those of a run at its rates."""
    tuned, plain = Run("slow sgd"), Run("slow sgd")
    tuner = tuned.tuner(base=base, held_out=held_out())
    tuned.train(tuner)
    assert {report.scale for report in tuner.reports} != {1.0}  # something was changed
    learned = tuner.schedule()
    assert isinstance(learned, Tabulated)
    plain.untuned(learned)
    assert tuned.same_as(plain)
    again = Tabulated.from_dict(json.loads(json.dumps(learned.to_dict())))
    assert again == learned


def test_every_step_has_the_rate_that_was_asked_for() -> None:
    run = Run("slow sgd")
    tuner = run.tuner(stages=1, held_out=held_out(), switching_cost=1e9)
    run.train(tuner)
    (report,) = tuner.reports
    n, h = report.probe, round(0.6 * report.probe)
    base_lr = BASE / 128
    base = base_lr * Constant().cooldown(0.2, "linear").values(T)
    fall = [(n - i) / (n - h + 1) for i in range(h, n)]
    expected = [*base[:n], *(base_lr * f for f in fall)]  # the run; then the cooldown of its scale
    tried = [trial.scale for trial in report.trials]
    assert tried[:3] == [1.0, 4.0, 16.0]
    for scale in tried[1:]:
        expected += [*([base_lr * scale] * h), *(base_lr * scale * f for f in fall)]
    expected += [*base[n:]]
    assert not any(math.isnan(trial.score) for trial in report.trials)
    assert run.rates == pytest.approx(expected, rel=1e-12)


def test_groups_keep_their_ratios() -> None:
    model = network()
    groups = [
        {"params": model[0].parameters(), "lr": 0.03},
        {"params": [*model[1].parameters(), *model[4].parameters()], "lr": 0.001},
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    ratios = set()
    optimizer.register_step_pre_hook(
        lambda o, *_: ratios.add(round(o.param_groups[0]["lr"] / o.param_groups[1]["lr"], 9))
    )
    tuner = AutoLRS(model, optimizer, lambda b: (model(b[0]) - b[1]).square().mean(), T, **QUICK)
    while not tuner.done:
        for _ in tuner.train(loader()):
            pass
    assert len(tuner.reports) == 2
    assert ratios == {30.0}


def test_scoring_leaves_mode_statistics_and_random_numbers_alone() -> None:
    run = Run()
    run.model[2].eval()  # a frozen part: its own mode must come back, not that of the whole
    tuner = run.tuner(held_out=held_out())
    before = [t.clone() for t in run.state()]
    tuner._bench.score(held_out())
    assert all(torch.equal(a, b) for a, b in zip(before, run.state(), strict=True))
    assert [module.training for module in run.model] == [True, True, False, True, True]


# ---- what it may cost ------------------------------------------------------------------------


@settings(checked, max_examples=8)
@given(
    total=st.integers(60, 500),
    overhead=st.floats(0, 1),
    candidates=st.integers(2, 7),
    scored=st.integers(2, 9),
    hold=st.floats(0.2, 0.9),
    stages=st.none() | st.integers(1, 4),
    base_lr=st.sampled_from([1e-3, 0.1, 30.0]),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_budget_counts_and_the_end(
    total: int,
    overhead: float,
    candidates: int,
    scored: int,
    hold: float,
    stages: int | None,
    base_lr: float,
) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=base_lr)
    rates: list[float] = []
    optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
    tuner = AutoLRS(
        model, optimizer, lambda x: model(x).square().mean(), total, overhead=overhead,
        candidates=candidates, scored=scored, hold=hold, stages=stages, base=HELD,
    )  # fmt: skip
    try:
        list(tuner.train(torch.randn(total + 9, 4, 3)))
    except AllDiverged:
        assert base_lr == 30.0
    else:
        assert tuner.ledger.productive == total
        end = Constant().cooldown(0.2, "linear")(total - 1, total)
        assert rates[-1] == pytest.approx(base_lr * tuner.scale * end)
        assert optimizer.param_groups[0]["lr"] < 1e-12  # where the base schedule ends
    assert tuner.ledger.productive + tuner.ledger.search == len(rates)
    if tuner.ledger.productive == total:
        assert tuner.ledger.overhead <= overhead


def test_default_overhead_is_used_and_not_passed() -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    tuner = AutoLRS(model, optimizer, lambda x: model(x).square().mean(), 4000)
    list(tuner.train(torch.randn(4000, 4, 3)))
    assert 0.05 < tuner.ledger.overhead <= 0.1
    assert all(report.probe >= 20 for report in tuner.reports)
    assert 0 < tuner.ledger.search_seconds < tuner.ledger.seconds


def test_a_run_too_short_for_probes_says_so_and_keeps_its_rate() -> None:
    tuned, plain = Run(), Run()
    with pytest.warns(UserWarning, match="nothing is searched"):
        tuner = tuned.tuner(overhead=0.1, stages=8)
    tuned.train(tuner)
    plain.untuned(Constant().cooldown(0.2, "linear"))
    assert not tuner.reports
    assert tuned.same_as(plain)
    assert tuned.rates == plain.rates


class Reads(TorchDispatchMode):
    """Counts reads of single numbers, each of which waits for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.count += "_local_scalar_dense" in str(func)
        return func(*args, **(kwargs or {}))


def test_no_number_is_read_at_each_step() -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    tuner = AutoLRS(model, optimizer, lambda x: model(x).square().mean(), 600, **QUICK)
    batches = list(torch.randn(600, 4, 3))
    with Reads() as reads:
        list(tuner.train(batches))
    assert len(tuner.reports) == 2
    assert reads.count == 0


def test_a_default_run_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run = Run()
    run.train(run.tuner(held_out=held_out()))
    assert not list(tmp_path.iterdir())


def test_it_needs_numpy_and_torch_only() -> None:
    code = (
        "import sys; import ritard.tuners.autolrs; "
        "names = ('sklearn', 'skopt', 'scipy', 'optuna', 'lightning'); "
        "print([m for m in names if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.strip() == "[]"


# ---- what diverges ---------------------------------------------------------------------------


class Cliff:
    """One weight, pulled to 0; beyond a rate its update turns it into a given number."""

    def __init__(self, limit: float, becomes: float, base_lr: float = BASE) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.model.weight)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=base_lr)
        self.limit, self.becomes, self.steps = limit, becomes, 0

    def loss(self, batch: Tensor) -> Tensor:
        return self.model(batch).square().mean()

    def step(self, batch: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        if self.optimizer.param_groups[0]["lr"] > self.limit:
            self.model.weight.data.fill_(self.becomes)
        return loss.detach()

    def tuner(self, **options: Any) -> AutoLRS:
        usual = {
            "step": self.step, "stages": 1, "overhead": 0.5, "candidates": 5, "scored": 4,
            "base": HELD,
        }  # fmt: skip
        return AutoLRS(self.model, self.optimizer, self.loss, 600, **{**usual, **options})


DATA = torch.randn(700, 8, 1, generator=torch.Generator().manual_seed(0))

SCORED = list(torch.randn(4, 64, 1, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("becomes", [math.nan, math.inf, 1e4])
def test_a_diverging_candidate_is_left_early_and_never_chosen(becomes: float) -> None:
    run = Cliff(limit=2 * BASE, becomes=becomes)
    tuner = run.tuner(octaves=2, first_octaves=4)
    losses = [loss.item() for loss in tuner.train(DATA)]
    (report,) = tuner.reports
    lost = {trial.scale for trial in report.trials if math.isnan(trial.difference)}
    assert lost == {trial.scale for trial in report.trials if trial.scale * BASE > run.limit}
    assert 4.0 in lost
    assert tuner.scale <= 2.0
    assert all(map(math.isfinite, losses))
    n, h = report.probe, round(0.6 * report.probe)
    early = {trial.scale for trial in report.trials if trial.stopped}
    whole = len(report.trials) - 1 - len(lost) - len(early)
    # Of those that diverge, the first of the three looks at the losses of a hold: the loss shows
    # it one update after the rate. Of those that fall behind, one to three looks.
    look = math.ceil(h / 3)
    least = (n - h) + whole * n + look * (len(lost) + len(early))
    most = least + look * 2 * len(early) + (n - h)  # with a change
    assert least <= tuner.ledger.search <= most
    assert run.steps == 600 + tuner.ledger.search


def test_what_lost_probes_save_buys_more_candidates() -> None:
    cliff, smooth = Cliff(limit=2 * BASE, becomes=math.nan), Cliff(limit=1e9, becomes=0.0)
    found = []
    for run in (cliff, smooth):
        tuner = run.tuner(candidates=4)
        list(tuner.train(DATA))
        (report,) = tuner.reports
        found.append(len(report.trials))
        assert tuner.ledger.overhead <= 0.5
    assert found[0] > found[1] == 4


class LateCliff(Cliff):
    """The weight is lost after so many updates beyond a rate: later than a probe would see."""

    def __init__(self, limit: float, after: int, base_lr: float) -> None:
        super().__init__(limit, 1e4, base_lr)
        self.after = after
        self.model.register_buffer("beyond", torch.zeros(()))

    def step(self, batch: Tensor) -> Tensor:
        self.model.beyond += float(self.optimizer.param_groups[0]["lr"]) > self.limit
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        if self.model.beyond > self.after:
            self.model.weight.data.fill_(self.becomes)
        return loss.detach()


def test_a_rise_that_diverges_after_its_probe_is_undone() -> None:
    base_lr = 1 / 1024
    run = LateCliff(limit=1.5 * base_lr, after=70, base_lr=base_lr)
    tuner = run.tuner(held_out=SCORED, stages=1)
    list(tuner.train(DATA))
    rise, undone = tuner.reports
    assert rise.scale > 1.0 == undone.scale == tuner.scale
    assert rise.probe < 70 < 2 * rise.probe - 10  # the probe could not see it, the watch does
    assert undone.start == rise.start + rise.probe
    assert tuner.ledger.productive == 600
    assert tuner.ledger.overhead <= 0.5
    plain = LateCliff(limit=1.5 * base_lr, after=70, base_lr=base_lr)
    scheduler = ScheduleLR(plain.optimizer, tuner.schedule(), 600)
    for batch in DATA[:600]:
        plain.step(batch)
        scheduler.step()
    assert torch.equal(run.model.weight, plain.model.weight)
    assert tuner.schedule() == Tabulated(
        Constant().cooldown(0.2, "linear")(torch.arange(601).numpy(), 600)
    )


@pytest.mark.parametrize("inside", [False, True], ids=["between updates", "inside one"])
def test_a_group_that_came_while_a_rise_was_watched_outlives_its_undoing(inside: bool) -> None:
    base_lr = 1 / 1024
    run = LateCliff(limit=1.5 * base_lr, after=70, base_lr=base_lr)

    def at() -> float:
        """Updates done when the group comes, three after the probe."""
        return sum((tuner.reports[0].start, tuner.reports[0].probe, 3)) if tuner.reports else -1

    def thaw(done: int) -> None:
        if done == at() and len(run.optimizer.param_groups) == 1:
            late = {"params": [nn.Parameter(torch.ones(1))], "lr": base_lr}
            run.optimizer.add_param_group(late)

    def step(batch: Tensor) -> Tensor:
        loss = run.step(batch)
        if inside:
            thaw(tuner.ledger.productive + 1)
        return loss

    tuner = run.tuner(held_out=SCORED, stages=1, step=step)
    for _ in tuner.train(DATA):
        if not inside:
            thaw(tuner.ledger.productive)
    rise, undone = tuner.reports
    assert rise.scale > 1.0 == undone.scale == tuner.scale
    assert undone.start == at()
    assert len(run.optimizer.param_groups) == 2
    assert tuner.ledger.overhead <= 0.5


def test_a_raised_scale_is_watched_on() -> None:
    """It diverges long after: the run goes on at the former scale from the last good state."""
    base_lr = 1 / 1024
    run = LateCliff(limit=1.5 * base_lr, after=300, base_lr=base_lr)
    tuner = run.tuner(held_out=SCORED, stages=1)
    losses = [loss.item() for loss in tuner.train(DATA)]
    rise, undone = tuner.reports
    assert rise.scale > 1.0 == undone.scale == tuner.scale
    assert 300 - 2 * rise.probe < undone.start - rise.start <= 300
    assert tuner.ledger.productive == 600
    assert tuner.ledger.overhead <= 0.5
    assert losses[-1] < 1e-3
    plain = LateCliff(limit=1.5 * base_lr, after=300, base_lr=base_lr)
    scheduler = ScheduleLR(plain.optimizer, tuner.schedule(), 600)
    for batch in DATA[:600]:
        plain.step(batch)
        scheduler.step()
    assert torch.equal(run.model.weight, plain.model.weight)


@pytest.mark.parametrize("base", [Linear(), HELD, None])
def test_where_the_base_anneals_only_the_first_stage_goes_down(base: Schedule | None) -> None:
    tried: list[list[float]] = []

    class Both(Climb):
        """Half and twice the present scale; those that were tried have a finite cost."""

        def __init__(self, low: float, high: float) -> None:
            super().__init__(low, high)
            self.octaves = [1.0, -1.0]
            tried.append([])

        def ask(self, context: Any = None) -> float:
            return self._middle * 2.0 ** (self.octaves.pop() if self.octaves else 0.0)

        def tell(self, choice: float, cost: float) -> None:
            if math.isfinite(cost) and choice != self._middle:
                tried[-1].append(choice / self._middle)

    run = Cliff(limit=1e9, becomes=0.0, base_lr=1e-3)
    tuner = run.tuner(stages=3, overhead=1.0, base=base, search=Both, held_out=SCORED)
    list(tuner.train(DATA))
    assert sorted(tried[0]) == [0.5, 2.0]
    assert sorted(tried[1]) == ([0.5, 2.0] if base is HELD else [2.0])


def test_where_nothing_is_won_it_searches_less_often() -> None:
    run = Cliff(limit=1e9, becomes=0.0)
    tuner = run.tuner(stages=8, overhead=4.0)
    list(tuner.train(torch.zeros(700, 8, 1)))  # no rate makes a difference
    starts = [report.start for report in tuner.reports]
    plan = tuner._mode._plan.starts
    # Kept at the first two: one is passed over, then two, as it is kept once more.
    expected = [plan[i] for i in (0, 1, 3) + ((6,) if len(plan) > 6 else ())]
    assert starts == [max(expected[0], 4), *expected[1:]]
    state = json.loads(json.dumps(tuner.state_dict()))
    assert state["search"]["rest"] == tuner._mode._rest > 0


def test_the_present_scale_diverging_makes_room_for_any_other() -> None:
    run = Cliff(limit=BASE / 32, becomes=math.nan)
    tuner = run.tuner(held_out=SCORED)
    losses = [loss.item() for loss in tuner.train(DATA)]
    (report,) = tuner.reports
    assert report.gain == math.inf
    assert report.scale <= 1 / 32  # further down than the first step
    assert math.isfinite(losses[-1])
    assert math.isfinite(run.model.weight.item())


class Stuck(Cliff):
    """Above half of the base rate it is thrown off for good, and less far by very high rates."""

    def step(self, batch: Tensor) -> Tensor:
        before, lr = self.model.weight.item(), self.optimizer.param_groups[0]["lr"]
        loss = super().step(batch)
        if before > 1:
            self.model.weight.data.fill_(before)
        elif lr > BASE / 2:
            self.model.weight.data.fill_(1.5 if lr > 1.5 * BASE else 3.0)
        return loss


def test_of_rates_that_all_make_it_worse_no_higher_one_is_taken() -> None:
    run = Stuck(limit=math.inf, becomes=0.0)
    tuner = run.tuner(held_out=SCORED)
    list(tuner.train(DATA))
    (report,) = tuner.reports
    scores = {trial.scale: trial.score for trial in report.trials}
    assert scores[1.0] > 2 and 4.0 not in scores  # it goes down at once
    assert tuner.scale <= 0.5
    assert run.model.weight.item() < 0.5


def test_all_candidates_diverging_is_an_error_at_the_stages_origin() -> None:
    run = Cliff(limit=0.0, becomes=math.nan)
    tuner = run.tuner(held_out=SCORED)
    with pytest.raises(
        AllDiverged, match=r"at update 0 every scale tried diverged \(1, 0.25, 0.0625"
    ):
        list(tuner.train(DATA))
    assert run.model.weight.item() == 1.0
    assert run.optimizer.param_groups[0]["lr"] == BASE
    assert tuner.ledger.productive == 0
    assert tuner.ledger.search == run.steps
    tuner.state_dict()  # it stands outside of a probe


def test_a_loss_that_is_nan_from_the_start() -> None:
    run = Run()
    tuner = run.tuner(held_out=[(torch.full((300, 6), math.nan), torch.zeros(300, 1))] * 4)
    before = [t.clone() for t in run.model.state_dict().values()]
    with pytest.raises(AllDiverged):
        run.train(tuner)
    after = run.model.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_two_choices_in_a_row_at_the_same_end_are_said() -> None:
    run = Cliff(limit=1e9, becomes=0.0, base_lr=1e-4)
    with pytest.warns(UserWarning, match="two stages in a row chose the highest"):
        list(run.tuner(stages=4, overhead=2.0, candidates=3).train(DATA))


# ---- what interrupts --------------------------------------------------------------------------


def test_an_error_inside_a_probe_leaves_the_run_itself() -> None:
    class Stop(Exception):
        pass

    tuned, plain = Run(), Run()
    tuner = tuned.tuner(held_out=held_out())
    calls = 0
    whole = tuner._training.update

    def update(batch: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if tuner._mode.probing and calls > tuner._mode._start + 60:
            raise Stop
        return whole(batch)

    tuner._training.update = update  # a user's step that fails, at a moment only a test knows
    torch.manual_seed(7)
    with pytest.raises(Stop):
        list(tuner.train(loader()))
        list(tuner.train(loader()))
    done = tuner.ledger.productive
    torch.manual_seed(7)
    scheduler = ScheduleLR(plain.optimizer, Constant().cooldown(0.2, "linear"), T)
    for _ in range(2):
        for batch in loader():
            if scheduler.last_epoch < done:
                plain.optimizer.zero_grad()
                plain.loss(batch).backward()
                plain.optimizer.step()
                scheduler.step()
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            tuned.model.state_dict().values(), plain.model.state_dict().values(), strict=True
        )
    )
    tuner.state_dict()


@pytest.mark.filterwarnings("ignore:AutoLRS. two stages in a row")
@pytest.mark.parametrize(
    ("at", "inside"),
    [(2, False), (20, False), (34, False), (60, False), (338, False), (20, True), (33, True)],
)
def test_a_group_that_comes_in_mid_run_stays_and_is_trained(at: int, inside: bool) -> None:
    """Layers are thawed so. No stage and no watch goes back to before that."""
    model, late = nn.Linear(4, 1), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def loss(batch: Tensor) -> Tensor:
        if inside and tuner.ledger.productive == at and not tuner._mode.probing:
            thaw()
        error = model(batch) - batch.sum(1, keepdim=True)
        return error.square().mean() + 1e-3 * late.square().sum()

    def thaw() -> None:
        if len(optimizer.param_groups) == 1:
            optimizer.add_param_group({"params": [late], "lr": 0.1})

    tuner = AutoLRS(model, optimizer, loss, 600, **QUICK | {"base": Constant(), "overhead": 0.4})
    assert tuner._mode._plan.starts == (0, 300)
    data = torch.randn(600, 8, 4, generator=torch.Generator().manual_seed(0))
    for done, _ in enumerate(tuner.train(data), 1):
        if not inside and done == at:
            thaw()
    assert [len(g["params"]) for g in optimizer.param_groups] == [2, 1]
    assert late.item() < 0.95
    assert len(tuner.reports) == 2
    assert tuner.reports[0].scale > 1  # a change was made, by going back
    assert tuner.ledger.overhead <= 0.4


def test_state_is_refused_inside_a_probe_and_given_outside() -> None:
    run = Cliff(limit=1e9, becomes=0.0)
    refused = []

    def step(batch: Tensor) -> Tensor:
        try:
            tuner.state_dict()
        except RuntimeError as error:
            refused.append(str(error))
        return run.step(batch)

    tuner = run.tuner(step=step)
    for _ in tuner.train(DATA):
        tuner.state_dict()
    assert len(refused) == tuner.ledger.search
    assert "inside a probe" in refused[0]


@pytest.mark.parametrize("where", ["between stages", "while recording"])
def test_resuming(where: str, tmp_path: Path) -> None:
    """Between stages: bit for bit. In a stage: the stage begins anew, the run is as it was."""
    data = [batch for _ in range(20) for batch in DataLoader(dataset(), batch_size=16)][:T]
    at = 150 if where == "between stages" else 210
    torch.manual_seed(3)
    whole = Run()
    tuner = whole.tuner(held_out=held_out())
    assert tuner._mode._plan.starts == (0, 200)
    for i, _ in enumerate(tuner.train(data)):
        if i + 1 == at:
            assert tuner._mode.recording == (where == "while recording")
            saved = {
                "model": whole.model.state_dict(),
                "optimizer": whole.optimizer.state_dict(),
                "tuner": tuner.state_dict(),
                "random": torch.get_rng_state(),
            }
            torch.save(saved, tmp_path / "checkpoint.pt")
    json.dumps(saved["tuner"], allow_nan=False)
    loaded = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    resumed = Run()
    other = resumed.tuner(held_out=held_out())
    resumed.model.load_state_dict(loaded["model"])
    resumed.optimizer.load_state_dict(loaded["optimizer"])
    other.load_state_dict(loaded["tuner"])
    torch.set_rng_state(loaded["random"])
    list(other.train(data[other.ledger.productive :]))
    assert other.ledger.productive == T
    assert other.reports[0] == tuner.reports[0]
    if where == "between stages":
        assert other.reports[1].trials == tuner.reports[1].trials
        assert resumed.same_as(whole)
        assert other.schedule() == tuner.schedule()
    else:
        assert [report.start for report in other.reports] == [0, 210]
        assert other.ledger.overhead <= 0.5


def test_the_data_ending_in_mid_stage_leaves_a_plain_run() -> None:
    run = Run()
    tuner = run.tuner(held_out=held_out())
    few = list(loader())[:5]
    assert len(list(tuner.train(few))) == 5
    assert tuner._mode.recording
    tuner.state_dict()
    assert len(list(tuner.train(loader()))) == 40  # and goes on with the next pass


# ---- what can be put in its place, and bad input ---------------------------------------------


def test_another_search_proposes() -> None:
    asked: list[tuple[float, float]] = []

    def search(low: float, high: float) -> RateSearch:
        asked.append((low, high))
        return RateSearch(low, high, grid=3)

    run = Run()
    tuner = run.tuner(search=search, held_out=held_out(), candidates=4, overhead=0.6)
    run.train(tuner)
    assert asked[0] == (1 / 16, 16.0)
    tried = [trial.scale for trial in tuner.reports[0].trials]
    assert tried[0] == 1.0
    assert len(tried) <= 4
    assert all(1 / 16 <= scale <= 16 for scale in tried)


def test_an_optuna_sampler_proposes() -> None:
    from optuna.distributions import FloatDistribution
    from optuna.samplers import TPESampler
    from ritard.tuners.bandits import OptunaTuner

    def search(low: float, high: float) -> OptunaTuner:
        space = FloatDistribution(low, high, log=True)
        return OptunaTuner(space, lambda seed: TPESampler(seed=seed), seed=0)

    run = Run("slow sgd")
    tuner = run.tuner(search=search, held_out=held_out())
    run.train(tuner)
    scales = [trial.scale for trial in tuner.reports[0].trials]
    assert len(set(scales)) == 3
    assert all(1 / 16 <= scale <= 16 for scale in scales)


def test_a_scheduler_of_the_users_own_is_found_out() -> None:
    run = Run()
    tuner = run.tuner(held_out=held_out())

    def step(batch: Any) -> Tensor:
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        loss.backward()
        run.optimizer.step()
        run.optimizer.param_groups[0]["lr"] *= 0.99
        return loss.detach()

    tuner._training.update = step
    with pytest.raises(RuntimeError, match="drop the scheduler"):
        list(tuner.train(loader()))


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("when", ["between updates", "between epochs"])
def test_a_scheduler_stepped_beside_the_search_is_found_out(faithful: bool, when: str) -> None:
    """Not only inside the update: it would be written over, and its user would not know."""
    run = Run()
    theirs = torch.optim.lr_scheduler.ExponentialLR(run.optimizer, 0.9)
    if faithful:
        tuner = AutoLRS.faithful(
            run.model, run.optimizer, run.loss, 400, lr_min=1e-3, lr_max=1, k=2, tau0=100
        )
    else:
        tuner = run.tuner(held_out=held_out())
    updates = 0
    with pytest.raises(
        RuntimeError, match=r"AutoLRS wrote .* optimizer holds .*drop the scheduler"
    ):
        for _ in range(2):
            for _ in tuner.train(itertools.islice(loader(), 30)):
                updates += 1
                if when == "between updates":
                    theirs.step()
            theirs.step()
    assert updates == (1 if when == "between updates" else 30 - 20 * faithful)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overhead": -0.1}, "overhead=-0.1"),
        ({"overhead": math.nan}, "overhead=nan"),
        ({"stages": 0}, "stages=0"),
        ({"candidates": 1}, "candidates=1"),
        ({"first_octaves": 0}, "first_octaves=0"),
        ({"octaves": -1}, "octaves=-1"),
        ({"scored": 1}, "scored=1"),
        ({"hold": 1.0}, "hold=1.0"),
        ({"tail": 1.0}, "tail=1.0"),
        ({"switching_cost": -1}, "switching_cost=-1"),
        ({"held_out": []}, "held_out: it has 0 batches"),
        ({"held_out": held_out()[:1]}, "held_out: it has 1 batches"),
        ({"total": 0}, "total_steps=0"),
        ({"base": Constant().warmup(10_000)}, "warmup"),
    ],
)
def test_bad_settings_change_nothing(options: dict[str, Any], message: str) -> None:
    run = Run()
    groups = [dict(group) for group in run.optimizer.param_groups]
    with pytest.raises(ValueError, match=message):
        run.tuner(**options)
    assert [dict(group) for group in run.optimizer.param_groups] == groups


@pytest.mark.parametrize(
    "kind", [lambda n: np.asarray(n)[()], lambda n: torch.as_tensor(np.asarray(n))]
)
def test_numbers_of_any_kind_are_as_good_as_pythons(kind: Callable[[Any], Any]) -> None:
    """Also in what is saved, which is plain."""
    states = []
    options = {key: value for key, value in QUICK.items() if key != "base"}
    for made in (lambda n: n, kind):
        run = Run()
        chosen = {key: made(value) for key, value in options.items()}
        tuner = run.tuner(made(T), **chosen, held_out=held_out())
        run.train(tuner)
        state = tuner.state_dict()
        state["ledger"] |= {"seconds": 0.0, "search_seconds": 0.0}
        states.append(json.dumps(state, allow_nan=False))
    assert states[0] == states[1]


def test_bad_arguments() -> None:
    run = Run()
    with pytest.raises(TypeError, match="nonsense"):
        run.tuner(nonsense=1)
    with pytest.raises(TypeError, match="optimizer"):
        AutoLRS(run.model, run.model, run.loss, T)  # type: ignore[arg-type]
    run.optimizer.param_groups[0]["lr"] = 0.0
    with pytest.raises(ValueError, match=r"its rates are \[0\.0\]; expected one that is not 0"):
        run.tuner()
    assert "initial_lr" not in run.optimizer.param_groups[0]
    run.optimizer.param_groups[0]["lr"] = BASE
    with pytest.warns(UserWarning, match="20 examples in 2 batches"):
        run.tuner(held_out=[(torch.zeros(10, 6), torch.zeros(10, 1))] * 2)
    tuner, other = run.tuner(), run.tuner(total=T + 1)
    with pytest.raises(ValueError, match="total_steps is 400"):
        other.load_state_dict(tuner.state_dict())
    with pytest.raises(ValueError, match=r"of another than AutoLRS, it holds \[\]"):
        tuner.load_state_dict({})
