"""Wrong calls of ritard.solvers: the error, what it says, and that nothing has changed."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from ritard.solvers.diffusion import (
    EDM,
    ClassifierFree,
    CoefficientTable,
    Counted,
    Discrete,
    EmpiricalDenoiser,
    Execution,
    Flow,
    GaussianMixture,
    LowRankMixture,
    Model,
    NoiseSchedule,
    RitardScheduler,
    SolverSchedule,
    SolverStep,
    VPCosine,
    VPLinear,
    check_prediction,
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
    from_denoised,
    from_diffusers,
    grids,
    heun,
    ipndm,
    lms,
    lower,
    reference,
    sample,
    sample_ritard,
    unipc,
)
from ritard.solvers.linear import (
    Adaptive,
    Splitting,
    Stencil,
    convergence_rate,
    count_sor,
    jacobi_radius,
    optimal_omega,
    optimal_omega_cg,
    solve,
    sor,
    ssor,
    ssor_cg,
    ssor_preconditioner,
)
from ritard.solvers.linear.gallery import (
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
from scipy.sparse.linalg import aslinearoperator
from wrong_calls import Wrong, check, unaccounted

# ---- linear ------------------------------------------------------------------------------

A = np.array([[4.0, -1.0], [-1.0, 4.0]])
SKEW = np.array([[4.0, -1.0], [-3.0, 4.0]])
HOLE = np.array([[0.0, 1.0], [1.0, 4.0]])
B = np.ones(2)
STENCIL = Stencil.laplacian(3, 3)


def nan_in(array):
    found = array.copy()
    found.flat[1] = math.nan
    return found


LINEAR = [
    Wrong("sor", ("omega=2",), lambda: sor(A, B, omega=2)),
    Wrong("sor", ("omega='1'",), lambda: sor(A, B, omega="1"), TypeError),
    Wrong("sor", ("A: expected a square matrix", "(1, 2)"), lambda: sor(A[:1], B)),
    Wrong("sor", ("A is a LinearOperator",), lambda: sor(aslinearoperator(A), B), TypeError),
    Wrong("sor", ("b: expected shape (2,)", "(3,)"), lambda: sor(A, np.ones(3))),
    Wrong("sor", ("b: expected numbers", "<U1"), lambda: sor(A, ["a", "b"]), TypeError),
    Wrong("sor", ("b: entry 1 is nan",), lambda: sor(A, nan_in(B))),
    Wrong("sor", ("x0: expected shape (2,)", "(1,)"), lambda: sor(A, B, [1.0])),
    Wrong("sor", ("rtol=-1",), lambda: sor(A, B, rtol=-1)),
    Wrong("sor", ("atol=nan",), lambda: sor(A, B, atol=math.nan)),
    Wrong("sor", ("maxiter=-1",), lambda: sor(A, B, maxiter=-1)),
    Wrong("sor", ("maxiter", "rtol"), lambda: sor(A, B, rtol=0, atol=0)),
    Wrong("sor", ("callback=3",), lambda: sor(A, B, callback=3), TypeError),
    Wrong("ssor", ("A: entry (0, 1) is nan",), lambda: ssor(nan_in(A), B)),
    Wrong("ssor", ("omega=Adaptive",), lambda: ssor(A, B, omega=Adaptive())),
    Wrong("ssor_cg", ("A is not symmetric",), lambda: ssor_cg(SKEW, B)),
    Wrong("ssor_cg", ("A: the diagonal entry of row 1 is -4",), lambda: ssor_cg(A * [1, -1], B)),
    Wrong("ssor_cg", ("M", "(3, 3)"), lambda: ssor_cg(A, B, M=np.eye(3))),
    Wrong("solve", ("method='gauss'",), lambda: solve(A, B, "gauss")),
    Wrong("solve", ("sweep='down'",), lambda: solve(A, B, sweep="down")),
    Wrong("solve", ("relative_to='x0'",), lambda: solve(A, B, relative_to="x0")),
    Wrong("solve", ("A: the diagonal entry of row 0 is zero",), lambda: solve(HOLE, B)),
    Wrong("ssor_preconditioner", ("omega=0",), lambda: ssor_preconditioner(A, 0)),
    Wrong("Splitting.of", ("A: expected numbers",), lambda: Splitting.of([["a"]]), TypeError),
    Wrong("Splitting.shifted", ("c=nan",), lambda: Splitting.of(A).shifted(math.nan)),
    Wrong("Splitting.shifted", ("diagonal", "row 0"), lambda: Splitting.of(A).shifted(-4)),
    Wrong("Stencil", ("shape, lines=0",), lambda: Stencil.laplacian(0, 3)),
    Wrong("Stencil", ("west: expected", "(2,)"), lambda: Stencil((1, 1), 4, [1, 2], 1, 1, 1)),
    Wrong("Stencil", ("south=inf",), lambda: Stencil((1, 1), 4, 1, 1, math.inf, 1)),
    Wrong("Stencil", ("shape=3",), lambda: Stencil(3, 4, 1, 1, 1, 1), TypeError),
    Wrong("Stencil.shifted", ("c='a'",), lambda: STENCIL.shifted("a"), TypeError),
    Wrong("Stencil.laplacian", ("shift='a'",), lambda: Stencil.laplacian(3, 3, "a"), TypeError),
    Wrong("Adaptive", ("start=2",), lambda: Adaptive(start=2)),
    Wrong("Adaptive", ("wait=1",), lambda: Adaptive(wait=1)),
    Wrong("optimal_omega", ("beta=1",), lambda: optimal_omega(1)),
    Wrong("optimal_omega_cg", ("mu=0",), lambda: optimal_omega_cg(0)),
    Wrong("convergence_rate", ("omega=3",), lambda: convergence_rate(3, 0.5)),
    Wrong("jacobi_radius", ("steps=0",), lambda: jacobi_radius(A, 0)),
    Wrong(
        "count_sor", ("omegas", "2.5"), lambda: count_sor(STENCIL, [0.0], [2.5], np.ones((1, 9)))
    ),
    Wrong("count_sor", ("bs", "(1, 4)"), lambda: count_sor(STENCIL, [0.0], [1.5], np.ones((1, 4)))),
    Wrong(
        "count_sor", ("stencil=",), lambda: count_sor(A, [0.0], [1.5], np.ones((1, 2))), TypeError
    ),
]
GALLERY = [
    Wrong("Beta", ("a=0",), lambda: Beta(0, 1)),
    Wrong("Beta", ("high=-1",), lambda: Beta(1, 1, 0, -1)),
    Wrong("LogUniform", ("low=0",), lambda: LogUniform(0, 1)),
    Wrong("Heat", ("nx=1",), lambda: Heat(nx=1)),
    Wrong("Heat", ("dt=0",), lambda: Heat(dt=0)),
    Wrong("VariableHeat", ("contrast=-1",), lambda: VariableHeat(contrast=-1)),
    Wrong("Parametric", ("length=0",), lambda: Parametric(Shift(A), LOW_VARIANCE, 0)),
    Wrong(
        "Parametric",
        ("start=9", "5"),
        lambda: next(Parametric(Shift(A), LOW_VARIANCE, 5).systems(start=9)),
    ),
    Wrong("Parametric", ("matrix=3",), lambda: Parametric(3, LOW_VARIANCE), TypeError),
    Wrong("Shift", ("direction", "(3,)"), lambda: Shift(A, np.ones(3))),
    Wrong("Shift", ("A: no diagonal entry", "row 0"), lambda: Shift(sp.csr_array(HOLE))),
    Wrong("laplacian", ("shape=()",), lambda: laplacian()),
    Wrong("laplacian", ("size=0",), lambda: laplacian(3, 0)),
    Wrong("nine_point", ("size=2.5",), lambda: nine_point(2.5, 3), TypeError),
    Wrong("anisotropic", ("epsilon=0",), lambda: anisotropic(3, 3, 0)),
    Wrong("convection_diffusion", ("peclet=-1",), lambda: convection_diffusion(3, 3, -1)),
    Wrong("read_matrix", ("nowhere.mtx",), lambda: read_matrix("nowhere.mtx"), FileNotFoundError),
]

# ---- diffusion ---------------------------------------------------------------------------

VP = VPLinear()
GRID = grids.uniform_lambda(VP, 4)
PAST = (1.5, 0.5)
X = torch.ones(2, 3)
TABLE = lower(ddim(VP, GRID))
MEAN = lower(SolverSchedule(VP, (1.0, 0.5), (SolverStep(),), "mean"))


def never(x, t):
    raise AssertionError("the network was called")


def model(noise=VP, prediction="noise", network=never):
    return Model(network, noise, prediction)


def preset(name, make, **more):
    return Wrong(name, ("times[0]", "1.5"), lambda: make(VP, PAST, **more))


def scheduler():
    made = RitardScheduler(schedule=None)
    made.set_timesteps(4)
    made.state_dict = lambda: {"config": dict(made.config), "timesteps": made.timesteps}
    return made


NOISES = [
    Wrong("VPLinear", ("beta_max", "0.05"), lambda: VPLinear(beta_max=0.05)),
    Wrong("VPCosine", ("s=0",), lambda: VPCosine(s=0)),
    Wrong("EDM", ("t_min", "0"), lambda: EDM(t_min=0)),
    Wrong("Flow", ("t_min=1",), lambda: Flow(t_min=1)),
    Wrong("NoiseSchedule.node", ("t=1.5",), lambda: VP.node(1.5)),
    Wrong("NoiseSchedule.node", ("t='a'",), lambda: VP.node("a"), TypeError),
    Wrong(
        "NoiseSchedule.from_dict",
        ("'vp'", "vp-linear"),
        lambda: NoiseSchedule.from_dict({"name": "vp"}),
    ),
    Wrong(
        "NoiseSchedule.from_dict",
        ("beta", "vp-linear"),
        lambda: NoiseSchedule.from_dict({"name": "vp-linear", "beta": 3}),
    ),
    Wrong("Discrete", ("alphas_cumprod[1]=0.6",), lambda: Discrete((0.5, 0.6))),
    Wrong("Discrete", ("alphas_cumprod='ab'",), lambda: Discrete("ab"), TypeError),
    Wrong("Discrete", ("alphas_cumprod", "2 numbers"), lambda: Discrete((0.5,))),
    Wrong("Discrete", ("alphas_cumprod[0]=1",), lambda: Discrete((1.0, 0.5))),
    Wrong("Discrete", ("t=-0.5",), lambda: Discrete((0.9, 0.5)).node(-0.5)),
    Wrong("VPCosine", ("t_max=1",), lambda: VPCosine(t_max=1.0)),
    Wrong("EDM", ("t_min=90",), lambda: EDM(t_min=90.0)),
    Wrong("Discrete.from_betas", ("shape='cubic'",), lambda: Discrete.from_betas("cubic")),
    Wrong("Discrete.from_betas", ("steps=1",), lambda: Discrete.from_betas(steps=1)),
    Wrong("Discrete.from_betas", ("beta_start=-1",), lambda: Discrete.from_betas(beta_start=-1)),
    Wrong("Discrete.time_at", ("lambda=99",), lambda: Discrete((0.9, 0.5)).time_at(99.0)),
]
PRESETS = [
    preset("ddim", ddim),
    preset("deis", deis, order=1),
    preset("deis_tab", deis_tab),
    preset("dpm_solver_2m", dpm_solver_2m),
    preset("dpm_solver_2s", dpm_solver_2s),
    preset("dpm_solver_3m", dpm_solver_3m),
    preset("dpm_solver_3m_exact", dpm_solver_3m_exact),
    preset("dpm_solver_3s", dpm_solver_3s),
    preset("dpmpp_2m", dpmpp_2m),
    preset("dpmpp_2s", dpmpp_2s),
    preset("dpmpp_3m", dpmpp_3m),
    preset("dpmpp_3m_exact", dpmpp_3m_exact),
    preset("dpmpp_3s", dpmpp_3s),
    preset("heun", heun),
    preset("ipndm", ipndm),
    preset("lms", lms),
    preset("unipc", unipc, order=1),
    Wrong("ddim", ("noise='vp'",), lambda: ddim("vp", GRID), TypeError),
    Wrong("ddim", ("times=3",), lambda: ddim(VP, 3), TypeError),
    Wrong("ddim", ("times", "'a'"), lambda: ddim(VP, ("a", 0.5)), TypeError),
    Wrong("ddim", ("times", "at least 2, got 1"), lambda: ddim(VP, (1.0,))),
    Wrong("ipndm", ("times", "at least 2, got 0"), lambda: ipndm(VP, ())),
    Wrong("heun", ("times[0]=1: alpha is 0",), lambda: heun(Flow(), (1.0, 0.5))),
    Wrong("deis_tab", ("times[2]=0.6 after 0.5",), lambda: deis_tab(VP, (1.0, 0.5, 0.6))),
    Wrong("grids", ("start=0.1, end=0.2",), lambda: grids.edm_rho(VP, 3, start=0.1, end=0.2)),
    Wrong("grids", ("t=0", "infinite"), lambda: grids.uniform_lambda(VP, 3, end=0.0)),
    Wrong("dpmpp_3s", ("variant='worst'",), lambda: dpmpp_3s(VP, GRID, "worst")),
    Wrong("deis", ("order=5",), lambda: deis(VP, GRID, 5)),
    Wrong("dpmpp_2m", ("variant='best'",), lambda: dpmpp_2m(VP, GRID, "best")),
    Wrong("ipndm", ("order=6",), lambda: ipndm(VP, GRID, 6)),
    Wrong("lms", ("order=0",), lambda: lms(VP, GRID, 0)),
    Wrong("unipc", ("variant='bh3'",), lambda: unipc(VP, GRID, variant="bh3")),
    Wrong("grids", ("steps=0",), lambda: grids.uniform_t(VP, 0)),
    Wrong("grids", ("start", "2"), lambda: grids.uniform_lambda(VP, 4, start=2.0)),
    Wrong("grids", ("noise='vp'",), lambda: grids.uniform_t("vp", 4), TypeError),
    Wrong("grids", ("rho=0",), lambda: grids.edm_rho(VP, 4, rho=0)),
    Wrong("grids", ("power=0",), lambda: grids.power_t(VP, 4, 0)),
    Wrong("grids", ("shift=0",), lambda: grids.shifted(GRID, 0)),
    Wrong("grids", ("name='SD9'",), lambda: grids.ays(VP, 10, "SD9")),
    Wrong("grids", ("fractions", "2"), lambda: grids.with_stages(VP, GRID, (2.0,))),
]
DECISIONS = [
    Wrong("SolverStep", ("order=5",), lambda: SolverStep(order=5)),
    Wrong("SolverStep", ("points=2",), lambda: SolverStep(order=2, points=2)),
    Wrong("SolverStep", ("prediction='eps'",), lambda: SolverStep(prediction="eps")),
    Wrong("SolverStep", ("scaling=nan",), lambda: SolverStep(scaling=math.nan)),
    Wrong("SolverStep", ("d2_scale='a'",), lambda: SolverStep(d2_scale="a"), TypeError),
    Wrong(
        "SolverSchedule",
        ("times", "3", "2 steps"),
        lambda: SolverSchedule(VP, GRID, (SolverStep(),) * 2),
    ),
    Wrong(
        "SolverSchedule",
        ("step 1: order=2",),
        lambda: SolverSchedule(VP, GRID, (SolverStep(order=2),) * 4),
    ),
    Wrong(
        "SolverSchedule",
        ("steps", "'euler'"),
        lambda: SolverSchedule(VP, GRID, ("euler",) * 4),
        TypeError,
    ),
    Wrong("SolverSchedule.from_dict", ("format=None",), lambda: SolverSchedule.from_dict({})),
    Wrong("SolverSchedule.on", ("noise=3",), lambda: ddim(VP, GRID).on(3), TypeError),
    Wrong("SolverSchedule.tail", ("begin=4",), lambda: ddim(VP, GRID).tail(4)),
    Wrong(
        "SolverSchedule.load",
        ("nowhere.json",),
        lambda: SolverSchedule.load("nowhere.json"),
        FileNotFoundError,
    ),
    Wrong("CoefficientTable", ("rows",), lambda: CoefficientTable(VP, TABLE.nodes, ())),
    Wrong(
        "CoefficientTable",
        ("first='guess'",),
        lambda: CoefficientTable(VP, TABLE.nodes, TABLE.rows, "guess"),
    ),
    Wrong(
        "CoefficientTable.from_dict",
        ("expected a dict", "list"),
        lambda: CoefficientTable.from_dict([]),
    ),
    Wrong("CoefficientTable.on", ("noise=3",), lambda: TABLE.on(3), TypeError),
    Wrong("lower", ("schedule=int",), lambda: lower(3), TypeError),
    Wrong("lower", ("times: expected 5", "3"), lambda: lower(ddim(VP, GRID), times=GRID[:3])),
    Wrong("lower", ("VPLinear",), lambda: lower(ddim(VP, GRID), EDM())),
]
MODELS = [
    Wrong("Model", ("network=3",), lambda: Model(3, VP), TypeError),
    Wrong("Model", ("noise='vp'",), lambda: Model(never, "vp"), TypeError),
    Wrong("Model", ("prediction='epsilon'",), lambda: model(prediction="epsilon")),
    Wrong("Counted", ("network=3",), lambda: Counted(3), TypeError),
    Wrong("ClassifierFree", ("scale=nan",), lambda: ClassifierFree(never, X, X, math.nan)),
    Wrong("ClassifierFree", ("network=3",), lambda: ClassifierFree(3, X, X, 1.0), TypeError),
    Wrong(
        "GaussianMixture",
        ("variances", "(3,)"),
        lambda: GaussianMixture(torch.zeros(2, 3), torch.ones(3)),
    ),
    Wrong("GaussianMixture", ("means=3",), lambda: GaussianMixture(3, 3), TypeError),
    Wrong("GaussianMixture.draw", ("count=0",), lambda: GaussianMixture(X, X[:, 0]).draw(0)),
    Wrong("GaussianMixture", ("variances", "0"), lambda: GaussianMixture(X, 0 * X)),
    Wrong("GaussianMixture", ("weights", "(3,)"), lambda: GaussianMixture(X, X, X[0])),
    Wrong("LowRankMixture", ("directions", "(2, 3)"), lambda: LowRankMixture(X, X, X, X[:, 0])),
    Wrong("LowRankMixture.fit", ("components=0",), lambda: LowRankMixture.fit(X, 0)),
    Wrong(
        "LowRankMixture.fit",
        ("rank=9", "3"),
        lambda: LowRankMixture.fit(
            torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), 1, 9
        ),
    ),
    Wrong("EmpiricalDenoiser", ("bandwidth=0",), lambda: EmpiricalDenoiser(X, 0)),
    Wrong("EmpiricalDenoiser", ("data=[1]",), lambda: EmpiricalDenoiser([1]), TypeError),
    Wrong("from_denoised", ("network=3",), lambda: from_denoised(3), TypeError),
    Wrong("from_denoised", ("noise=3",), lambda: from_denoised(never, 3), TypeError),
    Wrong("from_diffusers", ("scheduler=object",), lambda: from_diffusers(never, object())),
    Wrong("check_prediction", ("model=int",), lambda: check_prediction(3, X), TypeError),
    Wrong(
        "check_prediction",
        ("prediction='noise'", "'data'"),
        lambda: check_prediction(model(network=lambda x, t: torch.ones_like(x)), torch.ones(16, 3)),
    ),
]
RUNS = [
    Wrong("sample", ("model=function",), lambda: sample(never, X, TABLE), TypeError),
    Wrong(
        "sample", ("table=SolverSchedule",), lambda: sample(model(), X, ddim(VP, GRID)), TypeError
    ),
    Wrong(
        "sample", ("x: expected a floating",), lambda: sample(model(), X.int(), TABLE), TypeError
    ),
    Wrong("sample", ("'vp-linear'", "'edm'"), lambda: sample(model(EDM()), X, TABLE)),
    Wrong("sample", ("'vp-linear'", "settings"), lambda: sample(model(VPLinear(0.2)), X, TABLE)),
    Wrong(
        "sample", ("x: expected a batch of finite",), lambda: sample(model(), X * math.nan, TABLE)
    ),
    Wrong("sample", ("mean=None",), lambda: sample(model(), X, MEAN)),
    Wrong(
        "sample",
        ("t=1: alpha is 0",),
        lambda: sample(model(Flow()), X, lower(ddim(Flow(), (1.0, 0.5, 0.0)))),
    ),
    Wrong("Execution", ("table=SolverSchedule",), lambda: Execution(ddim(VP, GRID), X), TypeError),
    Wrong(
        "Execution.advance",
        ("output", "(2, 4)"),
        lambda: Execution(TABLE, X).advance(torch.ones(2, 4), "noise"),
    ),
    Wrong(
        "Execution.advance", ("prediction='eps'",), lambda: Execution(TABLE, X).advance(X, "eps")
    ),
    Wrong("reference", ("tol=0",), lambda: reference(model(), X, tol=0)),
    Wrong("reference", ("model=int",), lambda: reference(3, X), TypeError),
    Wrong("reference", ("max_steps=0",), lambda: reference(model(), X, max_steps=0)),
    Wrong("sample_ritard", ("sigmas, schedule",), lambda: sample_ritard(never, X)),
    Wrong("sample_ritard", ("sigmas", "-1"), lambda: sample_ritard(never, X, sigmas=[-1.0, 0.0])),
    Wrong(
        "sample_ritard", ("schedule=int",), lambda: sample_ritard(never, X, schedule=3), TypeError
    ),
    Wrong(
        "RitardScheduler",
        ("prediction_type='eps'",),
        lambda: RitardScheduler(prediction_type="eps"),
    ),
    Wrong("RitardScheduler", ("solver='best'",), lambda: RitardScheduler(solver="best")),
    Wrong(
        "RitardScheduler",
        ("timestep_spacing='even'",),
        lambda: RitardScheduler(timestep_spacing="even"),
    ),
    Wrong(
        "RitardScheduler",
        ("schedule=SimpleNamespace", ".sampler"),
        lambda: RitardScheduler(schedule=SimpleNamespace(sampler=ddim(VP, GRID))),
        TypeError,
    ),
    Wrong(
        "RitardScheduler",
        ("schedule", "'vp-linear'"),
        lambda: RitardScheduler(schedule=ddim(VP, GRID)),
    ),
    Wrong(
        "RitardScheduler.set_timesteps",
        ("num_inference_steps=0",),
        lambda s: s.set_timesteps(0),
        on=scheduler,
    ),
    Wrong(
        "RitardScheduler.set_timesteps",
        ("num_inference_steps=None",),
        lambda s: s.set_timesteps(),
        on=scheduler,
    ),
    Wrong(
        "RitardScheduler.set_timesteps",
        ("timesteps, sigmas",),
        lambda s: s.set_timesteps(timesteps=[3.0], sigmas=[1.0]),
        on=scheduler,
    ),
    Wrong(
        "RitardScheduler.set_timesteps",
        ("times[1]=900", "100"),
        lambda s: s.set_timesteps(timesteps=[100.0, 900.0]),
        on=scheduler,
    ),
]
DIFFUSION = [*NOISES, *PRESETS, *DECISIONS, *MODELS, *RUNS]

ROOMS = [
    ("ritard.solvers.linear", LINEAR, {"Solution": "a result"}),
    (
        "ritard.solvers.linear.gallery",
        GALLERY,
        {
            "Family": "abstract",
            "HeatEquation": "abstract",
            "Parameters": "a protocol",
            "System": "a result",
        },
    ),
    (
        "ritard.solvers.diffusion",
        [wrong for wrong in DIFFUSION if wrong.of != "grids"],
        {"Node": "a result", "Row": "read by CoefficientTable, which checks it"},
    ),
]
EVERY = [*LINEAR, *GALLERY, *DIFFUSION]


@pytest.mark.parametrize("wrong", EVERY, ids=str)
def test_it_is_refused(wrong):
    check(wrong)


@pytest.mark.parametrize(("room", "rows", "unchecked"), ROOMS, ids=[room for room, *_ in ROOMS])
def test_nothing_public_is_forgotten(room, rows, unchecked):
    assert not unaccounted(room, rows, unchecked)
