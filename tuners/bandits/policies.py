"""Bandits over policies: arms that are functions of the context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schedules._checks import number, whole
from ...solvers.linear import Splitting, jacobi_radius, optimal_omega
from ._context import scalar_context
from ._learner import Learner
from .choice import Choice
from .fixed import Fixed


class PolicyClass:
    """Chooses among policies: what is used is ``policy(context)``, what is learned which policy.

    One good policy serves all contexts, so that few policies and no regression do as well as a
    contextual bandit over many arms, provided that one of the policies is good everywhere.

    Args:
        tuner: A bandit whose arms are callables of the context.

    Example:
        >>> from ritard.tuners.bandits import TsallisINF
        >>> tuner = PolicyClass(TsallisINF(young_policies(diagonal=4.0), seed=0))
        >>> 1 <= tuner.ask(context=0.3).value <= 1.95
        True

    Source: bandits with expert advice; for omega the family is that of ``YoungPolicy``.
    """

    def __init__(self, tuner: Learner) -> None:
        if not hasattr(tuner, "arms"):
            raise TypeError(f"tuner={tuner!r}: expected a bandit whose arms are policies")
        if isinstance(tuner, PolicyClass):
            raise TypeError(f"tuner={tuner!r}: it applies its policies itself already")
        for arm in tuner.arms:
            if not callable(arm):
                raise TypeError(f"tuner: its arm {arm!r} is not a function of the context")
        self.tuner = tuner

    @property
    def arms(self) -> tuple[Callable[[float | None], Any], ...]:
        """The policies."""
        return self.tuner.arms

    def ask(self, context: float | None = None) -> Choice:
        """Draw a policy and apply it to the context.

        Raises:
            TypeError: the context is neither a number nor None.
            ValueError: it is not finite.
        """
        if context is not None:
            scalar_context(context)  # before anything is drawn
        choice = self.tuner.ask(context)
        return choice._replace(value=choice.value(context))

    def tell(self, choice: Choice, cost: float) -> None:
        """Report what the policy's value cost."""
        self.tuner.tell(choice, cost)

    def settings(self) -> dict[str, Any]:
        """The tuner's."""
        return self.tuner.settings()

    def state_dict(self) -> dict[str, Any]:
        """The tuner's state."""
        return self.tuner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError for the state of another tuner."""
        self.tuner.load_state_dict(state_dict)


@dataclass(frozen=True)
class YoungPolicy:
    """Young's omega for A + c I as a function of c, where A has the constant diagonal a.

    The Jacobi radius is beta(c) = s / (a + c), s the spectral radius of D - A; omega*(c; s) =
    2 / (1 + sqrt(1 - beta^2)), at most ``omega_max``.

    Attributes:
        scale: s >= 0.
        diagonal: a > 0.
        omega_max: Cap, in [1, 2): an over-estimated s would lead to omega near 2, which is slow.

    Example:
        >>> policy = YoungPolicy(scale=3.8378, diagonal=4.0)  # Laplacian on 10 x 10 points
        >>> [round(policy(c), 3) for c in (-0.15, 0.0, 0.45)]
        [1.853, 1.56, 1.328]

    Source: Young (1954); arXiv:2310.02246, sec. 2.
    """

    scale: float
    diagonal: float
    omega_max: float = 1.95

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", number("scale", self.scale, low=0))
        diagonal = number("diagonal", self.diagonal, low=0, open_low=True)
        object.__setattr__(self, "diagonal", diagonal)
        object.__setattr__(self, "omega_max", _cap(self.omega_max))

    def __call__(self, context: float | None) -> float:
        """Omega for the shift ``context``; no shift where it is None."""
        diagonal = self.diagonal + (0.0 if context is None else scalar_context(context))
        beta = self.scale / diagonal if diagonal > 0 else 1.0
        return min(optimal_omega(beta), self.omega_max) if beta < 1 else self.omega_max


def _cap(omega_max: float) -> float:
    return number("omega_max", omega_max, low=1, high=2, open_high=True)


def young_policies(
    diagonal: float, low: float = 0.0, count: int = 11, omega_max: float = 1.95
) -> tuple[YoungPolicy, ...]:
    """Policies omega*(c; s) of A + c I for unknown s, in the order of s.

    At the least context their omegas are evenly spaced over [1, omega_max]; ``count`` of them.

    Args:
        diagonal: a, the constant diagonal of A.
        low: Least shift c, > -a.
        count: At least 2.
        omega_max: Cap, in [1, 2).

    Raises:
        TypeError, ValueError: an argument is not what is described above.
    """
    a = number("diagonal", diagonal, low=0, open_low=True)
    a += number("low", low, low=-a, open_low=True)
    omega_max = _cap(omega_max)
    omegas = np.linspace(1.0, omega_max, whole("count", count, low=2)).tolist()
    betas = [2.0 * (w - 1.0) ** 0.5 / w for w in omegas]  # Young's formula solved for beta
    return tuple(YoungPolicy(beta * a, diagonal, omega_max) for beta in betas)


def lanczos_young(A: Any, steps: int = 20, omega_max: float = 1.95) -> PolicyClass:
    """Young's omega from one Lanczos estimate of A: a tuner that learns nothing from costs.

    For sequences A + c I with context c and constant diagonal. On matrices in consistent order
    (5-point stencils) nothing that learns beats it. The estimate errs downwards, to the safe side.

    Args:
        A: Symmetric positive definite with constant diagonal.
        steps: Products with A.
        omega_max: Cap, in [1, 2).

    Raises:
        TypeError, ValueError: A is not such a matrix, or ``omega_max`` lies outside.
        ValueError: the diagonal is not constant: a shift then changes the Jacobi radius in a way
            that one estimate does not tell.

    Example:
        >>> from ritard.solvers.linear import Stencil
        >>> round(lanczos_young(Stencil.laplacian(10, 10)).ask(context=0.0).value, 2)
        1.56
    """
    diagonal = _constant_diagonal(A)
    scale = jacobi_radius(A, steps) * diagonal
    return PolicyClass(Fixed(YoungPolicy(scale, diagonal, omega_max)))


def _constant_diagonal(A: Any) -> float:
    entries = np.real(Splitting.of(A).diagonal)
    if np.ptp(entries) > 1e-12 * abs(entries[0]):
        raise ValueError(
            f"A: its diagonal goes from {entries.min():g} to {entries.max():g}; expected a "
            "constant one (scale the system by its diagonal, or use Adaptive())"
        )
    return float(entries[0])
