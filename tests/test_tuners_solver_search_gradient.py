"""Refinement of samplers: unknowns, Jacobians, both refiners, and the baselines made of them."""

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.solvers.diffusion import (
    EDM,
    CoefficientTable,
    Counted,
    Flow,
    GaussianMixture,
    Model,
    SolverSchedule,
    SolverStep,
    VPLinear,
    ddim,
    deis,
    dpm_solver_2m,
    dpm_solver_2s,
    dpmpp_2m,
    dpmpp_3m,
    grids,
    heun,
    ipndm,
    lms,
    lower,
    sample,
    unipc,
)
from ritard.tuners.solver_search import (
    RMSE,
    Evaluator,
    GaussNewton,
    GradientRefinement,
    OnSamples,
    ld3,
    rank_fixed,
    s4s,
)
from ritard.tuners.solver_search._jacobian import jacobian
from ritard.tuners.solver_search._unknowns import GROUPS, Unknowns
from ritard.tuners.solver_search.gauss_newton import _Fit
from ritard.tuners.solver_search.gradient import _Descent
from scipy.optimize import minimize_scalar

VP = VPLinear()
GRID = grids.uniform_lambda(VP, 4)
TABLES = ("times", "weights", "sums", "network_times")
SAMPLERS = {
    "ddim": ddim(VP, grids.quadratic_t(VP, 4)),
    "2m": dpmpp_2m(VP, grids.uniform_lambda(VP, 4)),
    "3m": dpmpp_3m(VP, grids.edm_rho(VP, 5)),
    "2s": dpm_solver_2s(VP, grids.uniform_lambda(VP, 4)),
    "unipc": unipc(VP, grids.uniform_t(VP, 4), order=3),
    "clean": dpmpp_2m(VP, (*grids.uniform_lambda(VP, 3), 0.0)),
    "flow": dpmpp_2m(Flow(), grids.uniform_t(Flow(), 4)),
    "first": replace(unipc(VP, grids.uniform_t(VP, 4)), first="unit"),
    "ipndm": ipndm(VP, grids.uniform_t(VP, 4)),
    "lms": lms(VP, grids.uniform_t(VP, 4)),
    "heun": heun(VP, grids.uniform_t(VP, 3)),
}


def double(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def mixture(noise=VP):
    if noise == Flow():  # whose start is pure noise, where exact denoisers have no answer
        return Model(lambda x, t: torch.tanh(x) * (0.5 + t)[:, None] - 0.3 * x, noise, "flow")
    return GaussianMixture(double(4, 3), double(4, 3, seed=1).abs() * 0.05 + 0.02).model(noise)


def table_of(sampler):
    return lower(sampler) if isinstance(sampler, SolverSchedule) else sampler


def groups_of(sampler):
    return GROUPS if isinstance(sampler, SolverSchedule) else TABLES


def judges(model, train=64, others=64, shape=(3,), **options):
    """Train, validation and test; the solutions of the mixture are computed once."""
    eps = double(train + 2 * others, *shape, seed=5)
    parts = eps.split([train, others, others])
    exact = [None] * 3 if shape != (3,) else solutions(train, others)
    return [
        Evaluator(model, part, reference=known, tol=1e-7, **options)
        for part, known in zip(parts, exact, strict=True)
    ]


@cache
def solutions(train, others):
    eps = double(train + 2 * others, 3, seed=5)
    return Evaluator(mixture(), eps, tol=1e-7).reference.split([train, others, others])


# ---- unknowns ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
def test_zero_is_the_sampler_itself(name):
    sampler = SAMPLERS[name]
    model = mixture(sampler.noise)
    expected = sample(model, double(5, 3), table_of(sampler))
    for free in [*([g] for g in groups_of(sampler)), groups_of(sampler)]:
        try:
            unknowns = Unknowns(sampler, free)
        except ValueError as error:
            assert "nothing" in str(error)  # DDIM has no scalings
            continue
        zero = torch.zeros(unknowns.size, dtype=torch.float64)
        for again in (unknowns.table(zero).detach(), table_of(unknowns.sampler(zero))):
            assert torch.allclose(
                sample(model, double(5, 3), again), expected, rtol=1e-7, atol=1e-9
            )


def weights_of(table):
    """For each row, the sum of its weights over that of an exact step for constant outputs."""
    found = []
    for row in table.rows:
        s, t = table.nodes[row.base], table.nodes[row.target]
        if row.kind == "noise":
            exact = t.sigma - t.alpha / s.alpha * s.sigma
        else:
            exact = t.alpha - t.sigma / s.sigma * s.alpha
        found.append(sum(c for _, c in row.terms) / exact)
    return found


@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(0.01, 3.0))
def test_every_value_is_a_valid_sampler(name, seed, size):
    """Times fall within the ends, the NFE stays, and constant outputs are integrated exactly."""
    sampler = SAMPLERS[name]
    unknowns = Unknowns(sampler, [g for g in groups_of(sampler) if g != "sums"])
    table = unknowns.table(size * double(unknowns.size, seed=seed)).detach()
    table = CoefficientTable.from_dict(json.loads(json.dumps(table.to_dict())))
    before = table_of(sampler)
    assert table.nfe == sampler.nfe
    lambdas = [node.lam for node in table.nodes]
    gaps = np.diff(sorted({node.lam for node in table.nodes if math.isfinite(node.lam)}))
    assert lambdas == sorted(lambdas)
    assert gaps.min() > 1e-6
    assert (lambdas[0], lambdas[-1]) == (before.nodes[0].lam, before.nodes[-1].lam)
    assert weights_of(table) == pytest.approx([1.0] * len(table.rows), rel=1e-9)
    assert torch.isfinite(sample(mixture(sampler.noise), double(3, 3), table)).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_gradients_are_those_of_finite_differences(name):
    sampler = SAMPLERS[name]
    end = table_of(sampler).nodes[-1].t
    exact = double(6, 3, seed=9)  # any other samples will do
    evaluator = Evaluator(mixture(sampler.noise), double(6, 3), reference=exact, t_end=end)
    unknowns = Unknowns(sampler, groups_of(sampler))
    values = 0.1 * double(unknowns.size, seed=3)
    leaf = values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(evaluator.loss(unknowns.table(leaf)), leaf)

    def loss(values):
        return float(evaluator.loss(unknowns.table(values).detach()))

    step = 1e-5
    for k in range(unknowns.size):
        shift = step * torch.eye(unknowns.size, dtype=torch.float64)[k]
        slope = (loss(values + shift) - loss(values - shift)) / (2 * step)
        assert float(gradient[k]) == pytest.approx(slope, rel=2e-5, abs=1e-7), (k, unknowns.sizes)


def test_what_the_weights_group_is():
    """2M, third row: m_0 joins in; the offsets are relative to the row's sum and cancel in it."""
    unknowns = Unknowns(SAMPLERS["2m"], ["weights"])
    assert unknowns.sizes == {"weights": 0 + 1 + 2 + 3}
    before = lower(SAMPLERS["2m"]).rows[2]
    values = torch.tensor([0, 0.3, -0.2, 0, 0, 0], dtype=torch.float64)
    row = unknowns.table(values).detach().rows[2]
    total = sum(c for _, c in before.terms)
    old, new = dict(before.terms), dict(row.terms)
    assert new[0] == pytest.approx(0.3 * total)
    assert new[1] == pytest.approx(old[1] - 0.2 * total)
    assert new[2] == pytest.approx(old[2] - 0.1 * total)
    assert Unknowns(SAMPLERS["2m"], ["weights"], history=2).sizes == {"weights": 0 + 1 + 1 + 1}


def test_a_table_whose_times_move_is_the_solver_made_there():
    """The weights of iPNDM are the same whatever the steps: moving it and making it agree."""
    unknowns = Unknowns(SAMPLERS["ipndm"], ["times"])
    moved = unknowns.table(0.4 * double(unknowns.size)).detach()
    made = ipndm(VP, [node.t for node in moved.nodes])
    for a, b in zip(moved.rows, made.rows, strict=True):
        assert a.scale == pytest.approx(b.scale)
        assert dict(a.terms) == pytest.approx(dict(b.terms))


def test_the_times_told_to_the_network_move_alone():
    unknowns = Unknowns(SAMPLERS["2m"], ["network_times"])
    before, after = lower(SAMPLERS["2m"]), unknowns.table(torch.full((3,), 0.5)).detach()
    assert after.rows == before.rows
    low, high = before.nodes[0].lam, before.nodes[-1].lam
    for i, (a, b) in enumerate(zip(before.nodes, after.nodes, strict=True)):
        assert a[1:] == b[1:]
        place = (a.lam - low) / (high - low)
        odds = place / (1 - place) * math.exp(0.5) if 0 < i < 4 else 0.0
        expected = low + (high - low) * odds / (1 + odds) if 0 < i < 4 else a.lam
        assert float(VP.lambda_at(b.t)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("sampler", "free", "message"),
    [
        ("2m", (), "free"),
        ("2m", ("time",), "free"),
        ("2m", "times", "free"),
        ("ipndm", ("scaling",), "scaling"),
        ("ddim", ("scaling",), "nothing"),
    ],
)
def test_impossible_unknowns_are_refused(sampler, free, message):
    with pytest.raises(ValueError, match=message):
        Unknowns(SAMPLERS[sampler], free)


# ---- the Jacobian ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_jacobian_is_that_of_autograd(name):
    sampler = SAMPLERS[name]
    model, x = mixture(sampler.noise), double(3, 3)
    unknowns = Unknowns(sampler, groups_of(sampler))
    values = 0.1 * double(unknowns.size, seed=3)
    expected = torch.autograd.functional.jacobian(
        lambda v: sample(model, x, unknowns.table(v)), values
    )
    found, columns = jacobian(model, x, unknowns.table, values)
    assert torch.allclose(found, sample(model, x, unknowns.table(values).detach()))
    assert torch.allclose(columns.movedim(0, -1), expected, rtol=1e-4, atol=1e-5)


def test_a_run_is_resumed_where_it_departs():
    """N = 4 with weights free: 4 calls, and 2, 1, 1, 0, 0, 0 after the rows that change."""
    model = mixture()
    network = Counted(model.network)
    unknowns = Unknowns(SAMPLERS["2m"], ["weights"])
    jacobian(replace(model, network=network), double(2, 3), unknowns.table, torch.zeros(6).double())
    assert network.calls == 4 + 2 + 1 + 1
    network.calls = 0
    unknowns = Unknowns(SAMPLERS["2m"], ["times"])
    jacobian(replace(model, network=network), double(2, 3), unknowns.table, torch.zeros(3).double())
    assert network.calls == 4 + 3 + 2 + 1
    network.calls = 0
    unknowns = Unknowns(SAMPLERS["2m"], ["network_times"])
    jacobian(replace(model, network=network), double(2, 3), unknowns.table, torch.zeros(3).double())
    assert network.calls == 4 + 3 + 2 + 1


@pytest.mark.parametrize("objective", [None, RMSE()])
def test_the_normal_equations(objective):
    """Gradient against autograd of the log of the loss; the matrix against its definition."""
    train = judges(mixture(), train=12, objective=objective)[0]
    unknowns = Unknowns(SAMPLERS["2m"], ["times", "weights"])
    fit = _Fit(GaussNewton(noises=12), unknowns, train)
    fit.values = 0.05 * double(unknowns.size)
    gradient, matrix = fit._normal_equations()
    leaf = fit.values.clone().requires_grad_()
    loss = train.loss(unknowns.table(leaf))
    (slope,) = torch.autograd.grad(loss.log(), leaf)
    assert torch.allclose(gradient, slope, rtol=1e-4, atol=1e-6)

    def samples(values):
        return sample(train.model, train.eps * train.start.sigma, unknowns.table(values))

    J = torch.autograd.functional.jacobian(samples, fit.values)
    squares = (samples(fit.values) - train.reference).square().sum(1)
    weights = 1 / squares / 12 if objective is None else torch.ones(12) / squares.sum()
    expected = torch.einsum("bdi,bdj,b->ij", J, J, weights.double())
    assert torch.allclose(matrix, expected, rtol=1e-3, atol=1e-5)


def test_a_step_solves_the_damped_equations_and_the_damping_follows_its_success():
    """By NumPy, from the docstring: (H + damping diag H) d = -gradient, x 5 until it helps, / 4."""
    train = judges(mixture(), train=12)[0]
    settings = GaussNewton(("times",), noises=12, damping=0.02)
    fit = _Fit(settings, Unknowns(SAMPLERS["2m"], settings.free), train)
    gradient, matrix = (part.numpy() for part in fit._normal_equations())
    before, damping, values = fit.score, 0.02, None
    while values is None or not train(fit.unknowns.sampler(torch.from_numpy(values))) < before:
        damping *= 1 if values is None else 5
        values = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix)), -gradient)
    assert fit.step(lambda: True)
    assert fit.values.numpy() == pytest.approx(values, rel=1e-7)
    assert fit.damping == pytest.approx(damping / 4)
    tries = iter((True, True, True, False))
    fit.score = 0.0  # nothing helps
    assert not fit.step(lambda: next(tries))
    assert fit.damping == pytest.approx(damping / 4 * 5**3)


def test_a_gradient_is_relative_to_the_loss_and_clipped_per_group():
    train = judges(mixture(), train=12)[0]
    unknowns = Unknowns(SAMPLERS["2m"], ["times", "weights"])
    leaf = torch.zeros(unknowns.size, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(train.loss(unknowns.table(leaf)).log(), leaf)
    slopes = unknowns.split(slope)
    for clip in (1e9, 0.01):
        descent = _Descent(GradientRefinement(clip=clip), unknowns, train, 10)
        descent.step()
        for group, value in descent.values.items():
            factor = min(1.0, clip / float(slopes[group].norm()))
            assert torch.allclose(value.grad, slopes[group] * factor, rtol=1e-9)


def test_offsets_and_sums_are_in_units_of_a_step_that_is_exact_for_a_constant():
    """Of noise: sigma_t - alpha_t / alpha_s sigma_s; of data with sigma and alpha exchanged."""
    for sampler in (dpm_solver_2m(VP, GRID), dpmpp_2m(VP, GRID)):
        before, nodes = lower(sampler).rows[1], lower(sampler).nodes
        s, t = nodes[before.base], nodes[before.target]
        unit = t.sigma - t.alpha / s.alpha * s.sigma
        if before.kind == "data":
            unit = t.alpha - t.sigma / s.sigma * s.alpha
        old = dict(before.terms)
        for group, other in (("weights", True), ("sums", False)):
            unknowns = Unknowns(sampler, [group])
            values = torch.zeros(unknowns.size, dtype=torch.float64)
            values[0 if other else 1] = 0.25
            new = dict(unknowns.table(values).detach().rows[1].terms)
            place = 0 if other else before.base
            assert new[place] == pytest.approx(old[place] + 0.25 * unit, rel=1e-12)
            assert sum(new.values()) == pytest.approx(sum(old.values()) + 0.25 * unit * (not other))


def test_knots_keep_the_least_distance_however_far_the_unknowns_go():
    share = 0.01
    unknowns = Unknowns(dpmpp_2m(VP, GRID), ["times"], min_gap=share)
    lambdas = [node.lam for node in unknowns.base.nodes]
    least = share * (lambdas[-1] - lambdas[0])
    for way in (-80.0, 80.0):
        moved = unknowns.table(torch.full((unknowns.size,), way, dtype=torch.float64)).detach()
        gaps = np.diff([node.lam for node in moved.nodes])
        assert gaps.min() == pytest.approx(least, rel=1e-6)
    close = (*GRID[:2], GRID[1] - 1e-5, *GRID[2:])  # it has less: half of that then
    unknowns = Unknowns(dpmpp_2m(VP, close), ["times"], min_gap=share)
    lambdas = [node.lam for node in unknowns.base.nodes]
    moved = unknowns.table(torch.full((unknowns.size,), -80.0, dtype=torch.float64)).detach()
    gaps = np.diff([node.lam for node in moved.nodes])
    assert gaps.min() == pytest.approx(np.diff(lambdas).min() / 2, rel=1e-6)


# ---- problems with a known answer --------------------------------------------------------

REFINERS = {
    "descent": (lambda free: GradientRefinement(free, {g: 0.1 for g in free}), 150),
    "least squares": (lambda free: GaussNewton(free), 60),
}


@pytest.mark.parametrize("refiner", REFINERS)
def test_two_steps_on_a_gaussian_find_the_best_time_between(refiner):
    """DDIM multiplies by g(20, t) g(t, 0.05), g(s, t) = (v + s t) / (v + s^2); v = 0.49."""
    make, evaluations = REFINERS[refiner]
    noise, v = EDM(t_max=20.0, t_min=0.05), 0.49
    model = Model(lambda x, t: x * (v / (v + t**2))[:, None], noise, "data")

    def gap(t):
        factor = (v + 20 * t) / (v + 400) * (v + 0.05 * t) / (v + t**2)
        return abs(factor - math.sqrt((v + 0.05**2) / (v + 400)))

    best = minimize_scalar(lambda u: gap(math.exp(u)), bounds=(-2.9, 2.9), method="bounded")
    train, validation, _ = judges(model, train=16, others=16, shape=(1,))
    start = ddim(noise, (20.0, 5.0, 0.05))
    found = make(("times",))(start, train, validation, evaluations)
    assert isinstance(found, SolverSchedule)
    assert found.times[1] == pytest.approx(math.exp(best.x), rel=3e-3)
    assert train.cost.evaluations + validation.cost.evaluations <= evaluations


@pytest.mark.parametrize("refiner", REFINERS)
def test_one_step_on_a_gaussian_finds_the_exact_weight(refiner):
    """x_1 = A x_0 + w D(x_0) is exact for the w that the closed form gives."""
    make, evaluations = REFINERS[refiner]
    noise, v = EDM(t_max=1.0, t_min=0.5), 0.49
    model = Model(lambda x, t: x * (v / (v + t**2))[:, None], noise, "data")
    exact = (math.sqrt((v + 0.25) / (v + 1)) - 0.5) / (v / (v + 1))
    train, validation, _ = judges(model, train=16, others=16, shape=(1,))
    found = make(("sums",))(ddim(noise, (1.0, 0.5)), train, validation, evaluations)
    assert isinstance(found, CoefficientTable)
    tolerance = 2e-2 if refiner == "descent" else 1e-6
    assert found.rows[0].terms[0][1] == pytest.approx(exact, rel=tolerance)
    assert found.rows[0].scale == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("refiner", "most"), [(GradientRefinement(), 0.5), (GaussNewton(), 0.2)], ids=str
)
@pytest.mark.parametrize("name", ["2m", "3m", "ipndm"])
def test_held_out_errors_fall(refiner, most, name):
    train, validation, test = judges(mixture())
    start = SAMPLERS[name]
    found = refiner(start, train, validation, 60)
    assert found.nfe == start.nfe
    assert test(found) < most * test(start)
    assert train.cost.evaluations + validation.cost.evaluations <= 60


@pytest.mark.parametrize("refiner", [GradientRefinement, GaussNewton])
def test_times_and_scalings_leave_a_schedule_for_any_noise_schedule(refiner):
    train, validation, test = judges(mixture())
    start = SAMPLERS["unipc"]
    found = refiner(("times", "scaling"))(start, train, validation, 50)
    assert isinstance(found, SolverSchedule)
    assert test(found) < 0.6 * test(start)
    assert all(isinstance(step.scaling, float) for step in found.steps if step.order > 1)
    edm = EDM(t_max=200.0, t_min=1e-3)
    x = test.eps[:4] * test.start.sigma
    moved = found.on(edm)
    other = sample(mixture(edm), x / test.start.alpha, lower(moved))
    expected = sample(test.model, x, lower(found)) / test.end.alpha
    assert torch.allclose(other, expected, rtol=1e-6, atol=1e-8)


# ---- conduct -----------------------------------------------------------------------------

BOTH = [GradientRefinement(checks=3), GaussNewton()]


@pytest.mark.parametrize("refiner", BOTH, ids=lambda r: type(r).__name__)
def test_the_same_again_and_nothing_global(refiner):
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    found = [refiner(SAMPLERS["2m"], *judges(mixture())[:2], 20) for _ in range(2)]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert found[0] == found[1]


@pytest.mark.parametrize("evaluations", [20, 23, 26])
def test_what_the_judges_did_before_changes_nothing(evaluations):
    """A killed search refines its second NFE with new judges, another one with those it has."""
    found = []
    for done in (0.0, 0.3, 0.8):
        train, validation, _ = judges(mixture())
        with train.charged(1):
            for eps in train.eps[: round(done * len(train.eps))]:
                train.model(eps[None], torch.full((1,), 0.5, dtype=torch.float64))
        before = train.cost.evaluations + validation.cost.evaluations
        sampler = GaussNewton(noises=20)(SAMPLERS["2m"], train, validation, evaluations)
        cost = train.cost.evaluations + validation.cost.evaluations - before
        found.append((sampler, cost))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("refiner", BOTH, ids=lambda r: type(r).__name__)
def test_never_worse_on_validation(refiner):
    """Train asks for another solution than validation does: the start comes back, untouched."""
    train, validation, _ = judges(mixture())
    wrong = Evaluator(mixture(), train.eps, reference=-train.reference + 1.0)
    start = unipc(VP, grids.uniform_lambda(VP, 12))
    assert refiner(start, wrong, validation, 20) is start


@pytest.mark.parametrize("refiner", BOTH, ids=lambda r: type(r).__name__)
def test_networks_keep_their_gradients_and_settings(refiner):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    layers.double()
    layers[0].bias.requires_grad_(False)
    layers[2].weight.grad = torch.ones(3, 8, dtype=torch.float64)
    wanted = [p.requires_grad for p in layers.parameters()]
    model = Model(lambda x, t: layers(torch.cat([x, t[:, None]], 1)), VP, "data")
    train, validation, _ = judges(model)
    assert isinstance(refiner(SAMPLERS["2m"], train, validation, 12), CoefficientTable)
    assert [p.requires_grad for p in layers.parameters()] == wanted
    assert [p.grad is None for p in layers.parameters()] == [True, True, False, True]
    assert bool((layers[2].weight.grad == 1).all())


@pytest.mark.parametrize("refiner", BOTH, ids=lambda r: type(r).__name__)
def test_batches_change_nothing_but_memory(refiner):
    """Network calls of at most 16 samples; 1e-6 for sums in another order."""
    found = []
    for batch in (None, 16):
        model = mixture()
        largest = 0

        def network(x, t, inner=model.network):
            nonlocal largest
            largest = max(largest, len(x))
            return inner(x, t)

        train, validation, test = judges(replace(model, network=network), batch=batch)
        _ = train.reference, validation.reference, test.reference
        largest = 0
        found.append(test(refiner(SAMPLERS["2m"], train, validation, 12)))
        assert largest <= (batch or 64)
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_a_step_into_what_is_not_finite_is_taken_back_by_half():
    """The network is NaN below a time that the first long step reaches."""
    inner = mixture()
    limit = 0.0

    def network(x, t):
        return inner.network(x, t) + torch.where(t < limit, math.nan, 0.0)[:, None]

    model = replace(inner, network=network)
    start = SAMPLERS["2m"]
    train = Evaluator(model, double(16, 3), reference=judges(inner, train=16)[0].reference)
    unknowns = Unknowns(start, ("times",))
    descent = _Descent(GradientRefinement(("times",), {"times": 2.0}), unknowns, train, 20)
    descent.step()
    moved = descent._vector()
    last = min(n.t for n in unknowns.table(moved).nodes[:-1] if n.t > VP.t_min)
    limit = float(last) + 1e-6 if float(last) < start.times[3] else 2.0
    rate = descent.rate.scale
    descent.step()
    assert torch.equal(descent._vector(), moved / 2)
    assert descent.rate.scale == rate / 2
    limit = 0.0
    descent.step()
    assert torch.isfinite(descent._vector()).all()


@pytest.mark.parametrize("refiner", BOTH, ids=lambda r: type(r).__name__)
def test_a_network_that_fails_nearby_does_no_harm(refiner):
    """NaN for every time but those near the start's: what comes back is finite, and no worse."""
    inner = mixture()
    start = SAMPLERS["2m"]
    allowed = torch.tensor(start.times, dtype=torch.float64)

    def network(x, t):
        near = ((t[:, None] - allowed).abs() < 0.02 * allowed).any(1)
        return inner.network(x, t) + torch.where(near, 0.0, math.nan)[:, None]

    exact = judges(inner)
    parts = [
        Evaluator(replace(inner, network=network), e.eps, reference=e.reference) for e in exact
    ]
    found = refiner(start, parts[0], parts[1], 30)
    assert parts[2](found) <= parts[2](start)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda inner: torch.no_grad()(inner), "input"),
        (lambda inner: lambda x, t: inner(x, t).detach(), "input"),
        (lambda inner: lambda x, t: inner(x, t.detach()), "time"),
    ],
)
def test_a_network_without_gradients_is_refused_at_once(network, message):
    model = mixture()
    network = Counted(network(model.network))
    train, validation, _ = judges(replace(model, network=network))
    _ = train.reference, validation.reference
    network.calls = 0
    with pytest.raises(TypeError, match=f"{message}.*GaussNewton"):
        GradientRefinement()(SAMPLERS["2m"], train, validation, 20)
    assert network.calls <= 2
    found = GaussNewton()(SAMPLERS["2m"], train, validation, 30)  # needs none
    assert validation(found) < validation(SAMPLERS["2m"])


@pytest.mark.parametrize("refiner", BOTH, ids=lambda r: type(r).__name__)
def test_an_interrupted_run_has_told_its_best(refiner):
    model, calls = mixture(), -(10**6)  # those of the references are free

    def network(x, t):
        nonlocal calls
        calls += 1
        if calls > 180:
            raise KeyboardInterrupt
        return model.network(x, t)

    train, validation, test = judges(replace(model, network=network))
    _ = train.reference, validation.reference, test.reference
    calls, told = 0, []
    with pytest.raises(KeyboardInterrupt):
        refiner(SAMPLERS["2m"], train, validation, 100, lambda s, score: told.append((score, s)))
    scores = [score for score, _ in told]
    assert scores
    assert scores == sorted(scores, reverse=True)
    calls = -(10**6)
    assert validation(told[-1][1]) == scores[-1] < validation(SAMPLERS["2m"])


def test_objectives_on_samples_alone_are_for_descent():
    """The distance of the samples' mean from the data's; least squares has nothing to square."""
    goal = double(4, 3).mean(0)
    objective = OnSamples(lambda s: (s.mean(0) - goal).square().sum())
    train, validation, _ = judges(mixture(), objective=objective)
    start = SAMPLERS["2m"]
    with pytest.raises(ValueError, match="GradientRefinement"):
        GaussNewton()(start, train, validation, 20)
    found = GradientRefinement()(start, train, train, 30)
    assert train(found) < 0.9 * train(start)


def test_bad_settings_are_refused():
    train, validation, _ = judges(mixture())
    start = SAMPLERS["2m"]
    with pytest.raises(ValueError, match="evaluations=7"):
        GradientRefinement()(start, train, validation, 7)
    with pytest.raises(ValueError, match="evaluations=3"):
        GaussNewton()(start, train, validation, 3)
    with pytest.raises(ValueError, match="no rate for 'times'"):
        GradientRefinement(lr={"weights": 0.1})
    with pytest.raises(ValueError, match="clip=0"):
        GradientRefinement(clip=0)
    with pytest.raises(ValueError, match="free"):
        GaussNewton(("time",))
    with pytest.raises(ValueError, match="damping"):
        GaussNewton(damping=math.nan)
    broken = replace(mixture(), network=lambda x, t: x * math.nan)
    bad = Evaluator(broken, train.eps, reference=train.reference)
    with pytest.raises(ValueError, match="nothing to refine"):
        GaussNewton()(start, bad, bad, 20)


# ---- the baselines -----------------------------------------------------------------------


def test_ld3_and_s4s_improve_on_the_best_fixed_samplers():
    train, validation, test = judges(mixture())
    fixed = {
        f"{s.__name__} {g.__name__}": s(VP, g(VP, 5))
        for s in (deis, dpmpp_2m)
        for g in (grids.uniform_lambda, grids.quadratic_t)
    }
    ranked = rank_fixed(train, fixed)
    before = train.cost.evaluations + validation.cost.evaluations
    times = ld3(train, validation, 5, 40, starts=2, fixed=ranked)
    both = s4s(train, validation, 5, 80, rounds=2, start=ranked[0].sampler)
    assert train.cost.evaluations + validation.cost.evaluations - before <= 120
    assert isinstance(times, SolverSchedule)
    assert isinstance(both, CoefficientTable)
    assert test(times) < 0.9 * test(ranked[0].sampler)
    assert test(both) < test(times)
    assert SolverStep() not in times.steps or times.steps[0].order == 1
