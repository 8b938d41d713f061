"""What a snapshot keeps of one live object other than a tensor, and how it is put back."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

_MISSING = object()
_NUMBERS = (bool, int, float, complex, np.generic)
_SOURCES = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


class Kept(Protocol):
    """A live object and what it held."""

    def put_back(self) -> None:
        """Make the live object hold it again; the object itself stays the same one."""
        ...

    def inside(self) -> Iterable[Any]:
        """What it held, to be kept in turn."""
        ...


class KeptDict:
    """A dict: entries that came later are deleted, those replaced or lost come back."""

    def __init__(self, live: dict[Any, Any]) -> None:
        self._live, self._saved = live, dict(live)

    def inside(self) -> Iterable[Any]:
        return self._saved.values()

    def put_back(self) -> None:
        live, saved = self._live, self._saved
        for key in [key for key in live if key not in saved]:
            del live[key]
        for key, value in saved.items():
            # By identity: an unchanged dict is not written, which keeps guards on it valid.
            if live.get(key, _MISSING) is not value:
                live[key] = value


class KeptItems:
    """A list, deque or set, with its members in their order."""

    def __init__(self, live: Any, refill: Callable[[Any, list[Any]], None]) -> None:
        self._live, self._saved, self._refill = live, list(live), refill

    def inside(self) -> Iterable[Any]:
        return self._saved

    def put_back(self) -> None:
        now = list(self._live)
        same = len(now) == len(self._saved)
        if not same or any(a is not b for a, b in zip(now, self._saved, strict=True)):
            self._refill(self._live, self._saved)


class KeptFields:
    """Named attributes of an object. Attributes that came later stay: others may rely on them."""

    def __init__(self, live: dict[str, Any], names: Collection[str]) -> None:
        self._live, self._saved = live, {name: live[name] for name in names}

    def inside(self) -> Iterable[Any]:
        return self._saved.values()

    def put_back(self) -> None:
        for name, value in self._saved.items():
            now = self._live.get(name, _MISSING)
            # None may since have become an object of a framework, which is not ours to remove.
            if now is not value and (value is not None or now is _MISSING or is_plain(now)):
                self._live[name] = value


class KeptValue:
    """An object that is read and written whole: a NumPy array, a source of random numbers."""

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        self._saved, self._write = read(), write

    def inside(self) -> Iterable[Any]:
        return ()

    def put_back(self) -> None:
        self._write(self._saved)


def keep(value: Any) -> Kept | None:
    """What there is to keep of a value; None where it cannot change or is not understood."""
    match value:
        case dict():
            return KeptDict(value)
        case list():
            return KeptItems(value, lambda live, saved: live.__setitem__(slice(None), saved))
        case deque() | set():
            return KeptItems(value, _clear_and_fill)
        case np.ndarray() if value.flags.writeable:
            return KeptValue(value.copy, lambda saved: np.copyto(value, saved))
        case torch.Generator():
            return KeptValue(value.get_state, value.set_state)
        case np.random.Generator():
            bits: Any = value.bit_generator
            return KeptValue(lambda: bits.state, lambda saved: setattr(bits, "state", saved))
        case np.random.RandomState():
            return KeptValue(lambda: value.get_state(legacy=False), value.set_state)
        case random.Random():
            return KeptValue(value.getstate, value.setstate)
        case _:
            return None


def is_source(value: Any) -> bool:
    """Whether it is a source of random numbers."""
    return isinstance(value, _SOURCES)


def is_plain(value: Any) -> bool:
    """Whether it is data: a number, None, tensor, array, random source, or containers of these.

    A string is data inside a container only: as an attribute it names what a framework is doing.
    """
    return not isinstance(value, str) and _is_data(value, set())


def _is_data(value: Any, seen: set[int]) -> bool:
    if value is None or isinstance(value, (str, Tensor, np.ndarray, *_NUMBERS, *_SOURCES)):
        return True
    if not isinstance(value, dict | list | tuple | deque | set):
        return False
    if id(value) in seen:
        return True
    seen.add(id(value))
    members: Iterable[Any] = value.values() if isinstance(value, dict) else value
    return all(_is_data(member, seen) for member in members)


def _clear_and_fill(live: Any, saved: list[Any]) -> None:
    live.clear()
    for member in saved:
        live.add(member) if isinstance(live, set) else live.append(member)
