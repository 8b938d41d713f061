"""Relaxation studies: tables of costs, and the reference's iteration counts."""

import numpy as np
import pytest
from ritard.experiments.relax.problems import get_problem, problem_names
from ritard.experiments.relax.tabulate import Solver, tabulate
from ritard.solvers.linear.gallery import Heat, VariableHeat, laplacian
from scipy.sparse import diags_array, tril
from scipy.sparse.linalg import splu


def flipped(vector):
    """In the reverse order of unknowns, in which forward-backward sweeps are backward-forward."""
    return vector[::-1].copy()


def total(family, omega, method="ssor_cg", flip=False):
    """Iterations over a heat equation, each step starting from the solution of the last."""
    solver, turn = Solver(method), flipped if flip else np.array
    walk, x, count = family.systems(), family.x0, 0
    system = next(walk)
    for step in range(len(family)):
        # The constant coefficient makes A its own flip.
        solution = solver(system.A, turn(system.b), omega, turn(x))
        x, count = turn(solution.x), count + solution.iterations
        if step + 1 < len(family):
            system = walk.send(x)
    return count


def plain_ssor_cg(A, b, x, omega, rtol=1e-8):
    """Textbook CG; the preconditioner's triangles factored by SuperLU."""
    diagonal = A.diagonal()
    left = diags_array(diagonal) + omega * tril(A, -1)
    options = {"permc_spec": "NATURAL", "diag_pivot_thresh": 0.0}
    lower, upper = (splu(M.tocsc(), **options) for M in (left, left.T))
    r, p, rho, count = b - A @ x, None, 1.0, 0
    while np.linalg.norm(r) > rtol * np.linalg.norm(b):
        z = upper.solve(diagonal * lower.solve(r))
        rho, before = r @ z, rho
        p = z if p is None else z + rho / before * p
        alpha = rho / (p @ (A @ p))
        x, r, count = x + alpha * p, r - alpha * (A @ p), count + 1
    return x, count


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("omega", [1.0, 1.5])
def test_counts_of_heat_are_those_of_a_textbook_solver(omega, flip):
    family, turn = Heat(nx=25)[590:620], flipped if flip else np.array
    walk, x, expected = family.systems(), family.x0, 0
    system = next(walk)
    for step in range(len(family)):
        x, count = plain_ssor_cg(system.A.tocsr(), turn(system.b), turn(x), omega)
        x, expected = turn(x), expected + count
        if step + 1 < len(family):
            system = walk.send(x)
    assert total(family, omega, flip=flip) == expected > 250


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "omega", "flip", "expected"),
    [
        ("cg", 1.0, False, 85422),
        ("ssor_cg", 1.0, True, 32800),
        ("ssor_cg", 1.5, True, 32296),
        ("ssor_cg", 1.4, True, 29454),
        ("ssor_cg", 1.0, False, 32793),
        ("ssor_cg", 1.5, False, 32318),
        ("ssor_cg", 1.4, False, 29413),
    ],
)
def test_totals_of_heat_are_the_references(method, omega, flip, expected):
    """Of 5000 steps at nx = 25, as the paper's authors' program counts them."""
    assert total(Heat(nx=25), omega, method, flip) == expected


# ---- tables of costs -------------------------------------------------------------------------

OMEGAS = [1.0, 1.3, 1.6]


def whole(*arguments):
    return list(tabulate(*arguments))[-1]


@pytest.mark.parametrize("name", ["shifted-high", "variable-heat"])
def test_a_table_holds_what_each_solve_takes(name, tmp_path, monkeypatch):
    monkeypatch.setattr("ritard.experiments.relax.tabulate.CHUNK", 3)
    family = get_problem(name).build(8, 8, 1)
    solver = Solver("sor" if name == "shifted-high" else "ssor_cg")
    table = whole(family, solver, OMEGAS, tmp_path / "t.npz", name)
    x = family.x0
    for number, system in enumerate(family):
        for place, omega in enumerate(OMEGAS):
            count = solver(system.A, system.b, omega, x).iterations
            # Where systems follow from each other, trajectories agree to solver tolerance alone.
            assert abs(table.counts[number, place] - count) <= (x is not None)
        assert table.contexts[number] == system.context
        x = None if x is None else splu(system.A.tocsr().tocsc()).solve(system.b)
    best = OMEGAS[table.counts.sum(0).argmin()]
    assert table.best_fixed == (best, table.counts.sum(0).min())
    assert table.least == sum(min(row) for row in table.counts.tolist())


@pytest.mark.parametrize("name", ["shifted-low", "variable-heat"])
def test_a_killed_table_goes_on_where_it_was(name, tmp_path, monkeypatch):
    monkeypatch.setattr("ritard.experiments.relax.tabulate.CHUNK", 3)
    family, solver = get_problem(name).build(8, 8, 1), Solver()
    expected = whole(family, solver, OMEGAS, tmp_path / "whole.npz", name)
    path = tmp_path / "part.npz"
    parts = tabulate(family, solver, OMEGAS, path, name)
    assert len(next(parts).counts) == 3 and len(next(parts).counts) == 6
    parts.close()

    seen = []
    monkeypatch.setattr(Solver, "__call__", _counting(Solver.__call__, seen))
    found = whole(family, solver, OMEGAS, path, name)
    assert len(seen) == 2 * len(OMEGAS)
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_array_equal(found.contexts, expected.contexts)
    assert len(list(tabulate(family, solver, OMEGAS, path, name))) == 1
    for other in ((Solver(rtol=1e-6), OMEGAS, name), (solver, [1.0], name), (solver, OMEGAS, "x")):
        with pytest.raises(ValueError, match="it holds"):
            next(tabulate(family, other[0], other[1], path, other[2]))


def _counting(call, seen):
    def counted(*arguments):
        seen.append(1)
        return call(*arguments)

    return counted


def test_a_part_of_a_table(tmp_path):
    table = whole(Heat(6, 3), Solver(), OMEGAS, tmp_path / "t.npz", "heat")
    part = table.only([1.3])
    assert part.counts.tolist() == table.counts[:, 1:2].tolist() and part.omegas.tolist() == [1.3]
    with pytest.raises(ValueError, match=r"1\.4"):
        table.only([1.4])


# ---- problems --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in problem_names() if not n.startswith("spd:")])
def test_problems_are_as_they_say(name):
    problem = get_problem(name)
    system = problem.build(12, 3, 0)[2]
    dense = system.A.tocsr().toarray()
    assert np.allclose(dense, dense.T) == problem.symmetric
    assert np.linalg.eigvals(dense).real.min() > 0  # at nx = 12 the paper's own shifts would fail
    low, high = problem.build(12, 3, 0).context_range
    assert low <= system.context <= high


def test_the_papers_shifts_at_nx_10():
    family = get_problem("shifted-high").build(10, 4, 0)
    assert family.context_range == pytest.approx((-0.15, 0.45))
    assert get_problem("variable-heat").build(9, 4, 0) == VariableHeat(9, 4)


@pytest.mark.parametrize("name", ["shifted-low", "shifted-high", "nine-point"])
def test_shifts_are_the_papers_in_proportion_to_the_least_eigenvalue(name):
    least = [np.linalg.eigvalsh(laplacian(10, 10).toarray())[0]]
    family = get_problem(name).build(7, 4, 0)
    least.append(np.linalg.eigvalsh(family.matrix(0.0).toarray())[0])
    assert family.context_range == pytest.approx(
        [shift * least[1] / least[0] for shift in (-0.15, 0.45)]
    )


@pytest.mark.parametrize("name", ["nosuch", "spd:nosuch", "spd:", ""])
def test_another_problem_is_refused_with_the_names(name):
    with pytest.raises(ValueError, match=r"heat, variable-heat.*spd:bcsstk01"):
        get_problem(name)
