# type: ignore  # Compiled by numba, which ships no annotations.
"""What a loop may ask of a layout; the answers are inlined, one set for each layout.

``over`` takes the entries right of the diagonal off a sum, ``under`` those left of it, both
without the direct neighbours, whose coefficients are ``before`` and ``after``. The loops above are
written once, in these terms; the answer of each layout is registered below.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import overload

from .intrinsics import compiled_only, fma, get, load
from .layouts import Points, Rows


@compiled_only
def at(c, p) -> Any:
    """A coefficient at position p: a number holds everywhere, one row of eight for all lanes."""


@compiled_only
def at8(c, q) -> Any:
    """The coefficients of positions 8 q to 8 q + 7, a number or a Vector."""


@compiled_only
def span(A) -> Any:
    """Lines, positions from one line to the next, first position, positions in a line."""


@compiled_only
def before(A, p) -> Any:
    """The scaled coefficient of the position before p."""


@compiled_only
def after(A, p) -> Any:
    """The scaled coefficient of the position after p."""


@compiled_only
def over(A, p, x, acc) -> Any:
    """The sum acc - sum_{j > p + 1} a_pj x_j."""


@compiled_only
def under(A, p, x, acc) -> Any:
    """The sum acc - sum_{j < p - 1} a_pj x_j."""


@compiled_only
def over2(A, p, x, acc, y, bcc) -> Any:
    """``over`` of two vectors at once; the coefficients are read once."""


@compiled_only
def under2(A, p, x, acc, y, bcc) -> Any:
    """``under`` of two vectors at once; the coefficients are read once."""


@overload(at)
def _at(c, p):
    del p
    if not isinstance(c, types.Array):
        return lambda c, p: c
    if c.ndim == 2:  # one row, a number for each lane
        return lambda c, p: load(c, 0)
    return lambda c, p: c[p]


@overload(at8)
def _at8(c, q):
    del q
    return (lambda c, q: load(c, q)) if isinstance(c, types.Array) else lambda c, q: c


def _register(primitive, rows, points):
    answers = {Rows: rows, Points: points}

    def choose(A, *_):
        return answers[A.instance_class]

    overload(primitive, strict=False)(choose)


def _span_rows(A):
    return 1, 0, 1, (len(A.ptr) - 3) // 2


def _span_points(A):
    return A.ny, A.nx + 1, A.nx + 1, A.nx


def _over_rows(A, p, x, acc):
    for q in range(A.ptr[2 * p], A.ptr[2 * p + 1]):
        acc = fma(-A.val[q], get(x, A.col[q]), acc)
    return acc


def _under_rows(A, p, x, acc):
    for q in range(A.ptr[2 * p + 1], A.ptr[2 * p + 2]):
        acc = fma(-A.val[q], get(x, A.col[q]), acc)
    return acc


def _over2_rows(A, p, x, acc, y, bcc):
    for q in range(A.ptr[2 * p], A.ptr[2 * p + 1]):
        v, j = -A.val[q], A.col[q]
        acc = fma(v, get(x, j), acc)
        bcc = fma(v, get(y, j), bcc)
    return acc, bcc


def _under2_rows(A, p, x, acc, y, bcc):
    for q in range(A.ptr[2 * p + 1], A.ptr[2 * p + 2]):
        v, j = -A.val[q], A.col[q]
        acc = fma(v, get(x, j), acc)
        bcc = fma(v, get(y, j), bcc)
    return acc, bcc


def _over_points(A, p, x, acc):
    return fma(-at(A.north, p), get(x, p + A.nx + 1), acc)


def _under_points(A, p, x, acc):
    return fma(-at(A.south, p), get(x, p - A.nx - 1), acc)


def _over2_points(A, p, x, acc, y, bcc):
    v, j = -at(A.north, p), p + A.nx + 1
    return fma(v, get(x, j), acc), fma(v, get(y, j), bcc)


def _under2_points(A, p, x, acc, y, bcc):
    v, j = -at(A.south, p), p - A.nx - 1
    return fma(v, get(x, j), acc), fma(v, get(y, j), bcc)


_register(span, _span_rows, _span_points)
_register(before, lambda A, p: A.sub[p], lambda A, p: at(A.west, p))
_register(after, lambda A, p: A.sup[p], lambda A, p: at(A.east, p))
_register(over, _over_rows, _over_points)
_register(under, _under_rows, _under_points)
_register(over2, _over2_rows, _over2_points)
_register(under2, _under2_rows, _under2_points)
