"""The noise schedule of a network trained on a table of noise levels."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ...schedules._checks import number, whole
from ._brief import brief
from ._scalar import Scalar, as_float
from .noise import VariancePreserving


@dataclass(frozen=True)
class Discrete(VariancePreserving):
    """A table of alpha_bar = alpha^2, index t = 0 (data) to N - 1 (noise), made continuous.

    Between two entries lambda is linear in t (which interpolates ln(sigma/alpha), as diffusers
    does), so both maps are exact inverses. t = -1 is clean data. A network trained on the table
    takes t as it is, fractions included.

    Args:
        alphas_cumprod: N >= 2 numbers in (0, 1), strictly falling.
        recipe: The arguments of :meth:`from_betas`, where it made the table: saved in its place.

    Example:
        >>> noise = Discrete.from_betas("scaled_linear", 0.00085, 0.012)
        >>> round(noise.lambda_at(999), 4), round(noise.time_at(noise.lambda_at(12.25)), 9)
        (-2.682, 12.25)
    """

    alphas_cumprod: tuple[float, ...]
    recipe: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    name = "discrete"
    clean = -1.0
    t_min = 0.0

    def __post_init__(self) -> None:
        """Check the table."""
        table = tuple(_floats("alphas_cumprod", self.alphas_cumprod))
        if len(table) < 2:
            raise ValueError(f"alphas_cumprod: expected at least 2 numbers, got {len(table)}")
        number("alphas_cumprod[0]", table[0], high=1, open_high=True)
        number("alphas_cumprod[-1]", table[-1], low=0, open_low=True)
        for i, (before, after) in enumerate(pairwise(table), 1):
            if not after < before:
                raise ValueError(
                    f"alphas_cumprod[{i}]={after!r}: expected less than {before!r} before it"
                )
        object.__setattr__(self, "alphas_cumprod", table)

    def __repr__(self) -> str:
        """How it was made where that is known, the start of the table otherwise."""
        if self.recipe is None:
            return brief(self)
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.recipe.items())
        return f"{type(self).__name__}.from_betas({arguments})"

    @property
    def t_max(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """N - 1, the last index."""
        return len(self.alphas_cumprod) - 1.0

    @classmethod
    def from_betas(
        cls,
        shape: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] | Sequence[float] = "linear",
        beta_start: float = 1e-4,
        beta_end: float = 0.02,
        steps: int = 1000,
        *,
        zero_terminal_snr: bool = False,
    ) -> Discrete:
        """The table of diffusers' beta schedules, or of given betas, in float64.

        Args:
            shape: The name that diffusers uses, or the betas themselves.
            beta_start: First beta of the linear ones.
            beta_end: Last beta of the linear ones.
            steps: N.
            zero_terminal_snr: Rescale so that the last entry carries (almost) no data: 2^-24
                as in diffusers, or less where the table would not fall to that, so that lambda
                stays finite. arXiv:2305.08891, Algorithm 1.

        Raises:
            TypeError, ValueError: an unknown name, betas that are no numbers, or numbers that
                make no falling table in (0, 1).
        """
        if isinstance(shape, str):
            steps = whole("steps", steps, low=2)
            betas = _betas(shape, beta_start, beta_end, steps)
        else:
            betas = np.array(_floats("shape", shape))
        alphas_cumprod = np.cumprod(1 - betas)
        if zero_terminal_snr:
            root = np.sqrt(alphas_cumprod)
            root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
            alphas_cumprod = root**2
            alphas_cumprod[-1] = nearly_zero(float(alphas_cumprod[-2]))
        recipe = None
        if isinstance(shape, str):
            numbers = {"beta_start": float(beta_start), "beta_end": float(beta_end)}
            recipe = {"shape": shape, **numbers, "steps": steps}
            recipe |= {"zero_terminal_snr": True} if zero_terminal_snr else {}
        return cls(tuple(alphas_cumprod.tolist()), recipe)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: how it was made where that is known, the table otherwise."""
        if self.recipe is not None:
            return {"name": self.name, "betas": self.recipe}
        return {"name": self.name, "alphas_cumprod": list(self.alphas_cumprod)}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Discrete:
        """From what :meth:`to_dict` gives, without the name."""
        if isinstance(settings.get("betas"), dict):
            return cls.from_betas(**settings["betas"])
        return cls(**settings)

    @cached_property
    def lambdas(self) -> list[float]:
        """The lambda of each entry, falling."""
        return [(math.log(a) - math.log1p(-a)) / 2 for a in self.alphas_cumprod]

    def lambda_at(self, t: Scalar) -> Scalar:
        """Lambda of an index, linear between whole ones; infinite at -1 (and nowhere else < 0)."""
        place, lambdas = as_float(t), self.lambdas
        if place == self.clean:
            return math.inf
        if place < 0:
            raise ValueError(f"t={place:g}: expected an index >= 0, or -1 for clean data")
        i = min(int(place), len(lambdas) - 2)
        return lambdas[i] + (t - i) * (lambdas[i + 1] - lambdas[i])

    def time_at(self, lam: Scalar) -> Scalar:
        """The index of a lambda of the table's range; ValueError outside it."""
        lambdas, place = self.lambdas, as_float(lam)
        slack = 1e-6 * (lambdas[0] - lambdas[-1])  # lambdas may come from float32 sigmas
        if not (lambdas[-1] - slack <= place <= lambdas[0] + slack):
            raise ValueError(
                f"lambda={place:g}: expected a number in the table's range "
                f"[{lambdas[-1]:g}, {lambdas[0]:g}]"
            )
        i = int(np.searchsorted(-self._array, -place, side="right")) - 1
        i = min(max(i, 0), len(lambdas) - 2)
        found = i + (lam - lambdas[i]) / (lambdas[i + 1] - lambdas[i])
        return min(max(found, 0.0), self.t_max) if isinstance(found, float) else found

    @cached_property
    def _array(self) -> np.ndarray:
        return np.asarray(self.lambdas)


def nearly_zero(before: float) -> float:
    """The last entry of a table rescaled to zero terminal SNR, from the one before it."""
    return 2.0**-24 if before > 2.0**-23 else before / 4


def _floats(name: str, values: Any) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name}={reprlib.repr(values)}: expected numbers") from None


def _betas(shape: str, start: float, end: float, steps: int) -> np.ndarray:
    start, end = (
        float(number(name, beta, low=0, high=1, open_low=True, open_high=True))
        for name, beta in (("beta_start", start), ("beta_end", end))
    )
    if shape == "linear":
        return np.linspace(start, end, steps)
    if shape == "scaled_linear":
        return np.linspace(start**0.5, end**0.5, steps) ** 2
    if shape == "squaredcos_cap_v2":
        edges = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
        return np.minimum(1 - edges[1:] / edges[:-1], 0.999)
    raise ValueError(
        f"shape={shape!r}: expected 'linear', 'scaled_linear', 'squaredcos_cap_v2' or the betas"
    )
