"""One sweep of successive over-relaxation, either way, with the norm of the residual it met."""
# pyright: basic, reportMissingTypeStubs=false
# numba ships no annotations.

from __future__ import annotations

from numba import njit

from .fma import fma
from .primitives import after, at, before, over, over2, span, under, under2


@njit(nogil=True)
def forward(A, b, old, new, omega):
    """Write the next iterate; return ||r||^2 of the old one and ||new - old||^2.

    x_i <- (1 - omega) x_i + omega (b_i - sum_j a_ij x_j) in scaled terms. The residual of ``old``
    is a by-product: what lies right of the diagonal is the same in both, and what lies left of it
    is gathered from both vectors through the same entries. The only chain from row to row is one
    fused multiply-add on ``last``.
    """
    lines, stride, first, count = span(A)
    residual2, change2 = 0.0, 0.0
    for line in range(lines):
        start = first + line * stride
        last, met, here = new[start - 1], old[start - 1], old[start]
        for p in range(start, start + count):
            next_ = old[p + 1]
            right = over(A, p, old, fma(-after(A, p), next_, b[p]))
            left_new, left_old = under2(A, p, new, right, old, right)
            w = before(A, p)
            last = fma(-omega * w, last, fma(omega, left_new, (1.0 - omega) * here))
            new[p] = last
            r = at(A.diag, p) * (fma(-w, met, left_old) - here)
            residual2 = fma(r, r, residual2)
            change2 = fma(last - here, last - here, change2)
            met, here = here, next_
    return residual2, change2


@njit(nogil=True)
def backward(A, b, old, new, omega):
    """The mirror image of ``forward``: unknowns from the last to the first."""
    lines, stride, first, count = span(A)
    residual2, change2 = 0.0, 0.0
    for line in range(lines - 1, -1, -1):
        start = first + line * stride
        end = start + count - 1
        last, met, here = new[end + 1], old[end + 1], old[end]
        for k in range(count):
            p = end - k
            next_ = old[p - 1]
            left = under(A, p, old, fma(-before(A, p), next_, b[p]))
            right_new, right_old = over2(A, p, new, left, old, left)
            w = after(A, p)
            last = fma(-omega * w, last, fma(omega, right_new, (1.0 - omega) * here))
            new[p] = last
            r = at(A.diag, p) * (fma(-w, met, right_old) - here)
            residual2 = fma(r, r, residual2)
            change2 = fma(last - here, last - here, change2)
            met, here = here, next_
    return residual2, change2


@njit(nogil=True)
def residual(A, b, x, out):
    """Write (b - A x) / diag; return ||b - A x||^2."""
    lines, stride, first, count = span(A)
    total = 0.0
    for line in range(lines):
        start = first + line * stride
        for p in range(start, start + count):
            right = over(A, p, x, fma(-after(A, p), x[p + 1], b[p]))
            out[p] = fma(-before(A, p), x[p - 1], under(A, p, x, right)) - x[p]
            r = at(A.diag, p) * out[p]
            total = fma(r, r, total)
    return total


@njit(cache=True, nogil=True)
def residual_of(A, b, x, out):
    """``residual`` as a function of its own, for callers outside compiled code."""
    return residual(A, b, x, out)
