"""ReplayBuffer: a stream of batches that can be marked and gone back in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

from ...schedules._checks import whole
from ...schedules._state import check_keys
from ._replay_batch import RecordedBatch, nbytes
from ._snapshot_memory import free_on_host
from ._snapshot_random import RandomState
from ._snapshot_room import SHARE

Batch = TypeVar("Batch")


class ReplayBuffer(Generic[Batch]):
    """Iterates over batches as its source does, and can serve some of them again.

    :meth:`mark` begins to keep batches, :meth:`rewind` goes back, :meth:`release` ends keeping:
    what was drawn and not yet used then comes before new batches. The source itself is never
    wound back, so that any iterable will do: a DataLoader with any number of workers, an
    IterableDataset, a generator. It is advanced only when a batch is needed that was not drawn
    yet, by ``n`` batches at most however many times they are replayed.

    With each batch kept goes the state of the global random numbers right after it was drawn,
    and is set again when the batch is served again: the same dropout for all who replay it, and
    the run that goes on from there is the one that would have been without replaying.

    Where the source ends inside the marked part, the end is part of it: it comes at the same
    place in every replay, as StopIteration. As everywhere, ``iter()`` after the end begins a new
    pass (over a source that allows one); before it, it goes on where the stream stands.

    Args:
        source: Batches of any kind, as a DataLoader gives.
        generators: Random generators, other than the global ones, that the training step draws
            from; not those of the source.

    Attributes:
        position: Batches served so far, less those gone back.

    Raises:
        TypeError: the source is not iterable.

    Example:
        >>> batches = ReplayBuffer(range(6))
        >>> batches.mark(3)
        >>> [next(batches) for _ in range(3)]
        [0, 1, 2]
        >>> batches.rewind()
        >>> next(batches), next(batches)
        (0, 1)
        >>> batches.release()
        >>> list(batches)
        [2, 3, 4, 5]
    """

    def __init__(self, source: Iterable[Batch], generators: Iterable[Any] = ()) -> None:
        if not isinstance(source, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"source={source!r}: expected an iterable of batches")
        self._source = source
        self._generators = list(generators)
        self._iterator: Iterator[Batch] | None = None
        self._kept = deque[RecordedBatch | None]()  # None: a pass ended here
        self._at = 0  # of the next one to serve among the kept
        self._limit: int | None = None  # batches that may be kept, while marked
        self.position = 0

    # ---- iterating ----------------------------------------------------------------------

    def __iter__(self) -> ReplayBuffer[Batch]:
        if self._at_end():
            self._pass_over()
        return self

    def __next__(self) -> Batch:
        if self._at_end():
            raise StopIteration
        if self._at == len(self._kept):
            return self._draw()
        again = cast(RecordedBatch, self._kept[self._at]).again()
        self._pass_over()
        self.position += 1
        return again

    def __len__(self) -> int:
        """Batches of a pass, where the source knows."""
        return len(cast(Any, self._source))

    # ---- going back ---------------------------------------------------------------------

    @property
    def marked(self) -> bool:
        """Whether batches are being kept."""
        return self._limit is not None

    @property
    def recorded(self) -> int:
        """Batches kept: since the mark, or drawn and not yet used."""
        return sum(batch is not None for batch in self._kept)

    def mark(self, n: int) -> None:
        """Keep the next ``n`` batches from here on, so that :meth:`rewind` can come back.

        Batches that are waiting from an earlier mark are among them.

        Raises:
            RuntimeError: already marked.
            TypeError, ValueError: ``n`` is not an int >= 1.
        """
        n = whole("n", n, low=1)
        if self.marked:
            raise RuntimeError("mark: already marked; release() first")
        self._limit = n

    def rewind(self, position: int | None = None) -> None:
        """Go back to the mark, or to any position since then (also forward to one drawn).

        Raises:
            RuntimeError: not marked.
            ValueError: the position is not among the batches kept.
        """
        if not self.marked:
            raise RuntimeError("rewind: nothing is kept; call mark(n) before drawing")
        start = self.position - self._served()
        position = start if position is None else whole("position", position)
        if not start <= position <= start + self.recorded:
            raise ValueError(
                f"position={position}: expected one of those kept, "
                f"{start} to {start + self.recorded}"
            )
        self._at = 0
        self.position = start
        while self.position < position:
            self.position += self._kept[self._at] is not None
            self._at += 1

    def release(self) -> None:
        """Keep no longer; batches not yet used come next, and then the source goes on."""
        for _ in range(self._at):
            self._kept.popleft()
        self._at, self._limit = 0, None

    # ---- as a part of a Snapshot --------------------------------------------------------

    def state_dict(self) -> dict[str, int]:
        """The position: as a part of a :class:`Snapshot` the data go back with the rest."""
        return {"position": self.position}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go back to a position; as :meth:`rewind`, unless it stands there already."""
        check_keys("ReplayBuffer", state_dict, self.state_dict())
        if (position := state_dict["position"]) != self.position:
            self.rewind(position)

    # ---- inside -------------------------------------------------------------------------

    def _at_end(self) -> bool:
        return self._at < len(self._kept) and self._kept[self._at] is None

    def _served(self) -> int:
        return sum(batch is not None for batch in list(self._kept)[: self._at])

    def _pass_over(self) -> None:
        """Go past what is next among the kept, which is forgotten unless marked."""
        if self.marked:
            self._at += 1
        else:
            self._kept.popleft()

    def _draw(self) -> Batch:
        if self._limit is not None and self.recorded >= self._limit:
            raise RuntimeError(
                f"ReplayBuffer: mark({self._limit}) keeps {self._limit} batches, and one more was "
                "asked for; release() first, or mark more"
            )
        if self._iterator is None:
            self._iterator = iter(self._source)
        try:
            batch = next(self._iterator)
        except StopIteration:
            self._iterator = None
            self._kept.append(None)
            raise
        if self._limit is not None:
            self._keep(batch)
        self.position += 1
        return batch

    def _keep(self, batch: Batch) -> None:
        first = self.recorded == 0
        self._kept.append(RecordedBatch(batch, RandomState(self._generators)))
        if first:
            self._check_memory(nbytes(batch))
        self._at += 1

    def _check_memory(self, size: int) -> None:
        limit, free = cast(int, self._limit), free_on_host()
        if size * limit > SHARE * free:
            self.release()  # the batch comes next
            raise MemoryError(
                f"mark({limit}): {limit} batches of {size / 1e6:.3g} MB do not fit into "
                f"{free / 1e9:.3g} GB of free memory; mark fewer"
            )
