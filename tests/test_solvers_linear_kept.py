"""What a solve leaves as it was, and what can be copied, shared by threads, or huge."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from ritard.solvers.linear import (
    Adaptive,
    Splitting,
    Stencil,
    convergence_rate,
    count_sor,
    solve,
)

GRID = Stencil.laplacian(5, 6)
B = np.linspace(-1, 2, 30)
EXACT = sp.linalg.spsolve(GRID.tocsr().tocsc(), B)


@pytest.mark.parametrize("method", ["sor", "ssor", "ssor_cg", "cg"])
@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("callback", [None, lambda x: None])
@pytest.mark.parametrize("maxiter", [None, 0])
def test_a_solution_never_is_its_start(method, dtype, callback, maxiter) -> None:
    x0 = EXACT.astype(dtype)
    A = GRID.tocsr().astype(dtype)
    found = solve(A, B, method, 1.3, x0=x0, callback=callback, maxiter=maxiter)
    found.x[:] = 7
    assert found.iterations == 0 and np.array_equal(x0, EXACT)


@pytest.mark.parametrize("A", [GRID, GRID.tocsr(), GRID.tocsr().astype(complex)])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_splitting_that_has_solved_can_be_copied_and_pickled(A, again) -> None:
    splitting = Splitting.of(A)
    found = solve(splitting, B, "ssor", 1.3)
    assert np.array_equal(solve(again(splitting), B, "ssor", 1.3).x, found.x)
    assert np.array_equal(again(found).x, found.x)


@pytest.mark.parametrize("A", [GRID, GRID.tocsr().astype(complex)])
def test_threads_share_a_splitting(A) -> None:
    """With more omegas than factors are kept, of the engine that keeps them."""
    splitting, omegas = Splitting.of(A), np.linspace(0.5, 1.9, 40)
    alone = [solve(Splitting.of(A), B, "ssor", omega).iterations for omega in omegas]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            together = pool.map(lambda w: solve(splitting, B, "ssor", w).iterations, omegas)
            assert list(together) == alone


@pytest.mark.parametrize("method", ["sor", "ssor_cg", "cg"])
def test_a_limit_that_is_not_reached_takes_no_memory(method) -> None:
    few, many = (solve(GRID, B, method, 1.3, maxiter=m) for m in (1000, 2**63 - 1))
    assert few.converged and np.array_equal(few.residual_norms, many.residual_norms)
    with pytest.raises(ValueError, match="maxiter=9223372036854775808: expected an int from 0"):
        solve(GRID, B, method, maxiter=2**63)


@pytest.mark.parametrize("method", ["sor", "ssor", "ssor_cg", "cg"])
def test_a_solve_in_pieces_is_the_same(method, monkeypatch) -> None:
    """Compiled code hands back control now and then; the norms before are kept."""
    from ritard.solvers.linear import _compiled

    whole = solve(GRID, B, method, 1.3, rtol=1e-9)
    monkeypatch.setattr(_compiled, "PATIENCE", 3 * 30)
    pieces = solve(GRID, B, method, 1.3, rtol=1e-9)
    assert whole.iterations > 6 and np.array_equal(whole.residual_norms, pieces.residual_norms)
    assert np.array_equal(whole.x, pieces.x)


def test_a_count_whose_norm_no_number_holds_is_a_failure() -> None:
    bs = np.stack([B, np.full(30, 1e200), np.zeros(30)])
    counts = count_sor(GRID, [0.0] * 3, [1.3], bs, rtol=1e-5, maxiter=50)
    one = solve(GRID, B, "sor", 1.3, rtol=1e-5, relative_to="r0").iterations
    assert counts.tolist() == [[one], [50], [0]] and one < 50
    with pytest.raises(ValueError, match="maxiter="):
        count_sor(GRID, [0.0], [1.3], bs[:1], maxiter=2**63)


def test_settings_are_plain_numbers_whatever_they_came_as() -> None:
    given = Adaptive(np.float64(1.25), torch.tensor(0.5), np.int8(9), np.array(0.25))
    assert repr(given) == repr(Adaptive(1.25, 0.5, 9, 0.25))
    rate = convergence_rate(np.float32(1.25), np.float32(0.875))
    assert type(rate) is float and rate == convergence_rate(1.25, 0.875)


def test_a_tensor_that_numpy_cannot_read_is_named() -> None:
    tensor = torch.eye(2, requires_grad=True)
    for name, call in (("A", lambda: solve(tensor, [1, 1])),
                       ("b", lambda: solve(np.eye(2), tensor[0]))):  # fmt: skip
        with pytest.raises(TypeError, match=f"{name}: .*requires grad"):
            call()
