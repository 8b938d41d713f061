"""What the linear solvers accept, and how they refuse the rest."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from ritard.solvers.linear import (
    Adaptive,
    Splitting,
    Stencil,
    count_sor,
    jacobi_radius,
    solve,
    sor,
    ssor,
    ssor_cg,
    ssor_preconditioner,
)

A = Stencil.laplacian(4, 5).tocsr()
B = np.arange(1.0, 21.0)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia", "lil", "dok", "bsr"])
def test_every_sparse_format(kind: str) -> None:
    expected = solve(A, B, omega=1.3).x
    for make in (sp.csr_array, sp.csr_matrix):
        np.testing.assert_array_equal(solve(make(A).asformat(kind), B, omega=1.3).x, expected)


def test_dense_arrays_lists_and_integers() -> None:
    expected = solve(A, B, omega=1.3).x
    for dense in (
        A.toarray(),
        A.toarray().tolist(),
        A.toarray().astype(int),
        np.asmatrix(A.toarray()),
    ):
        np.testing.assert_array_equal(solve(dense, B.astype(int), omega=1.3).x, expected)
    np.testing.assert_array_equal(solve(A, B.tolist(), omega=1.3).x, expected)


def test_unsorted_duplicate_and_zero_entries_and_wide_indices() -> None:
    coo = A.tocoo()
    order = np.random.default_rng(0).permutation(coo.nnz)
    rows, columns, values = coo.row[order], coo.col[order], coo.data[order]
    rows, columns = np.r_[rows, rows, [0, 3]], np.r_[columns, columns, [19, 11]]
    values = np.r_[values / 2, values / 2, [0.0, 0.0]]
    by_row = np.argsort(rows, kind="stable")
    indptr = np.r_[0, np.cumsum(np.bincount(rows, minlength=20))]
    for integer in (np.int32, np.int64):
        messy = sp.csr_array(
            (values[by_row], columns[by_row].astype(integer), indptr.astype(integer)), (20, 20)
        )
        assert not messy.has_sorted_indices and messy.indices.dtype == integer
        kept = messy.indices.copy(), messy.data.copy()
        for method in ("sor", "ssor_cg"):
            np.testing.assert_allclose(
                solve(messy, B, method, 1.3).x, solve(A, B, method, 1.3).x, rtol=1e-13
            )
        np.testing.assert_array_equal(messy.indices, kept[0])  # the caller's matrix stays as it is
        np.testing.assert_array_equal(messy.data, kept[1])


def test_arguments_are_left_alone() -> None:
    matrix, b, x0 = A.copy(), B.copy(), np.ones(20)
    for function in (sor, ssor, ssor_cg):
        x, _ = function(matrix, b, x0, omega=1.2)
        assert x is not x0 and x is not b
    np.testing.assert_array_equal(b, B)
    np.testing.assert_array_equal(x0, 1)
    np.testing.assert_array_equal(matrix.data, A.data)
    strided = np.repeat(B, 2)[::2]
    np.testing.assert_array_equal(solve(A, strided).x, solve(A, B).x)


def test_a_splitting_serves_every_omega_and_is_a_snapshot() -> None:
    splitting, matrix = Splitting.of(A), A.copy()
    early = Splitting.of(matrix)
    matrix.data[:] = 0
    for omega in (0.7, 1.5):
        expected = solve(A, B, omega=omega).x
        for kept in (splitting, early, Splitting.of(splitting)):
            np.testing.assert_array_equal(solve(kept, B, omega=omega).x, expected)
    assert Splitting.of(splitting) is splitting
    np.testing.assert_allclose(splitting @ np.stack([B, B], 1), A @ np.stack([B, B], 1))


@pytest.mark.parametrize("system", ["matrix", "constant", "varying"])
def test_shifts(system: str) -> None:
    stencil = Stencil.laplacian(4, 5)
    if system == "varying":
        stencil = Stencil((4, 5), 4 + np.arange(20).reshape(4, 5) / 9, -1, -1, -1, -1)
    matrix = stencil.tocsr() + 0.7 * sp.eye_array(20)
    expected = solve(matrix, B, omega=1.2)
    base = Splitting.of(stencil.tocsr() if system == "matrix" else stencil)
    for shifted in (base.shifted(0.7), stencil.shifted(0.7)):
        got = solve(shifted, B, omega=1.2)
        assert got.iterations == expected.iterations
        np.testing.assert_allclose(got.x, expected.x, rtol=1e-12)
    with pytest.raises(ValueError, match=r"row 0 is zero"):
        base.shifted(-4.0)


@pytest.mark.parametrize("system", [A, Stencil.laplacian(4, 5)], ids=["rows", "stencil"])
def test_products_want_vectors_of_the_right_length(system: object) -> None:
    """The compiled loop trusts the length: a wrong one would read and write beyond the vector."""
    splitting = Splitting.of(system)
    for bad, error, message in (
        (np.ones(19), ValueError, r"x: expected shape \(20,\) .* got \(19,\)"),
        (np.ones(300), ValueError, r"got \(300,\)"),
        (np.ones((20, 2, 2)), ValueError, "x: expected shape"),
        (1j * B, TypeError, "x is complex"),
        (["a"] * 20, TypeError, "x: expected numbers"),
        ([[1.0], [1.0, 2.0]], ValueError, "x: expected an array"),
    ):
        with pytest.raises(error, match=message):
            splitting @ bad
    assert (splitting @ np.ones((20, 0))).shape == (20, 0)


def test_starting_from_the_preconditioned_right_hand_sides() -> None:
    columns, M = np.stack([B, B[::-1]], axis=1), ssor_preconditioner(A, 1.2)
    (x, info), start = ssor_cg(A, columns, "Mb", omega=1.2), np.stack([M @ c for c in columns.T], 1)
    same = ssor_cg(A, columns, start, omega=1.2)
    np.testing.assert_array_equal(x, same[0])
    assert info == same[1] == 0 and ssor_cg(A, columns[:, :0], "Mb")[0].shape == (20, 0)
    for length in (19, 21, 60):
        with pytest.raises(ValueError, match="b: expected shape"):
            ssor_cg(A, np.ones(length), "Mb")


@pytest.mark.parametrize(
    "system", [A, A.toarray().tolist(), Stencil.laplacian(4, 5)], ids=["rows", "lists", "stencil"]
)
def test_a_real_matrix_serves_complex_right_hand_sides(system: object) -> None:
    rhs = B + 1j * B[::-1]
    for method in ("sor", "ssor", "ssor_cg", "cg"):
        np.testing.assert_allclose(A @ solve(system, rhs, method, 1.2, rtol=1e-12).x, rhs)
    x, info = ssor_cg(system, rhs, "Mb", omega=1.2, rtol=1e-12)
    assert info == 0 and np.allclose(A @ x, rhs)
    M = ssor_preconditioner(system, 1.3)
    np.testing.assert_allclose(M @ rhs, M @ rhs.real + 1j * (M @ rhs.imag), rtol=1e-14)
    assert np.abs((M @ rhs).imag).min() > 0
    for given in (Splitting.of(A), Splitting.of(system)):
        with pytest.raises(TypeError, match="b is complex"):  # not: without its imaginary part
            ssor_cg(given, rhs, M=np.eye(20))


def test_the_shape_of_a_stencil_may_be_a_list() -> None:
    center = np.full((4, 5), 4.0)
    stencil = Stencil([4, np.int64(5)], center, -1, -1, -1, -1)  # type: ignore[arg-type]
    assert stencil.shape == (4, 5) and abs(stencil.tocsr() - A).max() == 0
    for bad in ([[4.0], [4.0, 4.0]], "wide"):
        with pytest.raises((TypeError, ValueError), match="west"):
            Stencil((4, 5), center, bad, -1, -1, -1)
    with pytest.raises(ValueError, match="west=nan"):
        Stencil((4, 5), center, math.nan, -1, -1, -1)


def _with(row: int, column: int, value: float) -> np.ndarray:
    dense = A.toarray()
    dense[row, column] = value
    return dense


@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        (_with(7, 7, 0.0), ValueError, "row 7 is zero"),
        (_with(7, 7, 1e-17), ValueError, r"row 7 is tiny \(1e-17\)"),
        (_with(7, 7, -2.2e-16), ValueError, r"row 7 is tiny \(-2.2e-16\)"),  # epsilon is 2.22e-16
        (_with(3, 4, math.nan), ValueError, r"entry \(3, 4\) is nan"),
        (_with(19, 18, math.inf), ValueError, r"entry \(19, 18\) is inf"),
        (np.ones((3, 4)), ValueError, r"square matrix, got shape \(3, 4\)"),
        (np.ones(4), ValueError, r"square matrix, got shape \(4,\)"),
        (np.ones((0, 0)), ValueError, "square matrix"),
        (np.array([["a", "b"], ["c", "d"]]), TypeError, "expected numbers"),
        (sla.aslinearoperator(A), TypeError, "LinearOperator"),
    ],
)
def test_bad_matrices(matrix: object, error: type[Exception], message: str) -> None:
    b = np.ones(20)
    for call in (
        lambda: sor(matrix, b),
        lambda: solve(matrix, b, "ssor_cg"),
        lambda: Splitting.of(matrix),
        lambda: ssor_preconditioner(matrix),
        lambda: jacobi_radius(matrix),
    ):
        with pytest.raises(error, match=message):
            call()


def test_a_diagonal_that_is_small_but_not_tiny_beside_its_row_passes() -> None:
    assert Splitting.of(_with(7, 7, 2.3e-16)).diagonal[7] == 2.3e-16  # others in the row are 1


def test_a_zero_row_of_a_sparse_matrix_is_named() -> None:
    empty = A.tolil()
    empty[5] = 0
    with pytest.raises(ValueError, match="row 5 is zero"):
        sor(empty.tocsr(), B)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"b": np.ones(19)}, ValueError, r"b: expected shape \(20,\)"),
        ({"b": np.ones((20, 2, 2))}, ValueError, "b: expected shape"),
        ({"b": np.r_[np.ones(19), math.nan]}, ValueError, "b: entry 19 is nan"),
        ({"b": np.array(["x"] * 20)}, TypeError, "b: expected numbers"),
        ({"x0": np.ones(21)}, ValueError, "x0: expected shape"),
        ({"x0": np.ones((20, 1))}, ValueError, "x0: expected shape"),
        ({"x0": np.full(20, math.inf)}, ValueError, "x0: entry 0 is inf"),
        ({"x0": np.full(20, 1j)}, TypeError, "x0 is complex"),
        ({"omega": 0.0}, ValueError, r"omega=0.0: expected a number in \(0, 2\)"),
        ({"omega": 2}, ValueError, "omega=2"),
        ({"omega": math.nan}, ValueError, "omega=nan"),
        ({"omega": "1"}, TypeError, "omega='1'"),
        ({"rtol": -1e-5}, ValueError, "rtol=-1e-05"),
        ({"rtol": math.nan}, ValueError, "rtol=nan"),
        ({"rtol": -(10**400)}, ValueError, r"rtol=-10+\.\.\. \(402 characters\)"),
        ({"atol": None}, ValueError, "atol=None"),
        ({"maxiter": -1}, ValueError, "maxiter=-1"),
        ({"maxiter": 2.5}, TypeError, "maxiter=2.5"),
        ({"rtol": 0.0, "atol": 0.0}, ValueError, "give maxiter"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    call = {"b": B, **arguments}
    for function in (sor, ssor, ssor_cg):
        with pytest.raises(error, match=message):
            function(A, **call)
    with pytest.raises(error, match=message):
        solve(A, **call)


@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_an_infinite_tolerance_stops_at_once(name: str) -> None:
    """As in SciPy; so does an int that no float holds."""
    for value in (math.inf, 10**400):
        assert solve(A, B, **{name: value}).iterations == 0


def test_defaults_are_those_that_are_named() -> None:
    """Gauss-Seidel, to a relative residual of 1e-5; slow enough that a hundredth of it shows."""
    rhs = np.random.default_rng(0).normal(size=400)
    slow = Stencil.laplacian(20, 20)
    usual = solve(slow, rhs)
    assert usual.iterations == solve(slow, rhs, "sor", 1.0, rtol=1e-5, atol=0.0).iterations
    assert usual.iterations > solve(slow, rhs, "sor", 1.0, rtol=1.01e-5).iterations
    np.testing.assert_array_equal(
        ssor_preconditioner(slow) @ rhs, ssor_preconditioner(slow, 1.0) @ rhs
    )


def test_bad_choices() -> None:
    for bad in (
        {"method": "jacobi"},
        {"sweep": "sideways"},
        {"relative_to": "x"},
        {"method": "ssor_cg", "sweep": "backward"},
        {"method": "ssor", "omega": Adaptive()},
        {"method": "ssor_cg", "omega": Adaptive()},
    ):
        with pytest.raises(ValueError, match=next(reversed(bad))):
            solve(A, B, **bad)
    for settings in ({"start": 2.0}, {"exponent": 0.0}, {"wait": 1}, {"settled": 0.0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            Adaptive(**settings)
    with pytest.raises(ValueError, match="x0='bM'"):
        ssor_cg(A, B, "bM")
    with pytest.raises(TypeError, match="complex"):
        solve(Splitting.of(A), B * 1j)


def test_methods_that_need_symmetry_refuse_other_matrices() -> None:
    lopsided, negative = _with(2, 3, -0.9), -A
    for call in (
        lambda M: solve(M, B, "ssor_cg"),
        lambda M: solve(M, B, "cg"),
        lambda M: ssor_cg(M, B),
        ssor_preconditioner,
        jacobi_radius,
    ):
        with pytest.raises(ValueError, match="not symmetric"):
            call(lopsided)
        with pytest.raises(ValueError, match="row 0 is -4"):
            call(negative)
    assert solve(lopsided, B).converged
    large = Stencil.laplacian(60, 60).tocsr()
    large[1000, 1001] *= 1.001  # one entry of eighteen thousand, by a thousandth
    assert not Splitting.of(large).is_symmetric
    assert not Stencil((4, 5), 4.0, -1.0, -1.1, -1.0, -1.0).splitting.is_symmetric


def test_bad_stencils() -> None:
    for arguments, message in (
        (((0, 5), 4, -1, -1, -1, -1), "shape, lines=0"),
        (((4, 5), 0, -1, -1, -1, -1), "row 0 is zero"),
        (((4, 5), 4, math.nan, -1, -1, -1), "west=nan"),
        (((4, 5), 4, -1, np.ones((5, 4)), -1, -1), "east: expected a number or shape"),
        (((4, 5), np.where(np.arange(20).reshape(4, 5) == 7, 0, 4), -1, -1, -1, -1), "row 7"),
        (((4, 5), 4, -1, -1, np.full((4, 5), np.inf), -1), "south: entry 0, 0 is inf"),
    ):
        with pytest.raises(ValueError, match=message):
            Stencil(*arguments)


def test_bad_tables() -> None:
    grid = Stencil.laplacian(2, 2)
    good = {"shifts": [0.0], "omegas": [1.0], "bs": np.ones((1, 4))}
    assert count_sor(grid, **good).shape == (1, 1)
    for bad, message in (
        ({"shifts": [0.0, 1.0]}, "bs"),
        ({"shifts": [math.nan]}, "shifts"),
        ({"shifts": [-4.0]}, "problem 0 is zero"),
        ({"omegas": [1.0, 2.0]}, "omegas"),
        ({"omegas": [[1.0], [1.0]]}, "omegas"),
        ({"bs": np.ones((1, 5))}, "bs"),
        ({"bs": np.full((1, 4), np.inf)}, "bs"),
        ({"rtol": 0.0}, "rtol"),
        ({"maxiter": -1}, "maxiter"),
    ):
        with pytest.raises(ValueError, match=message):
            count_sor(grid, **{**good, **bad})
    varying = Stencil((2, 2), np.full((2, 2), 4.0), -1, -1, -1, -1)
    with pytest.raises(ValueError, match="constant"):
        count_sor(varying, **good)
