"""What the tables of wrong calls share: a row, what it may not change, and who has none."""

import hashlib
import importlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


@dataclass(frozen=True)
class Wrong:
    """A call that must be refused.

    Attributes:
        of: The public name that it belongs to, or a method of it: "Schedule.parse".
        call: The call; it is given what ``on`` made, if that is given.
        says: What the message must hold: the argument's name and the wrong value.
        error: The documented type.
        on: Makes what the call acts on, and what may not have changed after it: an object with
            ``state_dict()``, a folder, or several of them.
    """

    of: str
    says: tuple[str, ...]
    call: Callable[..., Any]
    error: type[Exception] = ValueError
    on: Callable[[], Any] | None = None

    def __str__(self) -> str:
        return f"{self.of}: {self.says[0]}"[:70].replace("/", " ")


def check(wrong: Wrong) -> None:
    """Make the call; see that it is refused as documented and that nothing has changed."""
    on = [] if wrong.on is None else [wrong.on()]
    before = [picture(one) for one in (*on, *_randomness())]
    with pytest.raises(wrong.error) as refused:
        wrong.call(*on)
    for part in wrong.says:
        assert part in str(refused.value)
    assert len(str(refused.value)) < 2000  # a wrong value may be huge, what is said of it not
    assert [picture(one) for one in (*on, *_randomness())] == before


def _randomness() -> Iterator[Any]:
    yield from (random.getstate(), np.random.get_state(), torch.get_rng_state())  # noqa: NPY002


def picture(value: Any) -> Any:
    """All that is seen of a value, to be compared with ==."""
    if isinstance(value, torch.Tensor | np.ndarray):
        found = torch.as_tensor(value).detach().contiguous()
        return str(found.dtype), tuple(found.shape), found.flatten().tolist()
    if isinstance(value, Path):
        return {
            str(file.relative_to(value)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(value.rglob("*"))
            if file.is_file()
        }
    if isinstance(value, torch.optim.Optimizer):
        hooks = value._optimizer_step_pre_hooks, value._optimizer_step_post_hooks
        groups = [{k: v for k, v in g.items() if k != "params"} for g in value.param_groups]
        parameters = [p for g in value.param_groups for p in g["params"]]
        own = "step" in vars(value)  # a scheduler wraps it
        return picture([value.state_dict(), groups, parameters, [len(h) for h in hooks], own])
    if hasattr(value, "state_dict"):
        return picture(value.state_dict())
    if isinstance(value, Mapping):
        return {str(k): picture(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [picture(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: picture(getattr(value, f.name)) for f in fields(value)}
    return repr(value)


def public(module: str) -> set[str]:
    """The public callables of a module: its ``__all__``, or what it defines without one."""
    room = importlib.import_module(module)
    names = getattr(room, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(room).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module
        ]
    lazy = [name for name in _annotated(room) if name not in names]
    return {name for name in (*names, *lazy) if callable(getattr(room, name))}


def _annotated(room: Any) -> list[str]:
    """Names that the module's ``__getattr__`` imports when they are asked for."""
    source = inspect.getsource(room)
    return [
        line.split('"')[1] for line in source.splitlines() if line.startswith('    if name == "')
    ]


def unaccounted(module: str, rows: list[Wrong], unchecked: Mapping[str, str]) -> set[str]:
    """Names that have neither a row nor a reason for having none, or both, or do not exist."""
    found = public(module)
    tried = {wrong.of.partition(".")[0] for wrong in rows}
    return (found ^ (tried | unchecked.keys())) | (tried & unchecked.keys())
