"""Handwritten digits of 8 x 8 pixels, bundled with scikit-learn, as a kernel density."""

import torch

from ...solvers.diffusion import EDM, EmpiricalDenoiser
from ..data._extra import extra
from ..tasks.splits import hold_out
from .testbed import Testbed

_HELD_OUT = 1797 - 1200
_BANDWIDTH = 0.05


def digits() -> Testbed:
    """1200 digits, pixels in [-1, 1], blurred by 0.05; sigma from 20 to 0.01; 597 held out."""
    with extra():
        from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)
    x = torch.from_numpy(pixels / 8 - 1)
    kept, held = (torch.from_numpy(rows) for rows in hold_out(labels, _HELD_OUT))
    model = EmpiricalDenoiser(x[kept], _BANDWIDTH).model(EDM(t_max=20, t_min=0.01))
    return Testbed.of(
        "digits",
        model,
        x[kept],
        x[held],
        image=(8, 8),
        reference_tol=1e-4,
        labels=torch.from_numpy(labels)[kept],
    )
