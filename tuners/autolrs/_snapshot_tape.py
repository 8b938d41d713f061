"""Tape: every tensor, container, counter and random source that a training state is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum
from typing import Any

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ._snapshot_kept import Kept, KeptFields, KeptValue, is_plain, keep

_MODULES_OWN = frozenset(vars(nn.Module())) - {"training"}


class Tape:
    """Walks live objects once; the tensors it found are copied elsewhere, the rest is kept here.

    Containers are kept as shallow copies, so that a walk costs no more than looking at them, and
    putting back is by identity: a tensor that was there is there again as the same object.
    """

    def __init__(self) -> None:
        self._tensors: dict[int, Tensor] = {}
        self._parameters: dict[int, tuple[Tensor, bool, bool]] = {}
        self._kept: list[Kept] = []
        self._seen: dict[int, Any] = {}  # holds what it has seen: an id must not be used again

    @property
    def tensors(self) -> list[Tensor]:
        """The live tensors, each once."""
        return list(self._tensors.values())

    def module(self, model: nn.Module) -> None:
        """Parameters, buffers of both kinds, extra state, mode, and counters kept as attributes."""
        for module in model.modules():
            if not self._is_new(module):
                continue
            fields = vars(module)
            names = [k for k, v in fields.items() if k not in _MODULES_OWN and is_plain(v)]
            self._fields(fields, names)
            self.read(module._parameters)
            self.read(module._buffers)
            if type(module).get_extra_state is not nn.Module.get_extra_state:
                self._kept.append(_extra_state(module))
        for tensor in (*model.parameters(), *model.buffers()):  # scripted modules have no dicts
            self.read(tensor)

    def optimizer(self, optimizer: Optimizer) -> None:
        """State and groups to any depth, and what else it keeps; of a wrapper the inner one too."""
        if not self._is_new(optimizer):
            return
        fields = vars(optimizer)
        names = [k for k, v in fields.items() if not k.endswith("_hooks") and is_plain(v)]
        self._fields(fields, {*names, *({"state", "param_groups"} & fields.keys())})
        for value in fields.values():
            if isinstance(value, Optimizer):
                self.optimizer(value)

    def scaler(self, scaler: GradScaler) -> None:
        """Scale, growth tracker, and how far each optimizer's update has come."""
        if self._is_new(scaler):
            self._fields(vars(scaler), vars(scaler))

    def read(self, value: Any) -> None:
        """Keep a value and all that is inside it."""
        if isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, tuple):
            self._read_all(value)
        elif (kept := None if id(value) in self._seen else keep(value)) is not None:
            self._seen[id(value)] = value
            self._add(kept)
        elif hasattr(value, "__dict__") and not isinstance(value, type | Enum | nn.Module):
            if not callable(value) and self._is_new(value):
                self._fields(vars(value), [k for k, v in vars(value).items() if is_plain(v)])

    def put_back(self) -> None:
        """Everything but the contents of the tensors."""
        for kept in self._kept:
            kept.put_back()
        for tensor, had_gradient, requires_grad in self._parameters.values():
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            _reset_gradient(tensor, had_gradient)

    # ---- inside -------------------------------------------------------------------------

    def _tensor(self, tensor: Tensor) -> None:
        if id(tensor) not in self._tensors:
            self._tensors[id(tensor)] = tensor
            if tensor.is_leaf and (tensor.requires_grad or isinstance(tensor, nn.Parameter)):
                state = (tensor, tensor.grad is not None, tensor.requires_grad)
                self._parameters[id(tensor)] = state

    def _fields(self, fields: dict[str, Any], names: Collection[str]) -> None:
        self._add(KeptFields(fields, names))

    def _add(self, kept: Kept) -> None:
        self._kept.append(kept)
        self._read_all(kept.inside())

    def _read_all(self, values: Iterable[Any]) -> None:
        for value in values:
            # Most of what there is are numbers and strings, which cannot change.
            if not isinstance(value, int | float | str | None):
                self.read(value)

    def _is_new(self, value: Any) -> bool:
        if id(value) in self._seen:
            return False
        self._seen[id(value)] = value
        return True


def _extra_state(module: nn.Module) -> Kept:
    # What it gave must not change with the module, nor with the module that takes it.
    return KeptValue(
        lambda: copied(module.get_extra_state()),
        lambda saved: module.set_extra_state(copied(saved)),
    )


def _reset_gradient(tensor: Tensor, had_gradient: bool) -> None:
    """At a step boundary a gradient is absent or about to be zeroed: never let an old one in."""
    if not had_gradient:
        tensor.grad = None
    elif tensor.grad is not None:
        tensor.grad.detach().zero_()


def copied(value: Any) -> Any:
    """A state dict that shares nothing with the live one."""
    from copy import deepcopy

    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) in (list, tuple):
        return type(value)(copied(member) for member in value)
    if type(value) is dict:
        return {key: copied(member) for key, member in value.items()}
    return deepcopy(value)
