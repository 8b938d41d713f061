"""Laplacians on grids, their anisotropic and convective kin; all are scaled by h^2.

Unknowns are in C order: the last index of the grid runs fastest. Boundary values are zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron

from ....schedules._checks import number, whole


def laplacian(*shape: int) -> csr_array:
    """-Laplacian by central differences on a grid of 1, 2 or 3 dimensions, times h^2.

    The diagonal is 2, 4 or 6, neighbours have -1. Its Jacobi radius is the mean over the
    dimensions of cos(pi / (size + 1)).

    Example:
        >>> laplacian(3).toarray()
        array([[ 2., -1.,  0.],
               [-1.,  2., -1.],
               [ 0., -1.,  2.]])
    """
    if not 1 <= len(shape) <= 3:
        raise ValueError(f"shape={shape!r}: expected 1 to 3 sizes")
    total, n = csr_array((1, 1)), 1
    for size in shape:
        along = kron(eye_array(n), second_difference(size))
        total, n = kron(total, eye_array(size)) + along, n * size
    return _clean(total)


def nine_point(rows: int, columns: int) -> csr_array:
    """The compact nine-point -Laplacian: 20, neighbours -4, corners -1 (6 h^2 times).

    It is not consistently ordered: Young's theory does not hold for it.

    Source: Collatz, The Numerical Treatment of Differential Equations (1960), "Mehrstellen".
    """
    row, column = second_difference(rows), second_difference(columns)
    return _clean(6 * laplacian(rows, columns) - kron(row, column))


def anisotropic(rows: int, columns: int, epsilon: float, angle: float = 0.0) -> csr_array:
    """-div(Q diag(1, epsilon) Q^T grad u) by central differences, times h^2.

    Q turns the x axis (along a row of the grid) by ``angle``. Unless the angle is a multiple of
    pi/2, corners are coupled and the matrix is not consistently ordered; it stays positive
    definite.

    Args:
        rows: Grid size in y.
        columns: Grid size in x.
        epsilon: Ratio of the two diffusivities, > 0.
        angle: In radians.
    """
    number("epsilon", epsilon, low=0, open_low=True)
    c, s = math.cos(number("angle", angle)), math.sin(angle)
    xx, yy, xy = c * c + epsilon * s * s, s * s + epsilon * c * c, (1 - epsilon) * c * s
    along_x = kron(eye_array(rows), second_difference(columns))
    along_y = kron(second_difference(rows), eye_array(columns))
    mixed = kron(central_difference(rows), central_difference(columns))
    return _clean(xx * along_x + yy * along_y - 2 * xy * mixed)


def convection_diffusion(
    rows: int, columns: int, peclet: float, angle: float = math.pi / 6
) -> csr_array:
    """-Laplacian + peclet w . grad with upwind differences, times h^2, h = 1 / (columns + 1).

    Not symmetric, but diagonally dominant for every wind. Without wind it is the Laplacian.

    Args:
        rows: Grid size in y.
        columns: Grid size in x.
        peclet: Speed of the wind over the diffusivity, >= 0.
        angle: The wind's direction from the x axis, in radians.
    """
    speed = number("peclet", peclet, low=0) / (columns + 1)
    x, y = speed * math.cos(number("angle", angle)), speed * math.sin(angle)
    along_x = kron(eye_array(rows), _upwind(columns, x))
    along_y = kron(_upwind(rows, y), eye_array(columns))
    return _clean(laplacian(rows, columns) + along_x + along_y)


def second_difference(size: int) -> csr_array:
    """tridiag(-1, 2, -1)."""
    return _bands(size, {-1: -1.0, 0: 2.0, 1: -1.0})


def central_difference(size: int) -> csr_array:
    """tridiag(-1/2, 0, 1/2)."""
    return _bands(size, {-1: -0.5, 1: 0.5})


def _upwind(size: int, speed: float) -> csr_array:
    """|speed| (u_i - u_{i-1}), or with u_{i+1} where the wind blows the other way."""
    return _bands(size, {0: abs(speed), -1 if speed >= 0 else 1: -abs(speed)})


def _bands(size: int, values: dict[int, float]) -> csr_array:
    whole("size", size, low=1)
    offsets: Any = list(values)
    lines = [np.full(size - abs(offset), value) for offset, value in values.items()]
    return csr_array(diags_array(lines, offsets=offsets, shape=(size, size)))


def _clean(matrix: Any) -> csr_array:
    """Without explicit zeros, indices sorted and 32 bits wide."""
    found = csr_array(matrix)
    found.eliminate_zeros()
    found.sort_indices()
    found.indices, found.indptr = found.indices.astype(np.int32), found.indptr.astype(np.int32)
    return found
