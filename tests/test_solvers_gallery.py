"""The gallery: closed forms of its matrices, orders of accuracy, how its families are walked."""

import gzip
import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ritard.solvers.linear.gallery import (
    HIGH_VARIANCE,
    LOW_VARIANCE,
    Beta,
    Heat,
    LogUniform,
    Parametric,
    Shift,
    VariableHeat,
    anisotropic,
    convection_diffusion,
    laplacian,
    nine_point,
    read_matrix,
)
from scipy.io import mmwrite
from scipy.sparse import coo_array, csr_array, random_array
from scipy.sparse.linalg import spsolve
from scipy.stats import chi2, kstest, loguniform
from tables import checked


def waves(size):
    """Eigenvalues of tridiag(-1, 2, -1), in closed form."""
    return 4 * np.sin(np.arange(1, size + 1) * np.pi / (2 * (size + 1))) ** 2


def spectrum(matrix):
    return np.linalg.eigvalsh(matrix.toarray())


def jacobi_radius(matrix):
    dense = matrix.toarray()
    return np.abs(np.linalg.eigvals(np.eye(len(dense)) - dense / dense.diagonal()[:, None])).max()


# ---- matrices --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (7,), (4, 6), (3, 1), (3, 4, 5)])
def test_the_laplacian_has_its_closed_form_spectrum(shape):
    sums = [sum(parts) for parts in itertools.product(*map(waves, shape))]
    np.testing.assert_allclose(spectrum(laplacian(*shape)), sorted(sums), atol=1e-12)


def test_rows_of_the_grid_are_contiguous():
    matrix = laplacian(2, 3).toarray()
    assert matrix[0, 1] == -1 and matrix[2, 3] == 0 and matrix[0, 3] == -1


@pytest.mark.parametrize(("shift", "radius"), [(-0.15, 0.9969), (0, 0.9595), (0.45, 0.8625)])
def test_shifted_laplacians_have_the_papers_jacobi_radii(shift, radius):
    matrix = Shift(laplacian(10, 10))(shift)
    assert jacobi_radius(matrix) == pytest.approx(4 * np.cos(np.pi / 11) / (4 + shift))
    assert jacobi_radius(matrix) == pytest.approx(radius, abs=5e-5)


def test_the_nine_point_laplacian():
    matrix, (rows, columns) = nine_point(5, 4), (waves(5), waves(4))
    expected = [6 * (r + c) - r * c for r in rows for c in columns]
    np.testing.assert_allclose(spectrum(matrix), sorted(expected), atol=1e-12)
    assert nine_point(3, 3).toarray()[4].tolist() == [-1, -4, -1, -4, 20, -4, -1, -4, -1]


def test_anisotropy_along_the_axes():
    expected = sorted(c + 0.01 * r for r in waves(4) for c in waves(6))
    np.testing.assert_allclose(spectrum(anisotropic(4, 6, 0.01)), expected, atol=1e-12)
    turned = sorted(0.01 * c + r for r in waves(4) for c in waves(6))
    np.testing.assert_allclose(spectrum(anisotropic(4, 6, 0.01, math.pi / 2)), turned, atol=1e-12)


def smooth(m):
    """u, u_x, u_y, u_xx, u_xy, u_yy of x^2 (1 - x) sin(pi y) on an m x m inner grid."""
    line = np.arange(1, m + 1) / (m + 1)
    y, x = (a.ravel() for a in np.meshgrid(line, line, indexing="ij"))
    p, dp, ddp = x**2 * (1 - x), 2 * x - 3 * x**2, 2 - 6 * x
    s, ds, dds = np.sin(np.pi * y), np.pi * np.cos(np.pi * y), -(np.pi**2) * np.sin(np.pi * y)
    return p * s, dp * s, p * ds, ddp * s, dp * ds, p * dds


def order(error):
    return np.log2(error(15) / error(31))


def interior(values, m):
    """Away from the boundary, beyond which the mixed difference takes zero for the values."""
    return np.abs(values.reshape(m, m)[1:-1, 1:-1]).max()


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.0])
def test_anisotropic_diffusion_is_of_second_order(angle):
    c, s, eps = math.cos(angle), math.sin(angle), 0.1

    def error(m):
        u, _, _, xx, xy, yy = smooth(m)
        exact = (c * c + eps * s * s) * xx + 2 * (1 - eps) * c * s * xy + (s * s + eps * c * c) * yy
        return interior((m + 1) ** 2 * (anisotropic(m, m, eps, angle) @ u) + exact, m)

    assert order(error) == pytest.approx(2, abs=0.1)
    assert spectrum(anisotropic(8, 8, 1e-3, angle)).min() > 0


@pytest.mark.parametrize("angle", [0.3, 2.0, 4.0])
def test_convection_is_of_first_order_and_an_m_matrix(angle):
    def error(m):
        u, ux, uy, xx, _, yy = smooth(m)
        exact = -xx - yy + 20 * (math.cos(angle) * ux + math.sin(angle) * uy)
        return interior((m + 1) ** 2 * (convection_diffusion(m, m, 20, angle) @ u) - exact, m)

    assert order(error) == pytest.approx(1, abs=0.25)
    dense = convection_diffusion(5, 5, 1e4, angle).toarray()
    assert (dense - np.diag(dense.diagonal()) <= 0).all()
    assert (dense.sum(1) >= -1e-9).all() and not np.allclose(dense, dense.T)
    assert abs(convection_diffusion(4, 5, 0) - laplacian(4, 5)).max() == 0


@pytest.mark.parametrize("wind", [(), (2.0,)])
def test_convection_is_what_upwind_differences_of_its_wind_give(wind):
    """Point by point on 3 lines of 4, with h = 1 / 5; pi / 6 is the usual direction."""
    rows, columns, peclet = 3, 4, 30.0
    angle = wind[0] if wind else math.pi / 6
    x, y = peclet / 5 * math.cos(angle), peclet / 5 * math.sin(angle)
    A = np.zeros((rows * columns, rows * columns))
    for j, i in itertools.product(range(rows), range(columns)):
        me = j * columns + i
        A[me, me] = 4 + abs(x) + abs(y)
        for dj, di, speed in ((0, -1, x), (0, 1, -x), (-1, 0, y), (1, 0, -y)):
            if 0 <= j + dj < rows and 0 <= i + di < columns:
                A[me, (j + dj) * columns + i + di] = -1 - max(speed, 0)
    found = convection_diffusion(rows, columns, peclet, *wind).toarray()
    np.testing.assert_allclose(found, A, rtol=1e-14)


# ---- independent systems ---------------------------------------------------------------------


def same(first, second):
    assert abs(first.A - second.A).max() == 0
    assert np.array_equal(first.b, second.b) and first.context == second.context


@pytest.fixture
def family():
    return Parametric(Shift(laplacian(10, 10)), LOW_VARIANCE, length=50, seed=3)


def test_a_family_is_a_sequence_that_repeats_itself(family):
    systems = list(family)
    assert len(systems) == len(family) == 50
    for index in (0, 7, -1):
        same(family[index], systems[index])
    again = Parametric(Shift(laplacian(10, 10)), LOW_VARIANCE, length=50, seed=3)
    for found, expected in zip(again[5:40:7], systems[5:40:7], strict=True):
        same(found, expected)
    same(family[10:][3:8][-1], systems[17])
    assert len(family[60:]) == 0 == len(list(family[60:]))
    same(next(pickle.loads(pickle.dumps(family)).systems(49)), systems[49])
    same(Parametric(family.matrix, LOW_VARIANCE, 70, 3)[49], systems[49])  # a longer one
    assert not np.array_equal(Parametric(family.matrix, LOW_VARIANCE, 50, 4)[0].b, systems[0].b)


def test_shifted_systems_are_a_plus_c_times_the_direction():
    base, direction = nine_point(4, 4), np.linspace(1, 2, 16)
    for system in Parametric(Shift(base, direction), LogUniform(0.01, 10), length=5):
        expected = base.toarray() + 10**system.context * np.diag(direction)
        np.testing.assert_allclose(system.A.toarray(), expected, rtol=1e-14)


def test_log_uniform_parameters_are_scipys():
    """All of the distribution within the 0.1 % point of Kolmogorov and Smirnov's statistic."""
    drawn = LogUniform(1e-3, 1e3).draw(np.random.default_rng(0), 200_000)
    gap = kstest(drawn, loguniform(1e-3, 1e3).cdf).statistic
    assert gap < 1.95 / math.sqrt(200_000)
    assert 0.999e-3 < drawn.min() < 1.001e-3 and 0.999e3 < drawn.max() < 1.001e3


@pytest.mark.parametrize(("beta", "variance"), [(LOW_VARIANCE, 1 / 48), (HIGH_VARIANCE, 1 / 16)])
def test_the_papers_contexts(beta, variance):
    """Both have the mean -.15 + .6/4 = 0 and .36 times the variance of their Beta."""
    drawn = beta.draw(np.random.default_rng(0), 400_000)
    assert drawn.mean() == pytest.approx(0, abs=4 * 0.6 * math.sqrt(variance / 4e5))
    assert drawn.var() == pytest.approx(0.36 * variance, rel=0.01)
    assert LOW_VARIANCE.context_range == HIGH_VARIANCE.context_range == (-0.15, 0.45)


def test_right_hand_sides_are_normal_given_their_norm():
    n, count = 20, 4000
    family = Parametric(Shift(laplacian(n)), LOW_VARIANCE, length=count)
    b = np.array([system.b for system in family])
    squared = (b**2).sum(1)
    assert squared.max() <= n
    mean = n * chi2.cdf(n, n + 2) / chi2.cdf(n, n)  # of a truncated chi-squared variable
    assert squared.mean() == pytest.approx(mean, abs=4 * squared.std() / math.sqrt(count))
    assert abs(b.mean()) < 4 / math.sqrt(n * count)


@checked
@given(st.integers(0, 49), st.integers(1, 9), st.integers(0, 60))
def test_any_start_of_any_slice(first, step, start):
    family = Parametric(Shift(laplacian(3)), HIGH_VARIANCE, length=50)
    part = family[first::step]
    start = min(start, len(part))
    found = [s.context for s in part.systems(start)]
    assert found == [s.context for s in family][first::step][start:]


# ---- heat ------------------------------------------------------------------------------------


def k(t):
    return max(0.1 * math.sin(2 * math.pi * t), -10 * math.sin(2 * math.pi * t))


def plain_bump(x, y, a, b, radius):
    d = min(1.0, math.hypot(x - a, y - b) ** 2 / radius**2)
    return math.exp(1 - 1 / (1 - d)) if d < 1 else 0.0


def on_grid(nx, function):
    return np.array([function(i / nx, j / nx) for j in range(1, nx) for i in range(1, nx)])


def by_hand(nx, dt, steps):
    """The heat equation once more, dense and point by point: (A, b, context) of each step."""
    D = nx**2 * laplacian(nx - 1, nx - 1).toarray()
    u, eye = on_grid(nx, lambda x, y: plain_bump(x, y, 0.5, 0.5, 0.25)), np.eye((nx - 1) ** 2)
    for step in range(steps):
        t, h = step * dt, (step + 0.5) * dt
        a, b = (0.5 + f(16 * math.pi * h) / 4 for f in (math.cos, math.sin))
        f = 32 * on_grid(nx, lambda x, y, a=a, b=b: plain_bump(x, y, a, b, 0.125))
        A, right = eye + dt / 2 * k(h) * D, u - dt / 2 * k(h) * D @ u + dt * f
        yield A, right, k(t)
        u = np.linalg.solve(A, right)


def test_heat_is_the_papers_problem():
    # Steps of .05 go through fast and slow phases; seven of .013 place the source unevenly.
    for nx, dt, steps in ((9, 0.05, 20), (12, 0.013, 7)):
        expected = by_hand(nx, dt, steps)
        for system, (A, b, context) in zip(Heat(nx, steps, dt), expected, strict=True):
            np.testing.assert_allclose(system.A.tocsr().toarray(), A, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(system.b, b, rtol=1e-10, atol=1e-13)
            assert system.context == pytest.approx(context, abs=1e-15)


def test_the_context_lies_in_its_range_and_reaches_its_end():
    contexts = [Heat().context(step) for step in range(5000)]
    assert min(contexts) == pytest.approx(0, abs=1e-12) and max(contexts) == pytest.approx(10)
    assert contexts[250] == pytest.approx(0.1)
    assert Heat().context_range == (0.0, 10.0)


def variable_by_hand(nx, dt, contrast, radius, t):
    """I - dt/2 div(k grad) at time t, from each face's k."""
    angle, n = 2 * math.pi * t, nx - 1
    a, b = 0.5 + math.cos(angle) / 4, 0.5 + math.sin(angle) / 4
    A = np.eye(n * n)
    for j, i in itertools.product(range(1, nx), repeat=2):
        me = (j - 1) * n + i - 1
        for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            x, y = (i + di / 2) / nx, (j + dj / 2) / nx
            face = k(t) * contrast ** plain_bump(x, y, a, b, radius) * dt / 2 * nx**2
            A[me, me] += face
            if 1 <= i + di < nx and 1 <= j + dj < nx:
                A[me, (j + dj - 1) * n + i + di - 1] -= face
    return A


def test_variable_heat_has_the_fluxes_of_its_faces():
    family = VariableHeat(nx=8, steps=20, dt=0.05, contrast=50.0, radius=0.3)
    u = family.x0
    for step, system in enumerate(family):
        A = variable_by_hand(8, 0.05, 50.0, 0.3, (step + 0.5) * 0.05)
        np.testing.assert_allclose(system.A.tocsr().toarray(), A, rtol=1e-12, atol=1e-12)
        b = 2 * u - A @ u + 0.05 * family.source((step + 0.5) * 0.05)
        np.testing.assert_allclose(system.b, b, rtol=1e-9, atol=1e-12)
        u = np.linalg.solve(A, system.b)


def test_defaults_are_those_that_are_named():
    assert VariableHeat() == VariableHeat(25, 5000, 1e-3, contrast=100.0, radius=0.25)
    assert Beta(2, 6) == Beta(2, 6, low=0.0, high=1.0)


def test_without_contrast_variable_heat_is_heat():
    for first, second in zip(VariableHeat(10, 8, 0.1, contrast=1.0), Heat(10, 8, 0.1), strict=True):
        np.testing.assert_allclose(
            first.A.tocsr().toarray(), second.A.tocsr().toarray(), rtol=1e-13
        )
        np.testing.assert_allclose(first.b, second.b, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("family", [Heat(9, 30, 0.04), VariableHeat(9, 30, 0.04)])
class TestFollowing:
    def test_sent_solutions_are_what_the_next_system_starts_from(self, family):
        walk = family.systems()
        system = next(walk)
        for step in range(1, 5):
            x = np.cos(np.arange(64) + step)
            following = walk.send(x)
            source = family.dt * family.source((step + 0.5) * family.dt)
            expected = 2 * x - following.A.tocsr() @ x + source
            np.testing.assert_allclose(following.b, expected, rtol=1e-13)
            assert not np.array_equal(following.b, system.b)
            system = following
        with pytest.raises(
            ValueError, match=r"x: expected a solution of shape \(64,\), got \(3,\)"
        ):
            walk.send(np.ones(3))

    def test_exact_solutions_sent_change_nothing(self, family):
        walk, found = family.systems(), []
        system = next(walk)
        for _ in range(29):
            found.append(system)
            system = walk.send(spsolve(system.A.tocsr(), system.b))
        for sent, exact in zip([*found, system], family, strict=True):
            np.testing.assert_allclose(sent.b, exact.b, rtol=1e-9, atol=1e-12)

    def test_it_goes_on_from_a_checkpoint(self, family):
        whole = list(family)
        x = spsolve(whole[9].A.tocsr(), whole[9].b)
        for known in (x, None):
            for found, expected in zip(family.systems(10, known), whole[10:], strict=True):
                np.testing.assert_allclose(found.b, expected.b, rtol=1e-9, atol=1e-12)

    def test_slices(self, family):
        whole = list(family)
        for part, chosen in ((family[4:9], whole[4:9]), (family[3::7], whole[3::7])):
            for found, expected in zip(part, chosen, strict=True):
                np.testing.assert_allclose(found.b, expected.b, rtol=1e-9, atol=1e-12)
            last = spsolve(chosen[1].A.tocsr(), chosen[1].b)
            for found, expected in zip(part.systems(2, last), chosen[2:], strict=True):
                np.testing.assert_allclose(found.b, expected.b, rtol=1e-9, atol=1e-12)
        before = spsolve(whole[3].A.tocsr(), whole[3].b)
        np.testing.assert_allclose(family[4:].x0, before, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(family[4].b, whole[4].b, rtol=1e-12)


def test_independent_systems_start_from_zero(family):
    assert family.x0 is None and family[3:].x0 is None
    walk = family.systems()
    next(walk)
    same(walk.send(np.ones(100)), family[1])


# ---- files -----------------------------------------------------------------------------------


def test_matrices_are_read_from_files(tmp_path):
    lower = random_array((12, 12), density=0.3, rng=np.random.default_rng(0), format="csr")
    matrix = csr_array(lower + lower.T)
    mmwrite(tmp_path / "a.mtx", coo_array(matrix), symmetry="symmetric")
    (tmp_path / "b.mtx.gz").write_bytes(gzip.compress((tmp_path / "a.mtx").read_bytes()))
    mmwrite(tmp_path / "c.mtx", matrix.toarray())
    for name in ("a.mtx", "b.mtx.gz", "c.mtx"):
        found = read_matrix(tmp_path / name)
        assert found.format == "csr" and found.dtype == np.float64 and found.has_sorted_indices
        np.testing.assert_array_equal(found.toarray(), matrix.toarray())


def test_other_files_are_refused(tmp_path):
    mmwrite(tmp_path / "wide.mtx", np.ones((2, 3)))
    mmwrite(tmp_path / "complex.mtx", 1j * np.eye(2))
    (tmp_path / "text.mtx").write_text("hello")
    for name, message in (("wide", r"square.*\(2, 3\)"), ("complex", "real"), ("text", "Line 1")):
        with pytest.raises(ValueError, match=message):
            read_matrix(tmp_path / f"{name}.mtx")
    with pytest.raises(OSError):
        read_matrix(tmp_path / "none.mtx")


# ---- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: laplacian(), r"shape=\(\)"),
        (lambda: laplacian(2, 2, 2, 2), r"shape=\(2, 2, 2, 2\)"),
        (lambda: laplacian(3, 0), "size=0"),
        (lambda: anisotropic(3, 3, 0.0), r"epsilon=0\.0"),
        (lambda: convection_diffusion(3, 3, -1.0), r"peclet=-1\.0"),
        (lambda: Beta(0, 1), "a=0"),
        (lambda: Beta(1, 1, 2, 1), "high=1"),
        (lambda: LogUniform(0, 1), "low=0"),
        (lambda: Shift(laplacian(3), np.ones(2)), r"direction: expected shape \(3,\), got \(2,\)"),
        (lambda: Shift(csr_array(np.array([[1.0, 1], [1, 0]]))), "row 1"),
        (lambda: Parametric(Shift(laplacian(3)), LOW_VARIANCE, length=0), "length=0"),
        (lambda: Parametric(Shift(laplacian(3)), LOW_VARIANCE, seed=-1), "seed=-1"),
        (lambda: Heat(nx=1), "nx=1"),
        (lambda: Heat(steps=0), "steps=0"),
        (lambda: Heat(dt=0.0), r"dt=0\.0"),
        (lambda: VariableHeat(contrast=0.0), r"contrast=0\.0"),
        (lambda: VariableHeat(radius=-1), "radius=-1"),
        (lambda: Heat()[::-1], "forward"),
        (lambda: next(Heat(steps=3).systems(4)), "start=4"),
        (lambda: next(Heat().systems(0, np.ones(5))), r"\(576,\), got \(5,\)"),
        (lambda: next(Heat(nx=2).systems(1, np.array([np.nan]))), "x: entry 0 is nan"),
        (lambda: Shift(np.ones((2, 3))), r"A: expected a square matrix, got shape \(2, 3\)"),
        (lambda: Shift(np.eye(2), [1, np.inf]), "direction: entry 1 is inf"),
        (lambda: Shift(np.eye(2))(np.nan), "shift=nan"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(IndexError):
        Heat(steps=3)[3]
    for call in (
        lambda: next(Heat(nx=2).systems(1, np.array([1j]))),
        lambda: Shift(1j * np.eye(2)),
    ):
        with pytest.raises(TypeError, match=r"(A|x): expected .*real"):
            call()


def test_settings_are_plain_numbers_whatever_they_came_as():
    for make in (
        lambda one: Heat(nx=one(4), steps=one(3), dt=one(1)),
        lambda one: VariableHeat(one(4), one(3), one(1), contrast=one(2), radius=one(1)),
        lambda one: Beta(one(1), one(2), one(3), one(4)),
        lambda one: LogUniform(one(1), one(2)),
    ):
        for one in (np.int64, torch.tensor, np.array):
            assert repr(make(one)) == repr(make(int)) and make(one) == make(int)
    given = Parametric(Shift([[2.0]]), LOW_VARIANCE, np.array(3), torch.tensor(4))
    assert [s.b.tolist() for s in given] == [s.b.tolist() for s in Parametric(
        Shift(csr_array([[2.0]])), LOW_VARIANCE, length=3, seed=4
    )]  # fmt: skip
