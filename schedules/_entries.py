"""A numeric entry of an optimizer's parameter groups: ``lr``, ``momentum``, ``betas[0]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._checks import plain, shown

Group = dict[str, Any]
_NAME = re.compile(r"([A-Za-z_]\w*)(?:\[(\d+)\])?")


class Entry:
    """Reads and writes one entry; its base value stands beside it as ``initial_<name>``.

    The base lives in the group, as torch's own ``initial_lr``, so that it travels with the
    optimizer's state.
    """

    def __init__(self, name: str) -> None:
        match = _NAME.fullmatch(name) if isinstance(name, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
        if match is None:
            raise ValueError(f"entry {name!r}: expected a name such as 'lr' or 'betas[0]'")
        self.name = name
        self.initial = f"initial_{name}"
        self._key = match[1]
        self._index = None if match[2] is None else int(match[2])

    def check(self, groups: Sequence[Group]) -> None:
        """Raise ValueError where a group lacks the entry or it is not a finite number."""
        for i, group in enumerate(groups):
            try:
                value = self._get(group)
            except (KeyError, IndexError, TypeError) as error:
                raise ValueError(
                    f"entry {self.name!r}: parameter group {i} has no such entry; it has: "
                    f"{', '.join(k for k in group if k != 'params')}"
                ) from error
            base = group.get(self.initial, value)
            for what, number in ((self.name, value), (self.initial, base)):
                if not _finite(number):
                    raise ValueError(
                        f"parameter group {i}: {what}={shown(number)}; expected a finite number"
                    )
            if isinstance(value, Tensor) and not value.is_floating_point():
                raise ValueError(
                    f"parameter group {i}: {self.name}={shown(value)}; expected a tensor of floats"
                )

    def adopt(self, groups: Sequence[Group]) -> None:
        """Give every group its base value and, where it is a tensor, a tensor of its own.

        torch lets groups share one default tensor: a late group then would take the decayed
        rate of the others for its base.
        """
        owners: dict[int, Group] = {}
        for group in groups:
            value = self._get(group)
            owner = owners.setdefault(id(value), group) if isinstance(value, Tensor) else group
            group.setdefault(self.initial, _number(owner.get(self.initial, value)))
            if owner is not group:
                self._put(group, value.clone())

    def unshare(self, defaults: Group, groups: Sequence[Group]) -> None:
        """Keep the optimizer's default, which late groups get, apart from what is written here."""
        if self._index is None and isinstance(default := defaults.get(self._key), Tensor):
            for group in groups:
                if group.get(self._key) is default:
                    defaults[self._key] = torch.full_like(default, group[self.initial])

    def bases(self, groups: Sequence[Group]) -> list[float]:
        """The base value of every group, as Python numbers."""
        found: list[float] = []
        for group in groups:
            base = group.get(self.initial)
            if type(base) is not float and type(base) is not int:
                base = self._settled(group, groups)
            found.append(base)
        return found

    def rebase(self, groups: Sequence[Group], bases: Sequence[float]) -> None:
        """Take other base values, one for each group."""
        for group, base in zip(groups, bases, strict=True):
            group[self.initial] = base

    def holds(self, groups: Sequence[Group], values: Sequence[float]) -> bool:
        """Whether the groups hold exactly these values, as far as a tensor's precision goes."""
        held = [self._get(group) for group in groups]
        return all(
            h.item() == torch.tensor(v, dtype=h.dtype).item() if isinstance(h, Tensor) else h == v
            for h, v in zip(held, values, strict=False)  # a late group may not be written yet
        )

    def read(self, groups: Sequence[Group]) -> list[float]:
        """The present value of every group, as Python numbers (this may wait for a device)."""
        return [_number(self._get(group)) for group in groups]

    def write(self, groups: Sequence[Group], values: Sequence[float]) -> None:
        """Set the entry of every group; a tensor is filled in place and stays the same object."""
        for group, value in zip(groups, values, strict=True):
            if type(group.get(self.name)) is float:
                group[self.name] = value
            elif isinstance(held := self._get(group), Tensor):
                held.detach().fill_(value)
            else:
                self._put(group, value)

    def _get(self, group: Group) -> Any:
        return group[self._key] if self._index is None else group[self._key][self._index]

    def _settled(self, group: Group, groups: Sequence[Group]) -> float:
        """The base of a group that came late, or a tensor of torch's schedulers as a number."""
        if self.initial not in group:
            self.check(groups)
            self.adopt(groups)
        group[self.initial] = _number(group[self.initial])  # once: it may wait for a device
        return group[self.initial]

    def _put(self, group: Group, value: Any) -> None:
        if self._index is None:
            group[self._key] = value
        else:
            held = list(group[self._key])
            held[self._index] = value
            group[self._key] = tuple(held)


def _number(value: Any) -> float:
    if isinstance(value, Tensor):
        return value.item()
    return float(value) if isinstance(value, float) else plain(value)  # NumPy's float64 is a float


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        value = value.item() if value.numel() == 1 else None
    value = plain(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < float("inf")
