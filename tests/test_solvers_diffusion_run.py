"""Running tables: calls counted, memory, gradients, analytic first steps, models, guidance."""

import math
import weakref
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    ClassifierFree,
    Counted,
    Discrete,
    EmpiricalDenoiser,
    Execution,
    Flow,
    GaussianMixture,
    LowRankMixture,
    Model,
    SolverSchedule,
    SolverStep,
    VPLinear,
    check_prediction,
    ddim,
    deis,
    deis_tab,
    dpmpp_2m,
    dpmpp_2s,
    dpmpp_3m,
    dpmpp_3s,
    from_denoised,
    grids,
    heun,
    ipndm,
    lms,
    lower,
    sample,
    sample_ritard,
    unipc,
)

VP = VPLinear()
PRESETS = [ddim, dpmpp_2m, dpmpp_3m, dpmpp_2s, dpmpp_3s, deis, unipc, ipndm, lms, heun]


def double(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def data(K=5, d=4):
    return GaussianMixture(double(K, d), double(K, seed=1).abs() * 0.2 + 0.05)


def table_of(made):
    return lower(made) if isinstance(made, SolverSchedule) else made


def times(noise=VP, count=6):
    return grids.uniform_lambda(noise, count)


# ---- counting and memory -----------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("clean", [False, True])
def test_the_network_is_called_as_often_as_declared(preset, clean):
    model = data().model(VP)
    counted = Counted(model.network)
    grid = (*times(), VP.clean) if clean else times()
    table = table_of(preset(VP, grid))
    assert torch.isfinite(sample(replace(model, network=counted), double(3, 4), table)).all()
    assert counted.calls == table.nfe


@pytest.mark.parametrize("first", ["zero", "unit", "mean"])
@pytest.mark.parametrize("corrector", ["pseudo", "implicit"])
def test_analytic_first_steps_save_a_call_and_correctors_cost_theirs(first, corrector):
    steps = [SolverStep("data", min(i, 3), corrector=corrector) for i in range(1, 6)]
    steps.append(SolverStep("noise", 2))
    schedule = SolverSchedule(VP, times(), steps, first)
    base = data().model(VP)
    counted = Counted(base.network)
    model = replace(base, network=counted, mean=torch.full((4,), 0.3))
    sample(model, double(3, 4), lower(schedule))
    assert counted.calls == schedule.nfe == 6 - 1 + (5 if corrector == "implicit" else 0)


def test_the_formulas_of_the_analytic_first_step():
    """Order 1 makes x_1 affine in x_T: c = sigma_1 / sigma_T, b = alpha_1 (1 - e^-h) mean."""
    x, mean = double(3, 4), torch.tensor([0.5, -1.0, 0.0, 2.0], dtype=torch.float64)
    a, b = VP.node(1.0), VP.node(0.4)
    model = Model(lambda x, t: x, VP, mean=mean)
    base = SolverSchedule(VP, (1.0, 0.4), (SolverStep(),))
    plain = x * b.sigma / a.sigma
    shift = b.alpha * (1 - math.exp(a.lam - b.lam)) * mean
    root = math.sqrt(a.alpha**2 + a.sigma**2)
    unit = b.alpha / a.alpha * x + (b.sigma - a.sigma * b.alpha / a.alpha) * x / root
    for first, expected in (("zero", plain), ("mean", plain + shift), ("unit", unit)):
        found = sample(model, x, lower(replace(base, first=first)))
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_nothing_is_kept_that_no_later_row_needs():
    """2M needs one state and two outputs, whatever the number of steps."""
    alive, most = weakref.WeakSet(), 0

    def network(x, t):
        nonlocal most
        output = x * 0.1
        alive.add(output)
        most = max(most, len(alive))
        return output

    sample(Model(network, VP, "data"), double(2, 3), lower(dpmpp_2m(VP, times(count=12))))
    assert most <= 3  # the new one, and the two of the last step while it is made


@pytest.mark.parametrize("preset", PRESETS)
def test_the_callers_tensors_and_the_networks_are_left_alone(preset):
    kept = []

    def network(x, t):
        kept.append((x, x.clone()))
        return x  # its own input

    x = double(2, 3)
    before, table = x.clone(), table_of(preset(VP, times()))
    states = []
    found = sample(Model(network, VP, "data"), x, table, lambda i, t, x: states.append((i, t, x)))
    assert torch.equal(x, before)
    assert all(torch.equal(a, b) for a, b in kept)
    # A network that copies gives the same: nothing depended on shared memory.
    again = sample(Model(lambda x, t: x.clone(), VP, "data"), x, table)
    assert torch.equal(found, again)
    assert [i for i, _, _ in states] == list(range(1, table.steps + 1))
    assert torch.equal(states[-1][2], found)
    nodes = [row.target for row in table.rows if row.role == "predict"]
    assert [t for _, t, _ in states] == [table.nodes[j].t for j in nodes]


def test_dtypes_follow_the_input():
    model = Model(lambda x, t: x * 0.5, VP, "data")
    exact = sample(model, double(4, 5), lower(unipc(VP, times(), 3)))
    for dtype, tol in ((torch.float32, 1e-5), (torch.bfloat16, 0.05), (torch.float16, 5e-3)):
        seen = []

        def network(x, t, seen=seen):
            seen.append((x.dtype, t.dtype, t.shape))
            return x * 0.5

        found = sample(
            Model(network, VP, "data"), double(4, 5).to(dtype), lower(unipc(VP, times(), 3))
        )
        assert found.dtype == dtype
        assert set(seen) == {(dtype, torch.float32, (4,))}
        assert float((found.double() - exact).norm() / exact.norm()) < tol


# ---- gradients ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noise", [VP, EDM(t_max=20.0), Discrete.from_betas()], ids=lambda n: n.name
)
def test_gradients_with_respect_to_the_times(noise):
    """Against central differences of the whole run."""
    schedule = unipc(noise, grids.uniform_lambda(noise, 4), 3)
    model, x = data().model(noise), double(6, 4) * noise.node(noise.t_max).sigma

    def loss(grid):
        return sample(model, x, lower(schedule, times=grid)).square().sum()

    grid = [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in schedule.times]
    slopes = torch.autograd.grad(loss(grid), grid[1:-1])
    for j, slope in enumerate(slopes, 1):
        step = 1e-5 * schedule.times[j]
        ends = []
        for sign in (1, -1):
            moved = list(schedule.times)
            moved[j] += sign * step
            ends.append(float(loss(moved)))
        assert slope.item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)


def test_gradients_with_respect_to_free_coefficients():
    table = lower(dpmpp_2m(VP, times(count=3)))
    c = torch.tensor(dict(table.rows[1].terms)[0], dtype=torch.float64, requires_grad=True)
    rows = list(table.rows)
    rows[1] = rows[1]._replace(terms=((1, dict(rows[1].terms)[1]), (0, c)))
    free = replace(table, rows=tuple(rows))
    assert free.requires_grad
    model = data().model(VP)
    found = sample(model, double(3, 4), free).sum()
    (slope,) = torch.autograd.grad(found, c)
    assert slope.item() != 0
    assert torch.allclose(found, sample(model, double(3, 4), table).sum())
    assert not free.detach().requires_grad


def test_no_graph_is_recorded_unless_something_is_learned():
    weight = torch.ones(1, requires_grad=True)
    model = Model(lambda x, t: x * weight, VP, "data")
    assert not sample(model, torch.ones(2, 3), lower(ddim(VP, times()))).requires_grad
    x = torch.ones(2, 3, requires_grad=True)
    assert sample(model, x, lower(ddim(VP, times()))).requires_grad


# ---- models ------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [VP, EDM(t_max=20.0), Flow()], ids=lambda n: n.name)
def test_every_prediction_type_gives_the_same_samples(noise):
    inner = data().model(noise)
    first = noise.t_max * 0.99
    x = double(5, 4) * noise.node(first).sigma

    def network(kind):
        def output(x, t):
            node = noise.node(float(t[0]))
            x0 = inner.network(x, t)
            eps = (x - node.alpha * x0) / node.sigma
            return {
                "noise": eps,
                "data": x0,
                "v": node.alpha * eps - node.sigma * x0,
                "score": -eps / node.sigma,
                "flow": eps - x0,
            }[kind]

        return output

    grid = grids.uniform_lambda(noise, 6, first)
    mixed = [SolverStep(("data", "noise")[i % 2], min(i, 2)) for i in range(1, 7)]
    for table in (lower(dpmpp_2m(noise, grid)), lower(SolverSchedule(noise, grid, mixed))):
        ends = [
            sample(Model(network(kind), noise, kind), x, table)
            for kind in ("noise", "data", "v", "score", "flow")
        ]
        for end in ends[1:]:
            assert torch.allclose(end, ends[0], rtol=1e-9, atol=1e-10)


def test_the_prediction_type_is_found_out():
    noise = VP
    clean = data().draw(64)
    inner = data().model(noise)

    def network(x, t):
        node = noise.node(float(t[0]))
        return (x - node.alpha * inner.network(x, t)) / node.sigma

    errors = check_prediction(Model(network, noise, "noise"), clean)
    assert min(errors, key=errors.get) == "noise"
    with pytest.raises(ValueError, match="the network predicts 'noise'"):
        check_prediction(Model(network, noise, "v"), clean)
    with pytest.raises(ValueError, match="the network predicts 'data'"):
        check_prediction(replace(inner, prediction="noise"), clean)
    untrained = Model(lambda x, t: torch.sin(7 * x.flip(0)), noise, "noise")
    check_prediction(untrained, clean)  # nothing can be told, nothing is refused


def _score_denoiser(log_density, y, sigma):
    """Tweedie: D = y + sigma^2 grad log p_sigma(y)."""
    y = y.clone().requires_grad_()
    (score,) = torch.autograd.grad(log_density(y, sigma).sum(), y)
    return (y + sigma**2 * score).detach()


@pytest.mark.parametrize("sigma", [0.01, 0.3, 2.0, 50.0])
def test_analytic_denoisers_equal_tweedie_on_their_densities(sigma):
    from torch.distributions import MultivariateNormal

    K, d, r = 4, 5, 2
    means, v, pi = double(K, d), double(K, seed=1).abs() + 0.1, double(K, seed=2).abs() + 0.1
    U = torch.linalg.qr(double(K, d, r, seed=3)).Q
    lead = double(K, r, seed=4).abs() + 0.2
    diag = double(K, d, seed=5).abs() + 0.1
    points = double(3, d, seed=6)
    eye = torch.eye(d, dtype=torch.float64)
    cases = {
        "shared": (GaussianMixture(means, v, pi), means, v[:, None, None] * eye, pi),
        "diagonal": (GaussianMixture(means, diag), means, torch.diag_embed(diag), torch.ones(K)),
        "low rank": (
            LowRankMixture(means, U, lead, v, pi),
            means,
            v[:, None, None] * eye + U @ torch.diag_embed(lead) @ U.mT,
            pi,
        ),
        "empirical": (
            EmpiricalDenoiser(points, 0.2, block=2),
            points,
            (0.04 * eye).expand(3, d, d),
            torch.ones(3),
        ),
    }
    y = double(7, d, seed=7) * (1 + sigma)
    for name, (denoiser, centres, covariances, weights) in cases.items():

        def log_density(y, s, centres=centres, covariances=covariances, weights=weights):
            parts = MultivariateNormal(centres, covariances + s**2 * eye).log_prob(y[:, None])
            return torch.logsumexp(parts + (weights / weights.sum()).log(), 1)

        found = denoiser.denoise(y, torch.tensor(sigma, dtype=torch.float64))
        assert torch.allclose(
            found, _score_denoiser(log_density, y, sigma), rtol=1e-8, atol=1e-8
        ), name
        each = denoiser.denoise(y, torch.full((7,), sigma, dtype=torch.float64))
        assert torch.allclose(each, found, rtol=1e-12)


def test_blocks_do_not_change_the_empirical_denoiser():
    samples = double(50, 3, 4, 4)
    y = double(6, 3, 4, 4, seed=1)
    ends = [
        EmpiricalDenoiser(samples, 0.1, block).denoise(y, torch.tensor(0.4, dtype=torch.float64))
        for block in (1, 7, 50, 4096)
    ]
    for end in ends[1:]:
        assert torch.allclose(end, ends[0], rtol=1e-12)


def test_draws_have_the_moments_of_their_distribution():
    count, K = 40000, 2
    mixture = GaussianMixture(torch.tensor([[2.0, 0.0], [-1.0, 1.0]]), torch.tensor([0.5, 2.0]))
    drawn = mixture.draw(count)
    assert torch.allclose(drawn.mean(0), torch.tensor([0.5, 0.5]), atol=0.04)
    assert float(drawn[:, 0].var()) == pytest.approx(1.25 + 1.5**2, rel=0.05)
    assert torch.equal(drawn, mixture.draw(count))
    directions = torch.tensor([[[1.0], [0.0]]] * K)
    low = LowRankMixture(mixture.means, directions, torch.full((K, 1), 3.0), torch.full((K,), 0.25))
    assert float(low.draw(count)[:, 0].var()) == pytest.approx(3.25 + 1.5**2, rel=0.05)
    empirical = EmpiricalDenoiser(torch.zeros(1, 2), 0.3)
    assert float(empirical.draw(count).std()) == pytest.approx(0.3, rel=0.02)


def test_a_fitted_low_rank_mixture_finds_its_own_kind():
    """Two flat, well separated clouds in ten dimensions."""
    U = torch.linalg.qr(double(2, 10, 2)).Q
    means = torch.stack([torch.full((10,), 3.0), torch.full((10,), -3.0)]).double()
    spreads, v = torch.tensor([[4.0, 1.0]] * 2).double(), torch.tensor([0.01, 0.01]).double()
    truth = LowRankMixture(means, U, spreads, v)
    fitted = LowRankMixture.fit(truth.draw(4000), components=2, rank=2)
    order = fitted.means[:, 0].argsort(descending=True)
    assert torch.allclose(fitted.means[order], means, atol=0.15)
    assert torch.allclose(fitted.spreads[order], spreads, rtol=0.1)
    assert torch.allclose(fitted.variances, v, rtol=0.1)
    overlap = (fitted.directions[order].mT @ U).square().sum((1, 2))
    assert torch.allclose(overlap, torch.full((2,), 2.0).double(), atol=0.02)


def test_a_fit_of_one_component_is_the_principal_components():
    x = double(400, 6) @ torch.diag(torch.tensor([5.0, 3.0, 1.0, 0.5, 0.4, 0.3]).double())
    fitted = LowRankMixture.fit(x, components=1, rank=2)
    values = np.linalg.eigvalsh(np.cov(x.numpy().T, bias=True))[::-1]
    rest = values[2:].mean()
    assert float(fitted.variances) == pytest.approx(rest, rel=1e-9)
    assert fitted.spreads[0].tolist() == pytest.approx(list(values[:2] - rest), rel=1e-9)
    assert torch.allclose(fitted.means[0], x.mean(0))


def test_guidance():
    """A linear network shows the arithmetic, and that one call serves both."""
    calls = Counted(lambda x, t, c: x + c)
    condition, null = torch.full((2, 3), 2.0), torch.zeros(3)
    x, t = torch.ones(2, 3), torch.ones(2)
    for scale, expected in ((0, 1.0), (1, 3.0), (4.0, 9.0), (0.5, 2.0)):
        before = calls.calls
        found = ClassifierFree(calls, condition, null, scale)(x, t)
        assert torch.allclose(found, torch.full((2, 3), expected))
        assert calls.calls == before + 1
    with pytest.raises(ValueError, match="scale=-1"):
        ClassifierFree(calls, condition, null, -1)


# ---- k-diffusion's form ------------------------------------------------------------------


def k_2m(model, x, sigmas):
    """DPM-Solver++(2M) in log sigma, written from the paper for alpha = 1."""
    before = None
    for s, t in pairwise(sigmas):
        denoised = model(x, s)
        if t == 0:
            return denoised
        h = math.log(s / t)
        d = denoised
        if before is not None:
            r = before[1] / h
            d = (1 + 1 / (2 * r)) * denoised - before[0] / (2 * r)
        x = t / s * x - math.expm1(-h) * d
        before = denoised, h
    return x


def k_euler(model, x, sigmas):
    for s, t in pairwise(sigmas):
        x = x + (x - model(x, s)) / s * (t - s)
    return x


def k_heun(model, x, sigmas):
    for s, t in pairwise(sigmas):
        d = (x - model(x, s)) / s
        after = x + d * (t - s)
        if t > 0:
            d = (d + (after - model(after, t)) / t) / 2
            after = x + d * (t - s)
        x = after
    return x


@pytest.mark.parametrize(("solver", "theirs"), [(dpmpp_2m, k_2m), (ddim, k_euler), (heun, k_heun)])
def test_the_k_diffusion_function(solver, theirs):
    denoiser = data()

    def model(x, sigma, shift=0.0):
        assert sigma.shape == (5,)
        return denoiser.denoise(x, sigma) + shift

    sigmas = [14.0, 5.0, 2.0, 0.7, 0.2, 0.0]
    x = 14 * double(5, 4)
    seen = []
    found = sample_ritard(model, x, torch.tensor(sigmas), callback=seen.append, solver=solver,
                          extra_args={"shift": 0.25}, disable=True)  # fmt: skip

    def plain(x, s):
        return denoiser.denoise(x, torch.tensor(s)) + 0.25

    assert torch.allclose(found, theirs(plain, x, sigmas), rtol=1e-6, atol=1e-6)
    assert [s["i"] for s in seen] == list(range(len(seen)))
    assert set(seen[0]) == {"x", "i", "sigma", "sigma_hat", "denoised"}


def test_the_k_diffusion_function_takes_a_schedule_of_any_noise():
    schedule = unipc(VP, (*times(), VP.clean), 3)
    denoiser = data()
    kappa = VP.node(1.0).sigma / VP.node(1.0).alpha
    eps = double(5, 4)
    found = sample_ritard(lambda x, s: denoiser.denoise(x, s), kappa * eps, schedule=schedule)
    expected = sample(denoiser.model(VP), VP.node(1.0).sigma * eps, lower(schedule))
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-6)
    same = from_denoised(lambda x, s: denoiser.denoise(x, s), EDM(t_max=200.0))
    table = lower(schedule.on(EDM(t_max=200.0)))
    assert torch.allclose(sample(same, kappa * eps, table), found, rtol=1e-9)
    with pytest.raises(ValueError, match="exactly one"):
        sample_ritard(lambda x, s: x, eps)


def test_states_may_be_replaced_on_the_way():
    """Masks and edits: the run goes on from what it is given."""
    table = lower(dpmpp_2m(VP, times(count=4)))
    run, x = Execution(table, double(2, 3)), double(2, 3, seed=9)
    run.advance(torch.zeros(2, 3), "noise")
    run.keep_state(x)
    run.advance(torch.zeros(2, 3), "data")
    assert torch.equal(x, double(2, 3, seed=9))
    with pytest.raises(RuntimeError, match="is over"):
        for _ in range(4):
            run.advance(torch.zeros(2, 3), "data")


@pytest.mark.parametrize("make", [ipndm, heun, deis_tab, unipc])
def test_a_table_moves_to_another_noise_schedule(make: Any) -> None:
    """Samples divided by alpha stay; k-diffusion's form takes a table of any noise schedule."""
    vp = VPLinear()
    means = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=torch.float64)
    data = GaussianMixture(means, torch.full((2,), 0.04, dtype=torch.float64))
    made = make(vp, grids.uniform_lambda(vp, 4))
    table = lower(made) if isinstance(made, SolverSchedule) else made
    start, end = table.nodes[0], table.nodes[-1]
    y = 100 * torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    own = sample(data.model(vp), y * start.alpha, table) / end.alpha
    edm = EDM(1.01 * start.sigma / start.alpha, 1e-3)
    moved = table.on(edm)
    assert moved.noise == edm
    assert torch.allclose(sample(data.model(edm), y, moved), own, rtol=1e-11, atol=1e-11)
    assert torch.allclose(sample_ritard(data.denoise, y, schedule=table), own, rtol=1e-11)
    with pytest.raises(ValueError, match="t="):
        table.on(EDM(1.0, 0.1))
