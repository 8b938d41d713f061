"""Many small solves by SOR side by side, one in each lane of the processor's vector registers.

A single solve is a chain: every unknown waits for the one before. Solves with other omegas, shifts
or right-hand sides do not wait for each other, so eight of them share each instruction. A lane that
is done takes up the next problem at once. Each lane does what ``sweep.forward`` does, operation by
operation, so that counts are those of single solves.
"""
# pyright: basic, reportMissingTypeStubs=false
# numba ships no annotations.

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .fma import fma
from .vectors import LANES, load, store


@njit(nogil=True)
def sweep(old, new, b, omega, diag, sides, residual2, nx, ny):
    """``sweep.forward`` on ``Points`` with constant coefficients, for all lanes."""
    stride = nx + 1
    west, east, south, north = load(sides, 0), load(sides, 1), load(sides, 2), load(sides, 3)
    w, d, keep = load(omega, 0), load(diag, 0), load(omega, 1)
    total = load(residual2, 1)
    for line in range(1, ny + 1):
        start = line * stride
        last, met, here = load(new, start - 1), load(old, start - 1), load(old, start)
        for p in range(start, start + nx):
            next_ = load(old, p + 1)
            right = fma(-north, load(old, p + stride), fma(-east, next_, load(b, p)))
            left_new = fma(-south, load(new, p - stride), right)
            left_old = fma(-south, load(old, p - stride), right)
            last = fma(-w * west, last, fma(w, left_new, keep * here))
            store(new, p, last)
            r = d * (fma(-west, met, left_old) - here)
            total = fma(r, r, total)
            met, here = here, next_
    store(residual2, 0, total)


@njit(nogil=True)
def put(k, problem, grid, shifts, omegas, bs, old, new, b, omega, diag, sides):
    """Put a problem into lane k, started from zero."""
    nx, ny, center, west, east, south, north = grid
    t, j = problem // omegas.shape[1], problem % omegas.shape[1]
    d, w = center + shifts[t], omegas[t, j]
    diag[0, k], omega[0, k], omega[1, k] = d, w, 1.0 - w
    sides[0, k], sides[1, k], sides[2, k], sides[3, k] = west / d, east / d, south / d, north / d
    for line in range(ny):
        for i in range(nx):
            p = (line + 1) * (nx + 1) + i
            old[p, k], new[p, k] = 0.0, 0.0
            b[p, k] = bs[t, line * nx + i] / d


@njit(cache=True, nogil=True)
def count(grid, shifts, omegas, bs, rtol, maxiter, counts):
    """Fill ``counts[t, j]``: sweeps of problem t with ``omegas[t, j]`` until ||r|| <= rtol ||b||.

    ``grid`` is (nx, ny, center, west, east, south, north).
    """
    nx, ny = grid[0], grid[1]
    size = (ny + 2) * (nx + 1)
    old, new, b = np.zeros((size, LANES)), np.zeros((size, LANES)), np.zeros((size, LANES))
    omega, diag, sides = np.ones((2, LANES)), np.ones((1, LANES)), np.zeros((4, LANES))
    residual2, goal = np.zeros((2, LANES)), np.zeros(LANES)
    problem, done = np.full(LANES, -1), np.zeros(LANES, np.int64)
    running = min(LANES, counts.size)
    taken = running
    for k in range(running):
        problem[k] = k
        put(k, k, grid, shifts, omegas, bs, old, new, b, omega, diag, sides)
    while running > 0:
        sweep(old, new, b, omega, diag, sides, residual2, nx, ny)
        old, new = new, old
        for k in range(LANES):
            norm = math.sqrt(residual2[0, k])
            if done[k] == 0:
                goal[k] = rtol * norm
            if problem[k] < 0:
                continue
            if goal[k] < norm < math.inf and done[k] < maxiter:
                done[k] += 1
                continue
            counts.flat[problem[k]] = done[k] if norm <= goal[k] else maxiter
            done[k], problem[k] = 0, -1
            if taken < counts.size:
                problem[k], taken = taken, taken + 1
                put(k, problem[k], grid, shifts, omegas, bs, old, new, b, omega, diag, sides)
            else:
                running -= 1
