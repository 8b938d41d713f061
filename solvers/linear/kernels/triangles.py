# type: ignore  # Compiled by numba, which ships no annotations.
"""Triangular solves with W = D/omega + L and its transpose, in terms divided by the diagonal."""

from __future__ import annotations

from .compile import inner, outer
from .intrinsics import assume, fma
from .primitives import after, at, before, over, span, under, under2


@inner
def lower(A, r, y, omega):
    """Solve (I/omega + L') y = r."""
    lines, stride, first, count = span(A)
    for line in range(lines):
        start = first + line * stride
        last = y[start - 1]
        for p in range(start, start + count):
            assume(p > 0)
            last = fma(-omega * before(A, p), last, omega * under(A, p, y, r[p]))
            y[p] = last


@inner
def directions(A, y, beta, p, t, omega):
    """The new direction p = y + beta p, and t from (I/omega + U') t = p."""
    lines, stride, first, count = span(A)
    for line in range(lines - 1, -1, -1):
        start = first + line * stride
        last = t[start + count]
        for i in range(start + count - 1, start - 1, -1):
            assume(i > 0)
            p[i] = fma(beta, p[i], y[i])
            last = fma(-omega * after(A, i), last, omega * over(A, i, t, p[i]))
            t[i] = last


@inner
def transform(A, y, p, t, s, omega):
    """Solve (I/omega + L') s = p - (2/omega - 1) t; return p.D(t + s) and ||r||^2.

    r = D (I/omega + L') y is the residual that y stands for.
    """
    lines, stride, first, count = span(A)
    c, inverse = 2.0 / omega - 1.0, 1.0 / omega
    curvature, norm2 = 0.0, 0.0
    for line in range(lines):
        start = first + line * stride
        last, met = s[start - 1], y[start - 1]
        for i in range(start, start + count):
            assume(i > 0)
            right, seen = under2(A, i, s, fma(-c, t[i], p[i]), y, -inverse * y[i])
            w, d = before(A, i), at(A.diag, i)
            last = fma(-omega * w, last, omega * right)
            s[i] = last
            curvature = fma(d * p[i], t[i] + last, curvature)
            r = d * fma(-w, met, seen)
            norm2 = fma(r, r, norm2)
            met = y[i]
    return curvature, norm2


@inner
def transformed_norm2(A, y, omega):
    """||D (I/omega + L') y||^2, the squared norm of the residual that y stands for."""
    lines, stride, first, count = span(A)
    total, inverse = 0.0, 1.0 / omega
    for line in range(lines):
        start = first + line * stride
        for i in range(start, start + count):
            assume(i > 0)
            r = at(A.diag, i) * fma(-before(A, i), y[i - 1], under(A, i, y, -inverse * y[i]))
            total = fma(r, r, total)
    return total


@outer
def precondition(A, r, y, p, z, omega):
    """Write z = M^-1 D r for the SSOR preconditioner M; p holds zeros."""
    lower(A, r, y, omega)
    directions(A, y, 0.0, p, z, omega)
    for i in range(len(z)):
        z[i] *= (2.0 - omega) / omega


@outer
def solve_lower(A, r, y, omega):
    """Write y = (D/omega + L)^-1 D r."""
    lower(A, r, y, omega)


@outer
def solve_upper(A, r, p, z, omega):
    """Write z = (D/omega + U)^-1 D r; p holds zeros."""
    directions(A, r, 0.0, p, z, omega)
