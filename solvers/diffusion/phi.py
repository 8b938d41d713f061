"""The phi functions of exponential integrators, and finite differences on uneven points."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

from ._scalar import Scalar, as_float, expm1

SMALL = 2.0
"""Below it the recursion loses digits (phi_5 at 0.1: nine of them) and the series is used."""

TERMS = 30


def phi(orders: int, z: Scalar) -> list[Scalar]:
    """phi_1(z) .. phi_orders(z), with phi_k(z) = sum_{j >= 0} z^j / (j + k)!.

    phi_0 = e^z and phi_{k+1} = (phi_k - 1/k!) / z. Close to zero the last one comes from its
    series and the others from the recursion run downwards, which loses nothing; elsewhere the
    recursion runs upwards. Relative error below 1e-14 for finite z and up to six orders.

    Example:
        >>> phi(3, 0.0)
        [1.0, 0.5, 0.16666666666666666]
    """
    if abs(as_float(z)) < SMALL:
        found = [_series(orders, z)]
        for k in range(orders - 1, 0, -1):
            found.insert(0, z * found[0] + 1 / factorial(k))
        return found
    found = [expm1(z) / z]
    for k in range(1, orders):
        found.append((found[-1] - 1 / factorial(k)) / z)
    return found


def _series(k: int, z: Scalar) -> Scalar:
    """phi_k by Horner's rule: 1/k! (1 + z/(k+1) (1 + z/(k+2) (...)))."""
    total: Scalar = 1.0
    for j in range(TERMS, 0, -1):
        total = 1 + total * z / (k + j)
    return total / factorial(k)


def derivative_weights(deltas: Sequence[Scalar], highest: int) -> list[list[Scalar]]:
    """Weights that differentiate at 0 the polynomial through values at 0 and at ``deltas``.

    Row k - 1 of the answer, for k = 1..highest <= len(deltas), holds the weights of the k-th
    derivative: first that of the value at 0, then those at each delta. They solve
    sum_j a_j delta_j^i / i! = [i == k], i = 1..p, with the value at 0 taking -sum_j a_j.

    Args:
        deltas: p distinct non-zero places.
        highest: The highest derivative wanted.

    Example:
        >>> derivative_weights([-1.0, 1.0], 2)
        [[0.0, -0.5, 0.5], [-2.0, 1.0, 1.0]]

    Source: Fornberg (1988), Generation of finite difference formulas on arbitrarily spaced grids.
    """
    places: list[Scalar] = [0.0, *deltas]
    # weights[k][i]: of the value at places[i] in the k-th derivative, using the places so far.
    weights: list[list[Scalar]] = [[1.0], *([0.0] for _ in range(highest))]
    product: Scalar = 1.0
    for n in range(1, len(places)):
        gaps = [places[n] - places[i] for i in range(n)]
        previous, product_before = [row.copy() for row in weights], product
        product = _product(gaps)
        for k in range(highest + 1):
            lower = previous[k - 1] if k else [0.0] * n
            for i in range(n):
                weights[k][i] = (places[n] * previous[k][i] - k * lower[i]) / gaps[i]
            last = k * lower[n - 1] - places[n - 1] * previous[k][n - 1]
            weights[k].append(product_before / product * last)
    return weights[1:]


def _product(values: Sequence[Scalar]) -> Scalar:
    total: Scalar = 1.0
    for value in values:
        total = total * value
    return total
