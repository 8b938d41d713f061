"""Constant memory over many steps, and nothing kept alive by fits that are over.

Each is run for a while and measured over the second half: an int or a float kept at every step,
8 bytes at least, would show. ``make test-slow`` takes a million steps. What grows by design is
tested as such: a recorder's log without a file (16 bytes an update), an OptunaTuner (its trials).
"""

import gc
import itertools
import tempfile
import tracemalloc
import weakref
from pathlib import Path

import pytest
import torch
from bandit_tables import TUNERS, iterations
from ritard.schedules import (
    REX,
    Budget,
    GradNormCallback,
    GradNormRecorder,
    Linear,
    ScheduleCallback,
    ScheduleLR,
)
from ritard.tuners import OnlineRefinement, OnlineRefinementCallback, Plateau
from ritard.tuners.autolrs import AutoLRS, AutoLRSCallback, ReplayBuffer, Snapshot

BOUND = 4.0
"""Bytes a step that count as no growth."""


def growth(step, steps):
    """Bytes that a step keeps, over the second half of so many of them."""
    gc.collect()
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(2):
            for _ in range(steps // 2):
                step()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return (sizes[1] - sizes[0]) / (steps // 2)


def weight():
    made = torch.nn.Parameter(torch.ones(2))
    made.grad = torch.ones(2)
    return made


def scheduled(steps):
    scheduler = ScheduleLR(torch.optim.SGD([weight()], lr=0.1), REX().warmup(0.1), steps)
    return lambda kept=scheduler.optimizer: scheduler.step()


def counting_tokens(steps):
    budget = Budget.tokens(10.0 * steps)
    scheduler = ScheduleLR(torch.optim.SGD([weight()], lr=0.1), Linear(), budget)

    def step(kept=scheduler.optimizer):
        scheduler.advance(10)
        scheduler.step()

    return step


def refined(steps):
    scheduler = OnlineRefinement(torch.optim.SGD([weight()], lr=0.1), steps)

    def step(kept=scheduler.optimizer):
        scheduler.record()
        scheduler.step()

    return step


def recorded(steps):
    folder = tempfile.TemporaryDirectory()
    recorder = GradNormRecorder([weight()], "l2", Path(folder.name) / "norms.jsonl")
    return lambda kept=folder: recorder.record()


def plateau(steps):
    tuner, costs = Plateau(patience=100), itertools.cycle([3.0, 2.0, 2.5])
    return lambda: tuner.tell(tuner.ask(), next(costs))


def replayed(steps):
    buffer = ReplayBuffer(itertools.count(1000))
    return lambda: next(buffer)


def bandit(name):
    def make(steps):
        tuner, contexts = TUNERS[name](), itertools.cycle([0.0, 0.1, 0.4, -0.1])

        def step():
            context = next(contexts)
            choice = tuner.ask(context)
            tuner.tell(choice, iterations(choice.value, context))

        return step

    return make


CONSTANT = {
    "ScheduleLR": (scheduled, 60_000),
    "ScheduleLR under tokens": (counting_tokens, 40_000),
    "OnlineRefinement": (refined, 30_000),
    "GradNormRecorder with a file": (recorded, 20_000),
    "Plateau": (plateau, 100_000),
    "ReplayBuffer": (replayed, 60_000),
} | {name: (bandit(name), 12_000) for name in TUNERS if name != "OptunaTuner"}


@pytest.mark.parametrize("kind", CONSTANT)
def test_memory_stays(kind):
    make, steps = CONSTANT[kind]
    assert growth(make(steps), steps) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONSTANT)
def test_memory_stays_over_a_million_steps(kind):
    assert growth(CONSTANT[kind][0](1_000_000), 1_000_000) < BOUND / 10


def test_what_keeps_a_number_a_step_is_seen():
    kept = []
    assert growth(lambda: kept.append(None), 20_000) > BOUND


def test_a_recorder_without_a_file_keeps_16_bytes_an_update():
    recorder = GradNormRecorder([weight()], "l2")
    # An array makes room for an eighth more than it holds.
    assert 12 < growth(recorder.record, 20 * 512) < 16 * 9 / 8 + 1


def test_a_search_of_rates_keeps_one_recording_at_most():
    """The batches of a probe are kept while they are needed: the second half takes no more."""
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    tuner = AutoLRS(model, optimizer, lambda x: model(x).square().mean(), 3000, stages=1)
    losses = tuner.train(itertools.repeat(torch.ones(4, 2)))
    for _ in range(600):  # the search, and then its rise is watched, a probe's length at a time
        next(losses)
    peaks = []
    tracemalloc.start()
    try:
        for _ in range(2):
            tracemalloc.reset_peak()
            for _ in range(1199):
                next(losses)
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert tuner.reports
    # A recording is 1.5 MB, and rubbish waits a while: a float kept at every step is 3 % of that.
    assert peaks[1] < 1.02 * peaks[0]


# ---- no leak over many fits ------------------------------------------------------------------


def fit_scheduled(model, optimizer):
    scheduler = ScheduleLR(optimizer, REX(), 5)
    train(model, optimizer, scheduler.step)


def fit_refined(model, optimizer):
    scheduler = OnlineRefinement(optimizer, 5).attach()
    train(model, optimizer, scheduler.step)


def fit_recorded(model, optimizer):
    recorder = GradNormRecorder(optimizer).attach()
    train(model, optimizer, recorder.norms)


def fit_searched(model, optimizer):
    tuner = AutoLRS(model, optimizer, lambda x: model(x).square().mean(), 50, overhead=8, stages=1)
    for _ in tuner.train([torch.ones(1, 2)] * 50):
        pass


def fit_undone(model, optimizer):
    with Snapshot(model, optimizer):
        train(model, optimizer, lambda: None)


def train(model, optimizer, after):
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        after()


FITS = [fit_scheduled, fit_refined, fit_recorded, fit_searched, fit_undone]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fit", FITS)
def test_nothing_of_a_hundred_fits_lives_on(fit):
    """Nor is the memory of the last fifty held by anything."""

    def once():
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        ended.append((weakref.ref(model), weakref.ref(optimizer)))
        fit(model, optimizer)

    ended = []
    once()
    # A search is slow; yet enough that what a process allocates but once counts for little.
    fits = 100 if fit is not fit_searched else 60
    assert growth(once, fits) < 2_000  # the weak references themselves, and what torch counts
    gc.collect()
    assert not [ref for pair in ended for ref in pair if ref() is not None]


def lightning_fits(count, folder):
    from lightning import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, _):
            return self.layer(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    made = [
        lambda: [ScheduleCallback(REX()), GradNormCallback(folder / "norms.jsonl")],
        lambda: [OnlineRefinementCallback()],
        lambda: [AutoLRSCallback()],
    ]
    ended = []
    for i in range(count):
        callbacks, module = made[i % 3](), Module()
        trainer = Trainer(
            max_epochs=1, callbacks=callbacks, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        )  # fmt: skip
        trainer.fit(module, torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=4))
        ended += map(weakref.ref, (module, trainer, *callbacks))
    return ended


FEW = pytest.param(6)
MANY = pytest.param(100, marks=pytest.mark.slow)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [FEW, MANY])
def test_nothing_of_lightning_fits_lives_on(count, tmp_path):
    ended = lightning_fits(count, tmp_path)
    gc.collect()
    alive = [ref() for ref in ended if ref() is not None]
    assert len(alive) <= 5  # the last trainer's, where Lightning holds it
