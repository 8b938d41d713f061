"""A mixture of low-rank Gaussians fitted to Fashion-MNIST: images without memorisation."""

from __future__ import annotations

import torch

from ...solvers.diffusion import EDM, LowRankMixture
from .fashion import fashion
from .testbed import Testbed

_COMPONENTS, _RANK = 10, 20
_POINTS = 5_000
_SAMPLES = 10_000


def mixture_image() -> Testbed:
    """Ten clusters of rank 20 of the first 5000 images, in 784 pixels; sigma from 80 to 0.01.

    The score of the mixture is exact. ``data`` and ``held_out`` are samples of the mixture, not
    images: it is their distribution that the model has.
    """
    law = LowRankMixture.fit(
        fashion(torch.float32, _POINTS).data, components=_COMPONENTS, rank=_RANK
    )
    data, held_out = law.draw(_SAMPLES, seed=1), law.draw(_SAMPLES, seed=2)
    model = law.model(EDM(t_max=80, t_min=0.01))
    return Testbed.of("mixture-image", model, data, held_out, image=(28, 28), reference_tol=1e-4)
