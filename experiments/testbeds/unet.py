"""A small U-Net trained on Fashion-MNIST: the testbed whose model has errors of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ...solvers.diffusion import EDM, Model
from .fashion import SIDE, fashion, padded
from .network import PatchUNet
from .precondition import Preconditioned
from .testbed import Testbed
from .weights import load, weights_path

# 64 and 128 steps of the reference solver agree to this in the worst pixel of 64 images, and 128
# steps are then off by 8e-6 in geometric mean over images and 2e-4 at most (RMS, against 256).
_TOLERANCE = 0.05


def unet() -> Testbed:
    """Images of 32 x 32 pixels in [-1, 1], float32; sigma from 80 to 0.002.

    ``data`` are the first 10,000 of the 60,000 images that the network was trained on. The
    weights come from ``python -m ritard.experiments.testbeds.train_unet``.

    Raises:
        FileNotFoundError: the weights, or the images, are not there.
        ImportError: diffusers is not installed.
    """
    model = trained(weights_path())
    images = fashion(torch.float32)
    return Testbed.of(
        "unet",
        model,
        padded(images.data),
        padded(images.held_out),
        image=(SIDE, SIDE),
        reference_tol=_TOLERANCE,
        labels=images.labels,
    )


def trained(path: Path) -> Model:
    """The denoiser of a weights file.

    Raises:
        FileNotFoundError, ValueError: the file is not there, or not one that training wrote.
    """
    content = load(path)
    record: dict[str, Any] = content["record"]
    network = PatchUNet(record["side"], tuple(record["settings"]["channels"]))
    network.load_state_dict(content["weights"])
    network.eval().requires_grad_(False)
    return Model(Preconditioned(network, record["sigma_data"]), EDM(), "data")
