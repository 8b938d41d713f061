"""The norm of all gradients of an optimizer, without waiting for the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from .norms import Norm

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_ROW, _LONG, _CHUNK = 1 << 10, 1 << 12, 1 << 16
_NARROW = (torch.float16, torch.bfloat16)


Groups = tuple["ProcessGroup", ...]
"""Groups of processes, each of which holds other parts of a tensor; none: all of it is here."""


@torch.no_grad()
def total_norm(parameters: Sequence[Tensor], norm: Norm, group: ProcessGroup | None) -> Tensor:
    """The norm of the gradients together, a 0-dim tensor where the gradients are.

    Gradients that are DTensors (FSDP2, tensor parallel) are summed over the mesh dimensions that
    shard them; plain ones over ``group``, where it is given. One reduction for each kind.

    Raises:
        ValueError: no parameter has a gradient (with a group they count as an empty shard).
    """
    parts: dict[Groups, list[Tensor]] = {} if group is None else {(group,): []}
    for parameter in parameters:
        if parameter.grad is not None:
            here, groups = _part(parameter.grad, group)
            parts.setdefault(groups, []).append(here)
    if not parts:
        raise ValueError(
            f"gradients: none of {len(parameters)} parameters has one; call record() after "
            "backward() and before zero_grad()"
        )
    p, device = float(norm[1]), parameters[0].device
    norms = [_over(groups, _here(found, p, device), p) for groups, found in parts.items()]
    return norms[0] if len(norms) == 1 else get_total_norm(norms, p)


def _part(gradient: Any, group: ProcessGroup | None) -> tuple[Tensor, Groups]:
    """What this process holds of a gradient, and the groups that hold the rest."""
    mesh = getattr(gradient, "device_mesh", None)
    if mesh is None:
        return gradient, () if group is None else (group,)
    if any(placement.is_partial() for placement in gradient.placements):
        gradient = _summed(gradient)
    kinds = enumerate(gradient.placements)
    groups = tuple(mesh.get_group(i) for i, kind in kinds if not kind.is_replicate())
    return gradient.to_local(), groups


def _summed(gradient: Any) -> Any:
    """A DTensor whose summands lie in several processes, summed: the norm is of the sum."""
    from torch.distributed.tensor import Replicate

    kinds = [Replicate() if kind.is_partial() else kind for kind in gradient.placements]
    return gradient.redistribute(placements=kinds)


def _here(gradients: list[Tensor], p: float, device: torch.device) -> Tensor:
    if not gradients:
        return torch.zeros((), device=device)
    return get_total_norm([_reduced(gradient, p) for gradient in gradients], p)


def _over(groups: Groups, local: Tensor, p: float) -> Tensor:
    if not groups:
        return local
    import torch.distributed as dist

    total = local.double() ** p
    for group in groups:
        dist.all_reduce(total, group=group)
    return total ** (1 / p)


def _reduced(gradient: Tensor, p: float) -> Tensor:
    """The gradient, or norms of its parts where torch's norm of it would be off."""
    if gradient.is_sparse:
        gradient = gradient.coalesce().values()  # equal indices must be summed first
    # In half precision the sum would overflow (float16) or be rounded (bfloat16).
    wide = torch.float32 if gradient.dtype in _NARROW else None
    if gradient.device.type == "cpu" and gradient.numel() > _LONG and gradient.is_contiguous():
        flat = gradient.view(-1)
        if p == 1 and flat.is_floating_point():
            return _by_chunks(flat, wide)
        return _by_rows(flat, p, wide)
    return gradient if wide is None else torch.linalg.vector_norm(gradient, p, dtype=wide)


# Torch's norm of a float32 tensor on a CPU adds its numbers one by one: 1e7 of them to 1e-2.


def _by_rows(flat: Tensor, p: float, dtype: torch.dtype | None) -> Tensor:
    rows = flat.numel() // _ROW
    whole, rest = flat[: rows * _ROW].view(rows, _ROW), flat[rows * _ROW :]
    norms = torch.linalg.vector_norm(whole, p, dim=1, dtype=dtype)
    last = torch.linalg.vector_norm(rest, p, dtype=dtype)
    return torch.cat([norms, last.reshape(1)]).double()


def _by_chunks(flat: Tensor, dtype: torch.dtype | None) -> Tensor:
    """L1 norms of chunks that stay in the cache: three times as fast as torch's l1 norm."""
    room = torch.empty_like(flat[:_CHUNK])
    sums = [torch.abs(x, out=room[: len(x)]).sum(dtype=dtype) for x in flat.split(_CHUNK)]
    return torch.stack(sums).double()
