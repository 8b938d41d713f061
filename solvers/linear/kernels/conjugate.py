# type: ignore  # Compiled by numba, which ships no annotations.
"""Conjugate gradients in compiled code: plain, and preconditioned by SSOR in Eisenstat's form.

With W = D/omega + L the SSOR preconditioner is M ~ W D^-1 W^T, and A = W + W^T - (2/omega - 1) D.
In the variables y = W^-1 r and p, with the direction t = W^-T D p, the product splits into

    W^-1 A t = t + s,    s = W^-1 D (p - (2/omega - 1) t),

two triangular solves, which would be needed anyway: the product with A is saved. Everything here
is divided by the diagonal (W = D (I/omega + L')), so that inner products carry the weight D.

Of the residual y = W^-1 r only the norm of r = W y is wanted. It needs the entries left of the
diagonal, which the solve for s reads anyway: y is gathered through them beside s. So the norm of
iterate k is known inside iteration k, two triangular solves late, and when it passes, x is still
x_k. That costs two thirds of an iteration once, where a pass of its own would cost a seventh of
each.

Source: Eisenstat (1981), Efficient implementation of a class of preconditioned conjugate gradient
methods, SIAM J. Sci. Stat. Comput. 2(1).
"""

from __future__ import annotations

import math
from typing import Any

from .compile import inner, outer
from .ends import BREAKDOWN, CONVERGED, DIVERGED, EXHAUSTED, RUNNING
from .intrinsics import LANES, fma, load, splat, store, total
from .primitives import at, at8
from .relax import verdict
from .sweep import product, residual
from .triangles import directions, lower, transform, transformed_norm2


@inner
def stuck(curvature, rho):
    """What a curvature p.Ap that is not positive means."""
    if rho == 0.0:
        return CONVERGED
    return BREAKDOWN if math.isfinite(curvature) else DIVERGED


@inner
def weighted(A, y):
    """The sum of d y^2."""
    squares = splat(0.0)
    for q in range(len(y) // LANES):
        v = load(y, q)
        squares = fma(at8(A.diag, q) * v, v, squares)
    return total(squares)


@inner
def advance(A, alpha, x, y, t, s):
    """Add: x += alpha t and y -= alpha (t + s); return the sum of d y^2."""
    squares = splat(0.0)
    for q in range(len(x) // LANES):
        step = load(t, q)
        store(x, q, fma(alpha, step, load(x, q)))
        v = fma(-alpha, step + load(s, q), load(y, q))
        store(y, q, v)
        squares = fma(at8(A.diag, q) * v, v, squares)
    return total(squares)


@inner
def step(alpha, x, r, p, w):
    """Add: x += alpha p and r -= alpha w; return the sum of r^2."""
    squares = splat(0.0)
    for q in range(len(x) // LANES):
        store(x, q, fma(alpha, load(p, q), load(x, q)))
        v = fma(-alpha, load(w, q), load(r, q))
        store(r, q, v)
        squares = fma(v, v, squares)
    return total(squares)


@outer
def begin_ssor_cg(A, b, x, y, t, omega) -> Any:
    """Write y = W^-1 (b - A x); return its weighted square and ||b - A x||."""
    norm2 = residual(A, b, x, t)
    lower(A, t, y, omega)
    return weighted(A, y), math.sqrt(norm2)


@outer
def ssor_cg(A, omega, x, y, p, t, s, rho, beta, tolerance, norms, start, stop, maxiter) -> Any:
    """Iterations ``start`` to ``stop``; return what ended it, the count, and (rho, beta)."""
    for k in range(start, stop):
        directions(A, y, beta, p, t, omega)
        curvature, norm2 = transform(A, y, p, t, s, omega)
        if k > 0:
            norms[k] = math.sqrt(norm2)
        end = verdict(norms[k], tolerance)
        if end == RUNNING and not 0.0 < curvature < math.inf:
            end = stuck(curvature, rho)
        if end != RUNNING:
            return end, k, rho, beta
        new = advance(A, rho / curvature, x, y, t, s)
        rho, beta = new, new / rho
    if stop < maxiter:
        return RUNNING, stop, rho, beta
    if maxiter > 0:
        norms[maxiter] = math.sqrt(transformed_norm2(A, y, omega))
    end = verdict(norms[maxiter], tolerance)
    return (EXHAUSTED if end == RUNNING else end), maxiter, rho, beta


@outer
def begin_cg(A, b, x, r) -> Any:
    """Write r = b - A x; return its square."""
    norm2 = residual(A, b, x, r)
    for i in range(len(r)):
        r[i] *= at(A.diag, i)
    return norm2


@outer
def cg(A, x, r, p, w, rho, beta, tolerance, norms, start, stop, maxiter) -> Any:
    """Plain conjugate gradients, the textbook's loop; returns as ``ssor_cg``."""
    for k in range(start, stop):
        norms[k] = math.sqrt(rho)
        end = verdict(norms[k], tolerance)
        if end != RUNNING:
            return end, k, rho, beta
        for i in range(len(p)):
            p[i] = fma(beta, p[i], r[i])
        curvature = product(A, p, w)
        if not 0.0 < curvature < math.inf:
            return stuck(curvature, rho), k, rho, beta
        new = step(rho / curvature, x, r, p, w)
        rho, beta = new, new / rho
    if stop < maxiter:
        return RUNNING, stop, rho, beta
    norms[maxiter] = math.sqrt(rho)
    end = verdict(norms[maxiter], tolerance)
    return (EXHAUSTED if end == RUNNING else end), maxiter, rho, beta
