"""A mixture of ten Gaussians in eight dimensions."""

import torch

from ...solvers.diffusion import GaussianMixture, VPLinear
from .testbed import Testbed

_COMPONENTS, _DIMENSION = 10, 8
_SAMPLES = 4096


def mixture() -> Testbed:
    """Means from N(0, I), standard deviations 0.05 to 0.4 by component, weights 1 to 3; VP linear.

    Drawn from one fixed seed, as are the 4096 samples of the data and as many held out.
    """
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(_COMPONENTS, _DIMENSION, generator=generator, dtype=torch.float64)
    width, weight = torch.rand(2, _COMPONENTS, generator=generator, dtype=torch.float64)
    law = GaussianMixture(means, (0.05 * 8**width) ** 2, 1 + 2 * weight)
    data, held_out = law.draw(_SAMPLES, seed=1), law.draw(_SAMPLES, seed=2)
    return Testbed.of("mixture", law.model(VPLinear()), data, held_out, reference_tol=1e-6)
