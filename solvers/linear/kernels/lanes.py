# type: ignore  # Compiled by numba, which ships no annotations.
"""Many small solves by SOR side by side, one in each lane of the processor's vector registers.

A single solve is a chain: every unknown waits for the one before. Solves with other omegas, shifts
or right-hand sides do not wait for each other, so eight of them share each instruction. A lane that
is done takes up the next problem at once. It is ``sweep.forward`` itself that runs, on Vectors, so
that counts are those of single solves.
"""

from __future__ import annotations

import math

import numpy as np

from .compile import inner, outer
from .intrinsics import LANES, load, store
from .layouts import Points
from .sweep import forward


@inner
def take_up(k, problem, grid, shifts, omegas, bs, old, new, b, omega, A):
    """Put a problem into lane k, started from zero."""
    nx, ny, center, west, east, south, north = grid
    t, j = problem // omegas.shape[1], problem % omegas.shape[1]
    d, w = center + shifts[t], omegas[t, j]
    A.diag[0, k], omega[0, k] = d, w
    A.west[0, k], A.east[0, k] = west / d, east / d
    A.south[0, k], A.north[0, k] = south / d, north / d
    for line in range(ny):
        for i in range(nx):
            p = (line + 1) * (nx + 1) + i
            old[p, k], new[p, k] = 0.0, 0.0
            b[p, k] = bs[t, line * nx + i] / d


@inner
def one(value):
    """A coefficient for each lane."""
    return np.full((1, LANES), value)


@outer
def count(grid, shifts, omegas, bs, rtol, maxiter, counts):
    """Fill ``counts[t, j]``: sweeps of problem t with ``omegas[t, j]`` until ||r|| <= rtol ||b||.

    ``grid`` is (nx, ny, center, west, east, south, north).
    """
    nx, ny = grid[0], grid[1]
    size = (ny + 2) * (nx + 1)
    old, new, b = np.zeros((size, LANES)), np.zeros((size, LANES)), np.zeros((size, LANES))
    omega, residual2, goal = np.ones((1, LANES)), np.zeros((1, LANES)), np.zeros(LANES)
    A = Points(one(1.0), one(0.0), one(0.0), one(0.0), one(0.0), nx, ny)
    problem, done = np.full(LANES, -1), np.zeros(LANES, np.int64)
    running = min(LANES, counts.size)
    taken = running
    for k in range(running):
        problem[k] = k
        take_up(k, k, grid, shifts, omegas, bs, old, new, b, omega, A)
    while running > 0:
        store(residual2, 0, forward(A, b, old, new, load(omega, 0))[0])
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
            counts.flat[problem[k]] = done[k] if norm <= goal[k] < math.inf else maxiter
            done[k], problem[k] = 0, -1
            if taken < counts.size:
                problem[k], taken = taken, taken + 1
                take_up(k, problem[k], grid, shifts, omegas, bs, old, new, b, omega, A)
            else:
                running -= 1
