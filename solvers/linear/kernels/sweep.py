# type: ignore  # Compiled by numba, which ships no annotations.
"""One sweep of successive over-relaxation, either way, with the norm of the residual it met."""

from __future__ import annotations

from .compile import inner, outer
from .intrinsics import assume, fma, get, nought, put
from .primitives import after, at, before, over, over2, span, under, under2


@inner
def forward(A, b, old, new, omega):
    """Write the next iterate; return ||r||^2 of the old one and ||new - old||^2.

    x_i <- (1 - omega) x_i + omega (b_i - sum_j a_ij x_j), in scaled terms. The residual of ``old``
    is a by-product: what lies right of the diagonal is the same in both, and what lies left of it
    is gathered from both vectors through the same entries. The only chain from row to row is one
    fused multiply-add on ``last``. Vectors are (n,), or (n, 8) for eight solves at once, which
    may differ in omega too.
    """
    lines, stride, first, count = span(A)
    residual2, change2 = nought(b), nought(b)
    for line in range(lines):
        start = first + line * stride
        last, met, here = get(new, start - 1), get(old, start - 1), get(old, start)
        for p in range(start, start + count):
            assume(p > 0)
            next_ = get(old, p + 1)
            right = over(A, p, old, fma(-after(A, p), next_, get(b, p)))
            left_new, left_old = under2(A, p, new, right, old, right)
            w = before(A, p)
            last = fma(-omega * w, last, fma(omega, left_new, (1.0 - omega) * here))
            put(new, p, last)
            r = at(A.diag, p) * (fma(-w, met, left_old) - here)
            residual2 = fma(r, r, residual2)
            change2 = fma(last - here, last - here, change2)
            met, here = here, next_
    return residual2, change2


@inner
def backward(A, b, old, new, omega):
    """The mirror image of ``forward``: unknowns from the last to the first."""
    lines, stride, first, count = span(A)
    residual2, change2 = nought(b), nought(b)
    for line in range(lines - 1, -1, -1):
        start = first + line * stride
        end = start + count - 1
        last, met, here = get(new, end + 1), get(old, end + 1), get(old, end)
        for p in range(end, start - 1, -1):
            assume(p > 0)
            next_ = get(old, p - 1)
            left = under(A, p, old, fma(-before(A, p), next_, get(b, p)))
            right_new, right_old = over2(A, p, new, left, old, left)
            w = after(A, p)
            last = fma(-omega * w, last, fma(omega, right_new, (1.0 - omega) * here))
            put(new, p, last)
            r = at(A.diag, p) * (fma(-w, met, right_old) - here)
            residual2 = fma(r, r, residual2)
            change2 = fma(last - here, last - here, change2)
            met, here = here, next_
    return residual2, change2


@inner
def residual(A, b, x, out):
    """Write (b - A x) / diag; return ||b - A x||^2."""
    lines, stride, first, count = span(A)
    total = 0.0
    for line in range(lines):
        start = first + line * stride
        for p in range(start, start + count):
            assume(p > 0)
            right = over(A, p, x, fma(-after(A, p), x[p + 1], b[p]))
            out[p] = fma(-before(A, p), x[p - 1], under(A, p, x, right)) - x[p]
            r = at(A.diag, p) * out[p]
            total = fma(r, r, total)
    return total


@outer
def product(A, x, out):
    """Write A x; return x.A x."""
    lines, stride, first, count = span(A)
    total = 0.0
    for line in range(lines):
        start = first + line * stride
        for p in range(start, start + count):
            assume(p > 0)
            beside = fma(-before(A, p), x[p - 1], fma(-after(A, p), x[p + 1], -x[p]))
            out[p] = -at(A.diag, p) * under(A, p, x, over(A, p, x, beside))
            total = fma(x[p], out[p], total)
    return total
