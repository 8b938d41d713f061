"""The tuners that ``ritard relax`` and the studies know by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schedules._checks import number, whole
from ...solvers.linear import Adaptive
from ...solvers.linear.gallery import Family, Parametric, Shift
from ...tuners import bandits as b

FIXED = "fixed:"
PLAIN = ("cg",)
"""Names that stand for a method without omega."""
POLICIES, BINS = 11, 6


@dataclass(frozen=True)
class Arms:
    """Evenly spaced omegas from 1 to the largest, both included.

    Args:
        count: How many, >= 2.
        largest: The last one, in (1, 2).
    """

    count: int = 20
    largest: float = 1.95

    def __post_init__(self) -> None:
        whole("arms", self.count, low=2)
        number("omega-max", self.largest, low=1, high=2, open_low=True, open_high=True)

    @property
    def omegas(self) -> list[float]:
        """The omegas."""
        return np.linspace(1, self.largest, self.count).tolist()


Build = Callable[[Family, Arms, Sequence[int]], Any]


def tuner_names() -> list[str]:
    """All names, as an error lists them."""
    return [FIXED + "OMEGA", *PLAIN, *_TUNERS]


def check_tuner(name: str) -> None:
    """ValueError where there is no tuner of this name."""
    if name.startswith(FIXED):
        _omega(name)
    elif name not in (*PLAIN, *_TUNERS):
        raise ValueError(f"tuner={name!r}: expected one of {', '.join(tuner_names())}")


def make_tuner(name: str, family: Family, arms: Arms, seed: int) -> Any:
    """A new tuner for a family, one of :func:`tuner_names`.

    Raises:
        ValueError: there is none of this name, or it does not fit the family.
    """
    check_tuner(name)
    if name.startswith(FIXED):
        return b.Fixed(_omega(name))
    if name in PLAIN:
        return b.Fixed(1.0)
    try:
        return _TUNERS[name](family, arms, [seed, 1])
    except _Unfit:
        raise ValueError(
            f"tuner={name!r}: it needs a problem of shifted matrices with a constant diagonal, "
            "as shifted-low, shifted-high or nine-point"
        ) from None


class _Unfit(Exception):
    """A tuner that knows Young's formula, and a family to which it does not apply."""


def _omega(name: str) -> float:
    text = name.removeprefix(FIXED)
    try:
        omega = float(text)
    except ValueError:
        raise ValueError(f"tuner={name!r}: expected a number after {FIXED}") from None
    return number(f"tuner={name!r}: omega", omega, low=0, high=2, open_low=True, open_high=True)


def _policies(family: Family, arms: Arms, count: int) -> tuple[b.YoungPolicy, ...]:
    matrix = _base(family)
    diagonal = matrix.diagonal()
    if np.ptp(diagonal) > 0:
        raise _Unfit
    return b.young_policies(float(diagonal[0]), family.context_range[0], count, arms.largest)


def _base(family: Family) -> Any:
    """The matrix whose shifts the family holds."""
    if isinstance(family, Parametric) and isinstance(family.matrix, Shift):
        return family.matrix(0.0)
    raise _Unfit


def _lanczos_young(family: Family, arms: Arms, seed: Sequence[int]) -> Any:
    del seed
    _policies(family, arms, 2)  # refuses what does not fit
    return b.lanczos_young(_base(family), omega_max=arms.largest)


def _plain(kind: Callable[..., Any], **settings: Any) -> Build:
    """A bandit over omegas that looks at no context."""
    return lambda family, arms, seed: kind(arms.omegas, seed, **settings)


def _contextual(kind: Callable[..., Any], **settings: Any) -> Build:
    """A bandit over omegas that knows the interval of contexts."""
    return lambda family, arms, seed: kind(arms.omegas, seed, *family.context_range, **settings)


def _on_policies(kind: Callable[..., Any], **settings: Any) -> Build:
    """A bandit over Young's omega*(context; s)."""
    return lambda family, arms, seed: b.PolicyClass(
        kind(_policies(family, arms, POLICIES), seed, **settings)
    )


# A solve takes an iteration at least, which bandits on sums of costs leave out of account. The
# process learns the logarithm of the cost, for which one iteration is no outlier.
_TUNERS: dict[str, Build] = {
    "adaptive": lambda family, arms, seed: b.Fixed(Adaptive()),
    "lanczos-young": _lanczos_young,
    "epsilon-greedy": _plain(b.EpsilonGreedy, cost_min=1),
    "ucb1": _plain(b.UCB1, cost_min=1),
    "thompson": _plain(b.ThompsonSampling, cost_min=1),
    "tsallis": _plain(b.TsallisINF, cost_min=1),
    "tsallis-iw": _plain(b.TsallisINF, cost_min=1, estimator=b.IMPORTANCE_WEIGHTED),
    "tsallis-cb": _contextual(b.TsallisINFCB, cost_min=1, bins=BINS),
    "chebcb": _contextual(b.ChebCB, cost_min=1),
    "thompson-arms": _contextual(b.GPThompson, reach=0),
    "gp": _contextual(b.GPThompson),
    "tsallis-policies": _on_policies(b.TsallisINF, cost_min=1),
    "gp-policies": _on_policies(b.GPThompson, features=1),
}
