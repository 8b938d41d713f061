"""Convergence: each row's global order on a Gaussian mixture, and the closed form of one Gaussian.

The runs here use a plain executor of their own, a dozen lines from the table's definition, which
also checks the library's.
"""

import math

import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    CoefficientTable,
    Discrete,
    Flow,
    GaussianMixture,
    SolverSchedule,
    SolverStep,
    VPCosine,
    VPLinear,
    ddim,
    deis,
    deis_tab,
    dpm_solver_2m,
    dpm_solver_2s,
    dpm_solver_3m,
    dpm_solver_3m_exact,
    dpm_solver_3s,
    dpmpp_2m,
    dpmpp_2s,
    dpmpp_3m,
    dpmpp_3m_exact,
    dpmpp_3s,
    grids,
    heun,
    ipndm,
    lms,
    lower,
    reference,
    sample,
    unipc,
)

NOISE = EDM(t_max=20.0, t_min=0.05)


def mixture(seed, d=8, components=6):
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(components, d, generator=generator, dtype=torch.float64)
    spread = torch.rand(components, generator=generator, dtype=torch.float64) * 0.5 + 0.2
    return GaussianMixture(means, spread**2)


def start(count=32, d=8, sigma=20.0, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return sigma * torch.randn(count, d, generator=generator, dtype=torch.float64)


def table_of(made):
    return lower(made) if isinstance(made, SolverSchedule) else made


def plain_run(table: CoefficientTable, model, x, known=None):
    """All states, from the definition; those in ``known`` are taken instead of computed."""
    known = known or {}
    states, outputs = {0: x}, {}

    def evaluate(j):
        node = table.nodes[j]
        data = model(states[j], node.t)
        outputs[j] = {"data": data, "noise": (states[j] - node.alpha * data) / node.sigma}

    evaluate(0)
    for row in table.rows:
        total = row.scale * states[row.base]
        total = total + sum(c * outputs[j][row.kind] for j, c in row.terms)
        states[row.target] = known.get(row.target, total)
        if row.evaluate:
            evaluate(row.target)
    return states


def geometric(error):
    return float(error.norm(dim=1).log().mean().exp())


@pytest.fixture(scope="module")
def problems():
    """Mixtures with their solutions on a grid of which all the tests' grids are parts."""
    found = []
    for seed in (0,):
        model = mixture(seed).model(NOISE)
        fine = table_of(unipc(NOISE, grids.uniform_lambda(NOISE, 2560), 3))
        found.append((model, start(), plain_run(fine, model, start())))
    return found


def order(problems, make, exact=3, counts=(160, 320)):
    """log2 of the error's ratio, averaged over the problems."""
    slopes = []
    for model, x, solution in problems:
        errors = []
        for count in counts:
            stride = 2560 // count
            known = {j: solution[j * stride] for j in range(1, exact + 1)}
            table = table_of(make(NOISE, grids.uniform_lambda(NOISE, count)))
            last = plain_run(table, model, x, known)[len(table.nodes) - 1]
            errors.append(geometric(last - solution[2560]))
        slopes.append(math.log(errors[0] / errors[1]) / math.log(counts[1] / counts[0]))
    return sum(slopes) / len(slopes)


def taylor(kind, n, **more):
    """Plain multistep rows of one order, ramped."""

    def make(noise, times):
        steps = [
            SolverStep(kind, min(i, n), **(more if i >= n else {})) for i in range(1, len(times))
        ]
        return SolverSchedule(noise, times, steps)

    return make


def kinds(make):
    return [lambda noise, times, k=k: make(noise, times, k) for k in ("noise", "data")]


ORDERS = {
    "ddim": (ddim, 1.0),
    "order 1 noise": (taylor("noise", 1), 1.0),
    "2m": (dpmpp_2m, 2.0),
    "2m noise": (dpm_solver_2m, 2.0),
    "2m heun": (lambda n, t: dpmpp_2m(n, t, "heun"), 2.0),
    "2 linear": (taylor("data", 2, scaling=0.3), 2.0),
    "2 pexp": (taylor("noise", 2, scaling="pexp"), 2.0),
    "2 mexp": (taylor("data", 2, scaling="mexp"), 2.0),
    "3m shipped": (dpmpp_3m, 2.0),
    "3m shipped noise": (dpm_solver_3m, 2.0),
    "3m exact": (dpmpp_3m_exact, 3.0),
    "3m exact noise": (dpm_solver_3m_exact, 3.0),
    "deis-3": (deis, 3.0),
    "3 low order": (taylor("data", 3, points=1), 2.0),
    "3 low order noise": (taylor("noise", 3, points=1), 2.0),
    "3 scaled": (taylor("data", 3, scaling="bh2"), 2.0),
    "unipc-1": (lambda n, t: unipc(n, t, 1), 2.0),
    "unipc-1 noise": (lambda n, t: unipc(n, t, 1, "noise"), 2.0),
    "unipc-2": (lambda n, t: unipc(n, t, 2), 3.0),
    "unipc-2 noise": (lambda n, t: unipc(n, t, 2, "noise", "bh1"), 3.0),
    "unipc-2 vary": (lambda n, t: unipc(n, t, 2, variant="vary_coeff"), 3.0),
    "lms-3": (lambda n, t: lms(n, t, 3), 3.0),
    "tab-3": (lambda n, t: deis_tab(n, t, 3), 3.0),
}


@pytest.mark.parametrize("name", ORDERS)
def test_global_order_from_exact_starting_values(name, problems):
    make, expected = ORDERS[name]
    assert order(problems, make) == pytest.approx(expected, abs=0.25)


@pytest.mark.parametrize(
    "make",
    [
        taylor("data", 4),
        taylor("noise", 4),
        lambda n, t: unipc(n, t, 3),
        lambda n, t: unipc(n, t, 3, "noise"),
    ],
    ids=["order 4", "order 4 noise", "unipc-3", "unipc-3 noise"],
)
def test_fourth_order(make, problems):
    assert order(problems, make) >= 3.5


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (dpm_solver_2s, 2.0),
        (dpmpp_2s, 2.0),
        (lambda n, t: dpmpp_2s(n, t, "heun"), 2.0),
        (dpm_solver_3s, 3.0),
        (dpmpp_3s, 3.0),
        (lambda n, t: dpm_solver_3s(n, t, "heun"), 3.0),
        (lambda n, t: dpmpp_3s(n, t, "original"), 3.0),
    ],
)
def test_singlestep_order_from_nothing(make, expected, problems):
    model, x, solution = problems[0]
    errors = []
    for count in (84, 336):
        table = table_of(make(NOISE, grids.uniform_lambda(NOISE, count)))
        errors.append(geometric(sample(model, x, table) - solution[2560]))
    assert math.log(errors[0] / errors[1], 4) == pytest.approx(expected, abs=0.35)


def test_heun_is_of_second_order(problems):
    model, x, solution = problems[0]
    errors = [
        geometric(sample(model, x, heun(NOISE, grids.edm_rho(NOISE, n))) - solution[2560])
        for n in (80, 160)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.3)


def test_constant_weights_lose_order_on_uneven_steps(problems):
    """Those of iPNDM assume equal steps in sigma: first order here, but a useful one."""
    model, x, solution = problems[0]
    ends = [
        geometric(sample(model, x, ipndm(NOISE, grids.edm_rho(NOISE, n))) - solution[2560])
        for n in (20, 40)
    ]
    euler = geometric(
        sample(model, x, lower(ddim(NOISE, grids.edm_rho(NOISE, 40)))) - solution[2560]
    )
    assert ends[1] < ends[0]
    assert ends[1] < euler / 3


@pytest.mark.parametrize("name", ["3m exact", "unipc-2", "2m", "ddim"])
def test_the_executor_equals_the_plain_one(name, problems):
    model, x, _ = problems[0]
    table = table_of(ORDERS[name][0](NOISE, grids.uniform_lambda(NOISE, 12)))
    expected = plain_run(table, model, x)[12]
    assert float((sample(model, x, table) - expected).abs().max()) < 1e-11


# ---- closed forms ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noise",
    [VPLinear(), VPCosine(), EDM(), Flow(), Discrete.from_betas()],
    ids=lambda noise: noise.name,
)
def test_one_gaussian_has_a_closed_form(noise):
    """With y = x / alpha: y(sigma) = mu + sqrt((v + sigma^2) / (v + sigma_T^2)) (y_T - mu)."""
    mu = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)
    v = torch.tensor([[0.3, 1.0, 0.02]], dtype=torch.float64)
    model = GaussianMixture(mu, v).model(noise)
    first = noise.t_max * 0.97
    a, b = noise.node(first), noise.node(noise.t_min)
    x = start(8, 3, float(a.sigma))
    kappa = [(n.sigma / n.alpha) ** 2 for n in (a, b)]
    expected = b.alpha * (mu + ((v + kappa[1]) / (v + kappa[0])).sqrt() * (x / a.alpha - mu))
    times = grids.uniform_lambda(noise, 400, first)
    found = sample(model, x, lower(unipc(noise, times, 3)))
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-7)
    if noise.name in ("edm", "flow"):
        assert torch.allclose(reference(model, x, first), expected, rtol=1e-8, atol=1e-8)


INVARIANT = {
    "2m": dpmpp_2m,
    "3m": dpmpp_3m_exact,
    "order 3 noise": deis,
    "unipc-3": lambda n, t: unipc(n, t, 3),
    "3s": dpmpp_3s,
    "2s noise": dpm_solver_2s,
    "ipndm": ipndm,
    "lms": lms,
    "heun": heun,
}


@pytest.mark.parametrize("name", INVARIANT)
def test_all_noise_schedules_give_the_same_path(name):
    """The path x / alpha depends on the lambdas alone: VP, cosine, EDM and flow agree."""
    data = mixture(2)
    lambdas = [-2.5 + 0.35 * j + 0.015 * j**2 for j in range(13)]
    found = []
    for noise in (VPLinear(), VPCosine(), EDM(), Flow(), Discrete.from_betas()):
        times = [float(noise.time_at(lam)) for lam in lambdas]
        a, b = noise.node(times[0]), noise.node(times[-1])
        x = start(16, sigma=math.exp(2.5)) * a.alpha
        found.append(
            sample(data.model(noise), x, table_of(INVARIANT[name](noise, times))) / b.alpha
        )
    for other in found[1:]:
        assert float((other - found[0]).norm() / found[0].norm()) < 1e-11


def test_order_one_is_the_same_in_noise_and_data():
    noise = VPLinear()
    times = grids.quadratic_t(noise, 9)
    model = mixture(3).model(noise)
    ends = [
        sample(model, start(8, sigma=1.0), lower(taylor(kind, 1)(noise, times)))
        for kind in ("noise", "data")
    ]
    assert torch.allclose(*ends, rtol=1e-12, atol=1e-14)


def test_ipndm_of_order_two_is_a_scaled_taylor_step():
    """R_1 = bh2 (lambda_s - lambda_prev) / h turns order 2 into Adams-Bashforth's (3, -1) / 2."""
    noise, times = VPLinear(), grids.quadratic_t(VPLinear(), 2)
    row = ipndm(noise, times, 2).rows[1]
    lam = [float(noise.lambda_at(t)) for t in times]
    h, before = lam[2] - lam[1], lam[1] - lam[0]
    bh2 = h / 2 * math.expm1(h) / (math.expm1(h) - h)
    factor = bh2 * before / h
    scaled = lower(
        SolverSchedule(
            noise, times, (SolverStep("noise"), SolverStep("noise", 2, scaling=(factor - 1) / h))
        )
    ).rows[1]
    assert dict(scaled.terms) == pytest.approx(dict(row.terms), rel=1e-12)
