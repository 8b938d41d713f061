"""The model that is searched for: a testbed's, or a diffusers checkpoint on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ...solvers.diffusion import Model, from_diffusers
from ..testbeds import TESTBEDS, get_testbed
from ..testbeds.weights import weights_path

_DIFFUSERS = 'diffusers is not installed; run: pip install "ritard[diffusers]"'
_DEVICES = {"cpu": "cpu", "gpu": "cuda", "mps": "mps"}


@dataclass(frozen=True, eq=False)
class Subject:
    """A frozen model and what its samples are.

    Attributes:
        name: For people.
        identity: Equal for equal models, wherever they lie.
        model: The model.
        shape: Of one sample.
        dtype: Of the samples.
        ends: Times where sampling starts and ends.
        tol: Accuracy of its exact solutions; None takes the evaluator's usual one.
        image: Channels, rows and columns where a sample is an image with values in [-1, 1].
        device: Where the model is.
    """

    name: str
    identity: str
    model: Model
    shape: tuple[int, ...]
    dtype: torch.dtype
    ends: tuple[float, float]
    tol: float | None = None
    image: tuple[int, int, int] | None = None
    device: str = "cpu"


@cache
def get_subject(name: str, accelerator: str = "cpu") -> Subject:
    """The model of a name, loaded once.

    Args:
        name: A testbed's, or the path of a folder.
        accelerator: Lightning's name of the device, as :class:`~..trials.pool.Workers` has it.

    Raises:
        ValueError: neither a testbed nor such a folder.
        ImportError: a package that the model needs is not installed.
    """
    if (folder := Path(name)).is_dir():
        return _checkpoint(folder, _device(accelerator))
    if name not in TESTBEDS and ("/" in name or folder.suffix):
        raise ValueError(
            f"model={name!r}: no such folder; expected a diffusers checkpoint on disk or one of "
            + ", ".join(TESTBEDS)
        )
    try:
        bed = get_testbed(name)
    except ValueError as error:
        raise ValueError(f"model={name!r}: {error}; or a diffusers checkpoint's folder") from None
    image = (1, *bed.image) if bed.image else None
    # The others are made the same everywhere.
    weights = f"-{_digest(weights_path())[:16]}" if name == "unet" else ""
    return Subject(
        bed.name,
        bed.name + weights,
        bed.model,
        bed.shape,
        bed.dtype,
        (bed.t_start, bed.t_end),
        bed.reference_tol,
        image,
    )


def _checkpoint(folder: Path, device: str) -> Subject:
    """A pipeline's folder with ``unet`` and ``scheduler`` in it, or one that holds both."""
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    scheduler = folder / "scheduler" if (folder / "scheduler").is_dir() else folder
    config = _config(folder, unet / "config.json", "UNet2DModel")
    plan = _config(folder, scheduler / "scheduler_config.json", "a scheduler")
    if config.get("_class_name") != "UNet2DModel" or config.get("num_class_embeds"):
        raise ValueError(
            f"model={str(folder)!r}: holds a {config.get('_class_name')} that needs more than x "
            "and t, or is unknown here; expected an unconditional UNet2DModel (for others, call "
            "search_solver with a Model of your own)"
        )
    try:
        import diffusers
    except ImportError as error:
        raise ImportError(_DIFFUSERS) from error
    kind = getattr(diffusers, str(plan.get("_class_name")), None)
    if kind is None:
        raise ValueError(f"model={str(folder)!r}: unknown scheduler {plan.get('_class_name')!r}")
    unet_kind: Any = getattr(diffusers, "UNet2DModel")  # noqa: B009  # lazily exported
    network: Any = unet_kind.from_pretrained(str(unet), local_files_only=True)
    network = network.to(device).eval().requires_grad_(False)
    model = from_diffusers(network, kind.from_config(plan))
    shape = _shape(folder, config)
    return Subject(
        folder.resolve().name,
        _fingerprint(unet, scheduler),
        model,
        shape,
        torch.float32,
        (model.noise.t_max, model.noise.t_min),
        image=shape if shape[0] in (1, 3) else None,
        device=device,
    )


def _config(folder: Path, path: Path, wanted: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError:
        raise ValueError(
            f"model={str(folder)!r}: no {path.relative_to(folder)}; expected a folder with "
            f"{wanted}, as save_pretrained writes it"
        ) from None
    except ValueError:
        raise ValueError(f"model={str(folder)!r}: {path.name} is damaged") from None
    if not isinstance(found, dict):
        raise ValueError(f"model={str(folder)!r}: {path.name} is damaged")
    return found


def _shape(folder: Path, config: dict[str, Any]) -> tuple[int, int, int]:
    size = config.get("sample_size")
    if size is None:
        raise ValueError(f"model={str(folder)!r}: its config.json has no sample_size")
    rows, columns = (size, size) if isinstance(size, int) else size
    return int(config["in_channels"]), int(rows), int(columns)


def _fingerprint(*folders: Path) -> str:
    """Of configurations and weights, wherever they lie."""
    digest = hashlib.sha256()
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".safetensors", ".bin"):
                digest.update(f"{path.name} {_digest(path)}\n".encode())
    return digest.hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _device(accelerator: str) -> str:
    if accelerator != "auto":
        return _DEVICES[accelerator]
    return "cuda" if torch.cuda.is_available() else "cpu"
