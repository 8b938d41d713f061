"""One step of a solver schedule: every decision of the unified sampling framework but its time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from torch import Tensor

from ...schedules._checks import number, one_of, whole
from ._scalar import Scalar, expm1
from .phi import phi

Kind = Literal["noise", "data"]
Corrector = Literal["none", "pseudo", "implicit"]
Scaling = Literal["none", "bh1", "bh2", "pexp", "mexp"] | float

KINDS: tuple[str, ...] = get_args(Kind)
CORRECTORS: tuple[str, ...] = get_args(Corrector)
SCALINGS: tuple[str, ...] = get_args(get_args(Scaling)[0])
HIGHEST = 4
"""The highest Taylor order."""


@dataclass(frozen=True)
class SolverStep:
    """How one step is taken, from a state s known before to the next time t.

    With z = h for noise and -h for data, h = lambda_t - lambda_s, the step expands the network's
    output m around s in ``order`` Taylor terms:

        noise: x_t = alpha_t / alpha_s x_s - sigma_t sum_k R_k h^(k+1) phi_(k+1)(z) m^(k)
        data:  x_t = sigma_t / sigma_s x_s + alpha_t sum_k R_k h^(k+1) phi_(k+1)(z) m^(k)

    Args:
        prediction: What is expanded, the predicted noise or the predicted data.
        order: n, the number of Taylor terms, 1 to 4.
        start: The state s, counted in evaluations back: 1 is the latest (multistep), p restarts
            from p evaluations ago (singlestep: the outputs since then are its inner stages).
        points: Outputs besides m_s used for the first derivative, 1 to order - 1; None uses
            order - 1 ("full"). Higher derivatives always use all order - 1. The most recent
            outputs come first.
        scaling: R_1, the factor of the first derivative: "none"; "bh1" = 1 / (2 phi_2(z)); "bh2"
            = phi_1(z) / (2 phi_2(z)); "pexp" and "mexp" = 1 +- (e^z - 1) / 2; or a number c,
            1 + c h. With order >= 3 any but "none" leaves an order of 2.
        corrector: "pseudo" repeats the step with the output at its end (UniC: no network call
            more); "implicit" evaluates once more after that.
        corrector_scaling: R_1 of the corrector (UniPC's own scales that of order-1 steps).
        d2_scale: R_2, the factor of the second derivative: 1, or 0.5 for DPM-Solver++(3M) as it
            is shipped everywhere.

    Raises:
        TypeError, ValueError: a decision that does not exist.

    Source: Liu et al. (2024), USF, arXiv:2312.07243; corrector: UniPC, arXiv:2302.04867.
    """

    prediction: Kind = "data"
    order: int = 1
    start: int = 1
    points: int | None = None
    scaling: Scaling = "none"
    corrector: Corrector = "none"
    corrector_scaling: Scaling = "none"
    d2_scale: float = 1.0

    def __post_init__(self) -> None:
        """Check each decision by itself."""
        one_of("prediction", self.prediction, KINDS)
        one_of("corrector", self.corrector, CORRECTORS)
        order, points = whole("order", self.order, low=1), self.points
        if order > HIGHEST:
            raise ValueError(f"order={order}: expected 1 to {HIGHEST}")
        if points is not None:
            points = whole("points", points, low=1)
            if points > order - 1:
                raise ValueError(f"points={points}: expected at most order - 1 = {order - 1}")
        kept = {
            "order": order,
            "start": whole("start", self.start, low=1),
            "points": points,
            "scaling": _scaling("scaling", self.scaling),
            "corrector_scaling": _scaling("corrector_scaling", self.corrector_scaling),
            "d2_scale": float(number("d2_scale", self.d2_scale)),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """The decisions that are not the usual ones."""
        return f"SolverStep({', '.join(f'{k}={v!r}' for k, v in self.unusual.items())})"

    @property
    def unusual(self) -> dict[str, Any]:
        """The decisions that are not the usual ones, by name."""
        found = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}
        return {name: value for name, (value, usual) in found.items() if value != usual}

    @property
    def first_points(self) -> int:
        """Points of the first derivative, as a number."""
        return self.order - 1 if self.points is None else self.points

    def at_most(self, order: int) -> SolverStep:
        """The step with no more Taylor terms than that, and no more points than it then has."""
        if self.order <= order:
            return self
        points = None if self.points is None or order == 1 else min(self.points, order - 1)
        return replace(self, order=order, points=points)


def signed(prediction: Kind, h: Scalar) -> Scalar:
    """The argument z of the phi functions: h for noise, -h for data."""
    return h if prediction == "noise" else -h


def scale_of(scaling: Scaling, prediction: Kind, h: Scalar) -> Scalar:
    """R_1; the four named ones take z (so -h for data), the linear one takes h for both."""
    if scaling == "none":
        return 1.0
    if not isinstance(scaling, str):
        return 1 + scaling * h
    z = signed(prediction, h)
    if scaling in ("pexp", "mexp"):
        half = expm1(z) / 2
        return 1 + half if scaling == "pexp" else 1 - half
    phi_1, phi_2 = phi(2, z)
    return 1 / (2 * phi_2) if scaling == "bh1" else phi_1 / (2 * phi_2)


def _scaling(name: str, value: Any) -> Any:
    """A word as it is, a number as a float, or as the tensor that is being learned."""
    if isinstance(value, str):
        if value not in SCALINGS:
            raise ValueError(f"{name}={value!r}: expected a number or one of {', '.join(SCALINGS)}")
        return value
    found = float(number(name, value))
    return value if isinstance(value, Tensor) and value.requires_grad else found
