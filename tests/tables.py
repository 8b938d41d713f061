"""What the tests of schedules share: the table of shapes, random composites, a reference.

The reference evaluates a schedule from its definition in plain Python, positions as exact
fractions, and shares no code with the library.
"""

import math
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Chebyshev,
    Constant,
    Cooldown,
    Cosine,
    Exponential,
    Floor,
    InverseSqrt,
    Linear,
    OneCycle,
    OneMinusSqrt,
    Polynomial,
    Product,
    Reflect,
    Repeat,
    Sampled,
    Schedule,
    Step,
    Tabulated,
    Then,
    Warmup,
)

checked = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=list(HealthCheck),
)

DECAYS = [  # fall from 1, never rise
    Linear(),
    Cosine(),
    OneMinusSqrt(),
    Polynomial(),
    Polynomial(power=2),
    Polynomial(power=0.5),
    Polynomial(power=1.7),
    Exponential(),
    Exponential(gamma=-0.4),
    Step(),
    Step(factor=0.3, at=(0.29, 0.58)),
    InverseSqrt(),
    InverseSqrt(timescale=0.1),
    REX(),
    REX(d=0.9),
    REX(d=-4.7),
    UBA(phi=0),
    UBA(phi=0.25),
    UBA(phi=2),
    UBA(phi=37.3),
    WSD(),
    WSD(decay=0.1, shape="linear"),
    WSD(decay=0.3, shape="cosine"),
]
SHAPES = [
    *DECAYS,
    Chebyshev(kappa=50),
    Constant(),
    Constant(0.3),
    OneCycle(),
    OneCycle(low=0),
    Tabulated((0.1, 1, 0.4, 0.7, 0)),
    OneCycle.momentum(),
]
OPERATORS = [
    REX().warmup(0.05),
    REX().warmup(3),
    Linear().cooldown(0.2),
    Linear().cooldown(4, "cosine"),
    Cosine().floor(0.1),
    REX().sampled(every=0.01),
    REX().sampled(every=3),
    REX().sampled(at=(0.5, 0.75)),
    UBA(phi=5).reflect(-2),
    Constant(0.5).then(REX().warmup(0.1), at=0.6),
    Linear() * UBA(phi=1),
    UBA(phi=1).repeat(3),
    UBA(phi=1).repeat((0.5, 0.3, 0.2)),
    Linear().warmup(0.1).then(Cosine().repeat(2).floor(0.2), at=0.5).cooldown(0.25).sampled(0.01),
]
EVERY = SHAPES + OPERATORS


def bits(values):
    return np.asarray(values, dtype=np.float64).view(np.int64)


# ---- random schedules with values in [0, 1] -------------------------------------------------

percents = st.integers(1, 99).map(lambda n: n / 100)
counts = st.integers(0, 4)
lengths = percents | counts
unit = st.floats(0, 1)
bends = st.floats(-20, 0.99)
phis = st.just(0) | st.floats(1e-3, 1000)


def _points(values):
    return st.lists(values, min_size=0, max_size=3).map(lambda p: tuple(sorted(p)))


_points_of_a_run = _points(percents) | _points(counts)
_names = st.sampled_from(["linear", "cosine", "1-sqrt"])

DRAWN = {
    Linear: st.builds(Linear),
    Cosine: st.builds(Cosine),
    OneMinusSqrt: st.builds(OneMinusSqrt),
    Constant: st.builds(Constant, unit),
    Polynomial: st.builds(Polynomial, st.floats(0.1, 5)),
    Exponential: st.builds(Exponential, st.floats(-20, 0)),
    Step: st.builds(Step, st.floats(0.01, 1), _points_of_a_run),
    InverseSqrt: st.builds(InverseSqrt, percents | st.integers(1, 50)),
    REX: st.builds(REX, bends),
    UBA: st.builds(UBA, phis),
    Chebyshev: st.builds(Chebyshev, st.floats(1, 1000)),
    OneCycle: st.builds(OneCycle, unit),
    WSD: st.builds(WSD, lengths, _names | st.just(Exponential())),
    Tabulated: st.builds(Tabulated, st.lists(unit, min_size=1, max_size=6)),
}
"""Every shape, with settings that keep it in [0, 1]."""

OPERATED = {
    Warmup: lambda base: st.builds(Warmup, base, lengths),
    Cooldown: lambda base: st.builds(Cooldown, base, lengths, _names | base),
    Floor: lambda base: st.builds(Floor, base, unit),
    Reflect: lambda base: st.builds(Reflect, base, bends),
    Sampled: lambda base: st.one_of(
        st.builds(Sampled, base, every=percents | st.integers(1, 9)),
        st.builds(Sampled, base, at=_points_of_a_run),
    ),
    Then: lambda base: st.builds(Then, base, base, lengths),
    Product: lambda base: st.builds(Product, base, base),
    Repeat: lambda base: st.one_of(
        st.builds(Repeat, base, times=st.integers(1, 7)),
        st.builds(Repeat, base, lengths=percents.map(lambda c: (c, round(1 - c, 2)))),
    ),
}
"""Every operator, on what a strategy draws."""

shapes = st.one_of(st.sampled_from(SHAPES), *DRAWN.values())


def nested(depth):
    """Composites of at most that many operators on top of each other."""
    if depth == 0:
        return shapes
    return st.one_of(shapes, *(act(nested(depth - 1)) for act in OPERATED.values()))


composites = nested(4)


def fitting(schedule, steps, total):
    """Values, where the composite's counts fit the run."""
    try:
        return schedule(steps, total)
    except ValueError as error:
        assume("does not fit" not in str(error) and "add up to" not in str(error))
        assume("expected ascending" not in str(error))
        raise


# ---- the reference --------------------------------------------------------------------------


class Misfit(Exception):
    """A phase is longer than its run."""


def _long(length, T, fits=True):
    exact = Fraction(length) if isinstance(length, int) else Fraction(repr(length)) * T
    if fits and exact > T:
        raise Misfit
    return exact


def bend(p, d):
    return p / ((1 - d) * (1 - p) + p)


def uba(theta, phi):
    up, down = math.cos(theta / 2) ** 2, math.sin(theta / 2) ** 2
    return 1.0 if phi == 0 else up / (up + phi / 2 * down)


_SHAPES = {
    Linear: lambda s, x: 1 - x,
    Cosine: lambda s, x: math.cos(math.pi * x / 2) ** 2,
    OneMinusSqrt: lambda s, x: 1 - math.sqrt(x),
    Polynomial: lambda s, x: (1 - x) ** s.power,
    Exponential: lambda s, x: math.exp(s.gamma * x),
    REX: lambda s, x: bend(1 - x, s.d),
    UBA: lambda s, x: uba(math.pi * x, s.phi),
    OneCycle: lambda s, x: s.low + (1 - s.low) * (2 * x if x < 0.5 else 2 - 2 * x),
    Constant: lambda s, x: s.value,
}


def _tabulated(table, x):
    place = x * (len(table) - 1)
    k = min(int(place), len(table) - 2)
    return table[0] if len(table) == 1 else table[k] + float(place - k) * (table[k + 1] - table[k])


def _sampled(s, t, T):
    if s.every is None:
        points = [_long(point, T) for point in s.at]
        return max([Fraction(0), *(point for point in points if point <= t)])
    if T == 0:
        return t
    every = _long(s.every, T, fits=False)
    return math.floor(t / every) * every


def _repeat(s, t, T):
    if s.times:
        phases = [T / s.times] * s.times
    else:
        phases = [_long(p, T, fits=False) for p in s.lengths]
        if abs(sum(phases) - T) > T / 10**9:
            raise Misfit
    start = Fraction(0)
    for phase in phases[:-1]:
        if t < start + phase:
            return reference(s.base, t - start, phase)
        start += phase
    return reference(s.base, t - start, phases[-1])


def reference(s: Schedule, t: Fraction, T: Fraction) -> float:
    """The multiplier at t of a run of T, from the definitions of DESIGN.md and the spec."""
    t = min(max(t, Fraction(0)), T)
    x = t / T if T > 0 else Fraction(1)
    kind = type(s)
    if kind in _SHAPES:
        return _SHAPES[kind](s, float(x))
    if kind is Step:
        return s.factor ** sum(point <= t for point in [_long(p, T) for p in s.at])
    if kind is InverseSqrt:
        tau = _long(s.timescale, T, fits=False)
        return math.sqrt(tau / (tau + t)) if tau > 0 else 1.0
    if kind is Chebyshev:
        angle = min((2 * t + 1) / (2 * T), Fraction(1)) if T > 0 else 1
        return uba(math.pi * float(angle), 2 * s.kappa)
    if kind is Tabulated:
        return _tabulated(s.table, x)
    if kind is WSD:
        return reference(Cooldown(Constant(), s.decay, s.shape), t, T)
    if kind is Warmup:
        W = _long(s.length, T)
        peak = reference(s.base, Fraction(0), T - W if W < T else T)
        if t < W:
            return peak * float((t + 1) / (W + 1))
        return reference(s.base, t - W, T - W) if W < T else peak
    if kind is Cooldown:
        D = _long(s.length, T)
        if t < T - D or D == 0:
            return reference(s.base, t, T)
        return reference(s.base, T - D, T) * reference(s.shape, t - (T - D), D)
    if kind is Floor:
        return s.ratio + (1 - s.ratio) * reference(s.base, t, T)
    if kind is Reflect:
        return bend(reference(s.base, t, T), s.d)
    if kind is Sampled:
        return reference(s.base, _sampled(s, t, T), T)
    if kind is Then:
        B = _long(s.at, T)
        return reference(s.base, t, B) if t < B else reference(s.other, t - B, T - B)
    if kind is Product:
        return reference(s.base, t, T) * reference(s.other, t, T)
    if kind is Repeat:
        return _repeat(s, t, T)
    raise AssertionError(kind)


def label(value):
    """A test id that is the same in every process: no address of a function."""
    return "by hand" if callable(value) and not isinstance(value, Schedule) else str(value)[:40]
