"""ReplayBuffer: the same batches and random numbers again, and a stream that loses nothing."""

from __future__ import annotations

import random
from collections import OrderedDict, UserDict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.tuners.autolrs import ReplayBuffer, Snapshot
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from training_states import Training, same


class Counting(Iterator[int]):
    """0, 1, 2, ... that knows how far it was advanced; it may end."""

    def __init__(self, end: int | None = None) -> None:
        self.drawn, self.end = 0, end

    def __next__(self) -> int:
        if self.drawn == self.end:
            raise StopIteration
        self.drawn += 1
        return self.drawn - 1


def take(batches: Iterator[Any], n: int) -> list[Any]:
    return [next(batches) for _ in range(n)]


def test_without_a_mark_it_is_the_source() -> None:
    loader = DataLoader(TensorDataset(torch.arange(10.0)), batch_size=3, shuffle=True)
    batches = ReplayBuffer(loader)
    assert len(batches) == 4
    for _ in range(3):  # epochs
        torch.manual_seed(0)
        expected = [x for (x,) in loader]
        torch.manual_seed(0)
        assert same([x for (x,) in batches], expected)
    assert batches.position == 12
    assert batches.recorded == 0


def test_a_probe_is_replayed_and_the_source_advances_once() -> None:
    source = Counting()
    batches = ReplayBuffer(source)
    assert take(batches, 2) == [0, 1]
    batches.mark(5)
    assert source.drawn == 2  # nothing is drawn before it is needed
    for _ in range(4):
        assert take(batches, 5) == [2, 3, 4, 5, 6]
        batches.rewind()
    assert source.drawn == 7
    assert take(batches, 3) == [2, 3, 4]  # the winner's hold
    batches.release()
    assert take(batches, 4) == [5, 6, 7, 8]  # nothing lost, nothing twice
    assert source.drawn == 9
    assert batches.recorded == 0


def test_candidates_may_stop_early_and_later_ones_go_further() -> None:
    source = Counting()
    batches = ReplayBuffer(source)
    batches.mark(6)
    assert take(batches, 2) == [0, 1]
    batches.rewind()
    assert take(batches, 4) == [0, 1, 2, 3]
    batches.rewind(1)
    assert take(batches, 1) == [1]
    batches.rewind(4)  # forward, to where one has been
    assert take(batches, 2) == [4, 5]
    assert source.drawn == 6


def test_what_waits_can_be_marked_again() -> None:
    batches = ReplayBuffer(Counting())
    batches.mark(5)
    take(batches, 5)
    batches.rewind(2)
    batches.release()
    batches.mark(4)
    assert take(batches, 4) == [2, 3, 4, 5]
    batches.rewind()
    batches.release()
    assert take(batches, 6) == [2, 3, 4, 5, 6, 7]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.one_of(st.none(), st.integers(0, 30)))
def test_any_order_of_calls_gives_the_stream(data: st.DataObject, end: int | None) -> None:
    """Against a list and an index: what a stream with marks means."""
    source = Counting(end)
    batches, at, start, furthest, limit = ReplayBuffer(source), 0, None, 0, 0
    for _ in range(data.draw(st.integers(1, 40))):
        call = data.draw(st.sampled_from(["next", "next", "next", "mark", "rewind", "release"]))
        if call == "next":
            full = start is not None and at >= max(start + limit, furthest)
            if end is not None and at == end:
                # Whether there is one more than it may keep it only knows once it has asked.
                with pytest.raises((StopIteration, RuntimeError) if full else StopIteration):
                    next(batches)
            elif full:
                with pytest.raises(RuntimeError, match="keeps"):
                    next(batches)
            else:
                assert next(batches) == at
                at += 1
                furthest = max(furthest, at)
        elif call == "mark" and start is None:
            start, limit = at, data.draw(st.integers(1, 8))
            batches.mark(limit)
        elif call == "rewind" and start is not None:
            at = data.draw(st.integers(start, furthest))
            batches.rewind(at)
        elif call == "release":
            start = None
            batches.release()
        assert batches.position == at
        assert source.drawn == furthest
        assert batches.recorded == furthest - (at if start is None else start)


# ---- loaders --------------------------------------------------------------------------------


class Stream(IterableDataset[Any]):
    """Random data without end, as the workers draw them."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        while True:
            yield torch.rand(3)


@pytest.mark.parametrize("workers", [0, 2])
def test_iterable_datasets_and_workers(workers: int) -> None:
    torch.manual_seed(0)
    expected = take(iter(DataLoader(Stream(), batch_size=2, num_workers=workers)), 9)
    torch.manual_seed(0)
    batches = ReplayBuffer(DataLoader(Stream(), batch_size=2, num_workers=workers))
    assert same(take(batches, 2), expected[:2])
    batches.mark(4)
    for _ in range(3):
        assert same(take(batches, 4), expected[2:6])
        batches.rewind()
    batches.release()
    assert same(take(batches, 7), expected[2:])


class Noisy(torch.utils.data.Dataset[Any]):
    """Augmentation by the global random numbers of torch, NumPy and Python."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> torch.Tensor:
        noise = np.random.rand() + random.random()  # noqa: NPY002
        return torch.randn(6) + index + noise


class Probed(Training):
    """A training that draws its batches from a loader in the same process."""

    def __init__(self) -> None:
        super().__init__(lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9))
        self.batches = ReplayBuffer(
            DataLoader(Noisy(), batch_size=16, shuffle=True), generators=[self.model.generator]
        )

    def next_batch(self) -> torch.Tensor:
        try:
            return next(self.batches)
        except StopIteration:
            return next(iter(self.batches))

    def step(self) -> None:
        x = self.next_batch() / 64
        self.optimizer.zero_grad()
        loss = (self.model(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())


@pytest.mark.parametrize("committed", [0, 4, 6])
def test_a_probed_run_is_the_run_without_probes(committed: int) -> None:
    """Even with dropout, and a loader that draws from the same random numbers as the model.

    The candidates replay six batches over the end of a pass (there are four in one); then the
    state after some steps of the unchanged one is committed, and the rest goes back.
    """
    plain = Probed().steps(20).seen()
    run = Probed().steps(3)
    parts = (run.model, run.optimizer, run.batches)
    run.batches.mark(6)
    origin = Snapshot(*parts)
    run.steps(committed)
    best = Snapshot(*parts)
    run.steps(6 - committed)
    first = run.losses[3:]
    for lr in (0.1, 0.02):
        origin.restore(lr=lr)
        run.losses[3:] = []
        run.steps(6)
        assert (run.losses[3:] == first) == (lr == 0.02)
    best.restore()
    run.losses[3:] = first[:committed]
    run.batches.release()
    seen = run.steps(17 - committed).seen()
    for ignored in ("scheduler", "scaler", "average"):
        seen.pop(ignored), plain.pop(ignored)
    assert same(seen, plain)


def test_random_numbers_of_every_source_come_back() -> None:
    mine = np.random.default_rng(0)

    def draws() -> list[float]:
        return [torch.rand(1).item(), np.random.rand(), random.random(), mine.random()]  # noqa: NPY002

    batches = ReplayBuffer(Counting(), generators=[mine])
    batches.mark(3)
    first = [(next(batches), draws()) for _ in range(3)]
    draws()
    batches.rewind()
    assert [(next(batches), draws()) for _ in range(3)] == first
    batches.rewind(1)
    batches.release()
    draws()
    assert [(next(batches), draws()) for _ in range(2)] == first[1:]  # those put back, too


# ---- the end in mid-probe -------------------------------------------------------------------


def test_an_end_in_mid_probe_comes_at_the_same_place_for_all() -> None:
    batches = ReplayBuffer(DataLoader(TensorDataset(torch.arange(4)), batch_size=1))
    take(batches, 1)
    batches.mark(10)
    for _ in range(3):
        assert [x.item() for (x,) in batches] == [1, 2, 3]
        with pytest.raises(StopIteration):  # and it stays the end
            next(batches)
        batches.rewind()
    take(batches, 1)
    batches.release()
    assert [x.item() for (x,) in batches] == [2, 3]
    assert [x.item() for (x,) in batches] == [0, 1, 2, 3]  # the next epoch


def test_a_probe_may_go_on_into_the_next_pass() -> None:
    batches = ReplayBuffer([0, 1, 2])
    take(batches, 2)
    batches.mark(4)
    for _ in range(2):
        assert list(batches) == [2]
        assert take(iter(batches), 3) == [0, 1, 2]
        batches.rewind()
    batches.release()
    assert list(batches) == [2]
    assert list(batches) == [0, 1, 2]


def test_iter_goes_on_within_a_pass() -> None:
    batches = ReplayBuffer(range(5))
    for batch in batches:
        if batch == 1:
            break
    assert list(batches) == [2, 3, 4]
    assert list(batches) == [0, 1, 2, 3, 4]


def test_a_source_that_fails_may_be_asked_again() -> None:
    class Flaky(Counting):
        failed = False

        def __next__(self) -> int:
            if self.drawn == 2 and not self.failed:
                self.failed = True
                raise OSError("disk")
            return super().__next__()

    batches = ReplayBuffer(Flaky())
    batches.mark(4)
    take(batches, 2)
    with pytest.raises(OSError, match="disk"):
        next(batches)
    assert take(batches, 2) == [2, 3]
    batches.rewind()
    assert take(batches, 4) == [0, 1, 2, 3]


# ---- batches that a step takes apart or changes ---------------------------------------------

Pair = namedtuple("Pair", "x y")


class Lines(list[Any]):
    """A list of a kind of its own."""


@dataclass(slots=True)
class Slots:
    """An object without a dict."""

    x: torch.Tensor


@pytest.mark.parametrize(
    ("make", "take_apart"),
    [
        (lambda: {"x": torch.ones(2), "y": [1]}, lambda b: (b.pop("x"), b["y"].clear())),
        (lambda: [torch.ones(2), "text"], lambda b: b.clear()),
        (lambda: Pair(torch.ones(2), {"k": 1}), lambda b: b.y.clear()),
        (lambda: UserDict(x=torch.ones(2)), lambda b: b.pop("x")),
        (lambda: SimpleNamespace(x=torch.ones(2)), lambda b: vars(b).clear()),
        (lambda: np.ones(3), lambda b: b.fill(0)),
        (lambda: OrderedDict(x=torch.ones(2), y=[1]), lambda b: (b.pop("x"), b["y"].clear())),
        (lambda: Lines([torch.ones(2), [1]]), lambda b: b[1].clear()),
    ],
    ids=["dict", "list", "named", "user-dict", "object", "array", "a dict's kind", "a list's kind"],
)
def test_a_step_may_take_a_batch_apart(make: Any, take_apart: Any) -> None:
    batches = ReplayBuffer(make() for _ in range(9))
    batches.mark(2)
    for _ in range(3):
        for batch in take(batches, 2):
            expected = make()
            assert type(batch) is type(expected)
            assert same(getattr(batch, "__dict__", batch), getattr(expected, "__dict__", expected))
            take_apart(batch)
        batches.rewind()


def test_a_batch_of_any_kind_is_recorded() -> None:
    """Its parts may hold it, and tuples may be of a kind that does not take them one by one."""
    around = SimpleNamespace(x=torch.ones(2), more={})
    around.more["all"] = around
    for made in (around, torch.Size([2, 3]), Pair, None, "text"):
        batches = ReplayBuffer([made])
        batches.mark(1)
        next(batches)
        batches.rewind()
        again = next(batches)
        assert again.x is around.x if made is around else again == made


def test_what_an_object_has_lost_cannot_be_replayed() -> None:
    held = SimpleNamespace(parts=[torch.ones(2)])
    batches = ReplayBuffer([{"a": held}])
    batches.mark(1)
    next(batches)
    held.parts.pop()
    batches.rewind()
    with pytest.raises(RuntimeError, match=r"changed a batch's object in place.*clone"):
        next(batches)


@pytest.mark.parametrize(
    "make", [lambda x: x, lambda x: {"a": [x]}, lambda x: Pair(1, x), lambda x: Slots(x)]
)
def test_a_step_that_writes_into_a_batch_is_found_out(make: Any) -> None:
    x = torch.ones(2, 3)
    batches = ReplayBuffer([make(x)])
    batches.mark(1)
    next(batches)
    x.mul_(2)
    batches.rewind()
    with pytest.raises(RuntimeError, match=r"tensor of shape \(2, 3\) in place.*clone"):
        next(batches)


# ---- bounds and bad input -------------------------------------------------------------------


def test_no_more_than_marked_are_kept() -> None:
    batches = ReplayBuffer(Counting())
    batches.mark(2)
    take(batches, 2)
    with pytest.raises(RuntimeError, match=r"mark\(2\) keeps 2 batches"):
        next(batches)
    batches.rewind()
    assert take(batches, 2) == [0, 1]
    batches.release()
    assert next(batches) == 2  # the refused one was not drawn


def test_batches_that_do_not_fit_into_memory_are_refused_and_not_lost() -> None:
    batches = ReplayBuffer(torch.full((1 << 20,), t) for t in range(3))
    batches.mark(1 << 40)
    with pytest.raises(MemoryError, match=r"batches of 8.39 MB do not fit into"):
        next(batches)
    assert not batches.marked
    assert [int(batch[0]) for batch in batches] == [0, 1, 2]


def test_bad_calls() -> None:
    with pytest.raises(TypeError, match="source=3: expected an iterable"):
        ReplayBuffer(3)  # type: ignore[arg-type]
    batches = ReplayBuffer(Counting())
    with pytest.raises(RuntimeError, match=r"call mark\(n\)"):
        batches.rewind()
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"n={n}: expected an int >= 1"):
            batches.mark(n)
    take(batches, 3)
    batches.mark(2)
    with pytest.raises(RuntimeError, match="already marked"):
        batches.mark(2)
    next(batches)
    for position in (2, 5):
        with pytest.raises(ValueError, match="3 to 4"):
            batches.rewind(position)
    assert batches.position == 4


def test_as_a_part_of_a_snapshot_the_data_must_be_kept() -> None:
    batches = ReplayBuffer(Counting())
    snapshot = Snapshot(torch.nn.Linear(1, 1), batches)
    snapshot.restore()  # it stands there
    next(batches)
    with pytest.raises(RuntimeError, match=r"mark\(n\) before"):
        snapshot.restore()
