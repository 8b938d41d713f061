"""What a recorder takes gradients from: an optimizer, held weakly, or parameters."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .norms import Norm


class Source:
    """An optimizer, whose groups are read anew each time, or a list of parameters.

    Raises:
        TypeError: neither of them.
        ValueError: no parameters.
    """

    def __init__(self, source: Optimizer | Iterable[Tensor]) -> None:
        self._given: list[Tensor] = []
        self._optimizer: weakref.ref[Optimizer] | None = None
        self.name = ""
        if isinstance(source, Optimizer):
            self._optimizer = weakref.ref(source)
            self.name = type(source).__name__
        else:
            self._given = _tensors(source)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; ValueError where there is none, or none any more."""
        if self._optimizer is None:
            raise ValueError("source: parameters; expected an optimizer for this")
        optimizer = self._optimizer()
        if optimizer is None:
            raise ValueError("source: the optimizer is gone; keep it as long as it is recorded")
        return optimizer

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: the optimizer itself, which comes with whoever else holds it."""
        return vars(self) | {"_optimizer": self._optimizer and self.optimizer}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._optimizer = state["_optimizer"] and weakref.ref(state["_optimizer"])

    def parameters(self) -> list[Tensor]:
        """All parameters, those of groups added late included."""
        if self._optimizer is None:
            return self._given
        return [x for group in self.optimizer.param_groups for x in group["params"]]

    def usual_norm(self) -> Norm:
        """L1 for the Adam family, which optimizers with betas are, l2 for others."""
        if self._optimizer is None:
            raise ValueError(
                "norm=None: parameters do not tell; expected 'l1' (Adam family) or 'l2' (SGD)"
            )
        return "l1" if "betas" in self.optimizer.defaults else "l2"


def _tensors(source: Any) -> list[Tensor]:
    if not isinstance(source, Iterable):
        raise TypeError(_expected(source))
    found: list[Any] = [source] if isinstance(source, Tensor) else list(source)
    for one in found:
        if not isinstance(one, Tensor):
            raise TypeError(_expected(one))
    if not found:
        raise ValueError("source: no parameters; expected at least one")
    return found


def _expected(found: Any) -> str:
    kind = type(found).__name__
    return f"source: {kind}; expected an optimizer or tensors, such as model.parameters()"
