"""Each preset equals its diffusers scheduler, on every sample that the scheduler returns.

One list of random tensors plays the network in both. Comparing only the end would miss wrong
inner rows: with given outputs an inner stage may never enter the final sample.
"""

import math
import warnings

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    Execution,
    Flow,
    SolverSchedule,
    VPLinear,
    ddim,
    deis,
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
    heun,
    ipndm,
    lms,
    lower,
    unipc,
)

diffusers = pytest.importorskip("diffusers")
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # theirs

VP = VPLinear(beta_max=25.0)  # any VP schedule will do: only its lambdas count
SHAPE = (2, 3, 8, 8)
TIGHT = 2e-5  # the floor is diffusers' float32 sigma table
LOOSE = 1e-4  # UniPC-4 solves a 4 x 4 system in float32


def scheduler(name, **config):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "dpmsolver" is deprecated there
        return getattr(diffusers, name)(**config)


def times_of(sigmas, noise=VP):
    """The times of a scheduler's own sigma list (sigma / alpha)."""
    return [
        noise.clean if s == 0 else noise.time_at(-math.log(s)) for s in sigmas.double().tolist()
    ]


def theirs(sched, outputs, x):
    states = []
    for t, output in zip(sched.timesteps, outputs, strict=True):
        x = sched.step(output, t, x).prev_sample
        states.append(x)
    return states


def ours(table, outputs, x, prediction="noise"):
    states, run = [], Execution(table, x)
    for output in outputs:
        run.advance(output, prediction)
        states.append(run.x.clone())  # later sums may use its memory again
    assert run.node is None
    assert len(outputs) == table.nfe
    return states


def gap(states, others):
    return max(float((a - b).norm() / b.norm()) for a, b in zip(states, others, strict=True))


def draws(count, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(SHAPE, generator=generator, dtype=dtype) for _ in range(count + 1)]


def compare(sched, make, count, seed=0, noise=VP, prediction="noise", dtype=torch.float64):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sched.set_timesteps(count)
        x, *outputs = draws(len(sched.timesteps), seed, dtype)
        made = make(noise, times_of(sched.sigmas, noise))
        table = lower(made) if isinstance(made, SolverSchedule) else made
        return gap(ours(table, outputs, x, prediction), theirs(sched, outputs, x))


def multistep(order, algorithm="dpmsolver++", solver="midpoint", final=False, **more):
    return lambda: scheduler(
        "DPMSolverMultistepScheduler",
        solver_order=order,
        algorithm_type=algorithm,
        solver_type=solver,
        lower_order_final=final,
        final_sigmas_type="sigma_min",
        **more,
    )


def singlestep(order, algorithm="dpmsolver++", solver="midpoint"):
    return lambda: scheduler(
        "DPMSolverSinglestepScheduler",
        solver_order=order,
        algorithm_type=algorithm,
        solver_type=solver,
        lower_order_final=False,
        final_sigmas_type="sigma_min",
    )


def unified(order, solver="bh2", data=True, final=False):
    return lambda: scheduler(
        "UniPCMultistepScheduler",
        solver_order=order,
        solver_type=solver,
        predict_x0=data,
        lower_order_final=final,
        final_sigmas_type="sigma_min",
    )


def by(preset, *args, final=False, **kwargs):
    def make(noise, times):
        found = preset(noise, times, *args, **kwargs)
        return found.lower_final() if final else found

    return make


N = "dpmsolver"
MULTISTEP = {
    "ddim": (multistep(1), by(ddim)),
    "ddim, noise": (multistep(1, N), by(ddim)),
    "2m": (multistep(2), by(dpmpp_2m)),
    "2m heun": (multistep(2, solver="heun"), by(dpmpp_2m, "heun")),
    "2m noise": (multistep(2, N), by(dpm_solver_2m)),
    "2m noise heun": (multistep(2, N, "heun"), by(dpm_solver_2m, "heun")),
    "3m": (multistep(3), by(dpmpp_3m)),
    "3m noise": (multistep(3, N), by(dpm_solver_3m)),
    "2m lower final": (multistep(2, final=True), by(dpmpp_2m, final=True)),
    "3m lower final": (multistep(3, final=True), by(dpmpp_3m, final=True)),
    **{
        f"unipc-{p} {b} {k}": (unified(p, b, k == "data"), by(unipc, p, k, b))
        for p in (1, 2, 3, 4)
        for b in ("bh1", "bh2")
        for k in ("noise", "data")
    },
    "unipc-3 lower final": (unified(3, final=True), by(unipc, 3, final=True)),
    **{
        f"deis-{p}": (
            lambda p=p: scheduler(
                "DEISMultistepScheduler", solver_order=p, lower_order_final=False
            ),
            by(deis, p),
        )
        for p in (1, 2, 3)
    },
}
SINGLESTEP = {
    "2s": (singlestep(2), by(dpmpp_2s), 2),
    "2s heun": (singlestep(2, solver="heun"), by(dpmpp_2s, "heun"), 2),
    "2s noise": (singlestep(2, N), by(dpm_solver_2s), 2),
    "2s noise heun": (singlestep(2, N, "heun"), by(dpm_solver_2s, "heun"), 2),
    "3s": (singlestep(3), by(dpmpp_3s), 3),
    "3s heun": (singlestep(3, solver="heun"), by(dpmpp_3s, "heun"), 3),
    "3s noise": (singlestep(3, N), by(dpm_solver_3s), 3),
    "3s noise heun": (singlestep(3, N, "heun"), by(dpm_solver_3s, "heun"), 3),
}


@pytest.mark.parametrize("name", MULTISTEP)
def test_multistep_presets_equal_their_schedulers(name):
    build, make = MULTISTEP[name]
    bound = LOOSE if name.startswith("unipc-4") else TIGHT
    for count, seed in ((5, 0), (9, 1), (20, 2)):
        # diffusers lowers the final order below 15 steps only, unless the end is clean
        if "lower final" in name and count >= 15 and not name.startswith("unipc"):
            continue
        assert compare(build(), make, count, seed) < bound, count


@pytest.mark.parametrize("name", SINGLESTEP)
def test_singlestep_presets_equal_their_schedulers(name):
    build, make, block = SINGLESTEP[name]
    for blocks in (2, 3):
        assert compare(build(), make, block * blocks, seed=blocks) < TIGHT


def test_float32_states_agree_as_well():
    for name in ("2m", "3m", "unipc-3 bh2 data", "deis-2"):
        assert compare(*_built(name), 9, dtype=torch.float32) < TIGHT


def _built(name):
    build, make = MULTISTEP[name]
    return build(), make


def test_the_shipped_3m_has_half_the_exact_coefficient():
    assert compare(multistep(3)(), by(dpmpp_3m_exact), 8) > 1e-2
    assert compare(multistep(3, N)(), by(dpm_solver_3m_exact), 8) > 1e-3


def test_the_original_3s_differs_from_diffusers_inside_a_block_only():
    with torch.no_grad():
        sched = singlestep(3, N)()
        sched.set_timesteps(6)
        x, *outputs = draws(6, 0)
        table = lower(dpm_solver_3s(VP, times_of(sched.sigmas), "original"))
        pairs = zip(ours(table, outputs, x), theirs(sched, outputs, x), strict=True)
        gaps = [gap([a], [b]) for a, b in pairs]
    assert max(gaps[0], gaps[2], gaps[3], gaps[5]) < TIGHT
    assert min(gaps[1], gaps[4]) > 1e-3


@pytest.mark.parametrize("name", ["2m", "unipc-2", "3m"])
def test_default_settings_that_end_in_clean_data(name):
    cls = "UniPCMultistepScheduler" if name.startswith("unipc") else "DPMSolverMultistepScheduler"
    preset = {"2m": by(dpmpp_2m, final=True), "3m": by(dpmpp_3m, final=True)}.get(
        name, by(unipc, 2, final=True)
    )
    sched = scheduler(cls, solver_order=3 if name == "3m" else 2)
    assert compare(sched, preset, 7) < TIGHT


@pytest.mark.parametrize("grid", ["use_karras_sigmas", "use_exponential_sigmas", "use_lu_lambdas"])
def test_other_grids(grid):
    if grid == "use_karras_sigmas":  # with sigma_min diffusers repeats the last one: h = 0
        sched = scheduler(
            "DPMSolverMultistepScheduler", **{grid: True}, timestep_spacing="linspace"
        )
    else:
        sched = scheduler("DPMSolverMultistepScheduler", **{grid: True})
    assert compare(sched, by(dpmpp_2m, final=True), 8) < TIGHT


@pytest.mark.parametrize("prediction", ["noise", "data", "v"])
def test_prediction_types(prediction):
    name = {"noise": "epsilon", "data": "sample", "v": "v_prediction"}[prediction]
    build = multistep(2, prediction_type=name)
    assert compare(build(), by(dpmpp_2m), 8, prediction=prediction) < TIGHT


def test_flow_matching():
    sched = scheduler("FlowMatchEulerDiscreteScheduler", shift=3.0)
    with torch.no_grad():
        sched.set_timesteps(8)
        x, *outputs = draws(8, 0)
        table = lower(ddim(Flow(), sched.sigmas.double().tolist()))  # from t = 1: pure noise
        assert gap(ours(table, outputs, x, "flow"), theirs(sched, outputs, x)) < TIGHT


@pytest.mark.parametrize("cls", ["DPMSolverMultistepScheduler", "UniPCMultistepScheduler"])
def test_flow_sigmas_of_the_multistep_schedulers(cls):
    sched = scheduler(cls, use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=2.0)
    with torch.no_grad():
        sched.set_timesteps(8)
        x, *outputs = draws(8, 0)
        times = sched.sigmas.double().tolist()
        preset = unipc if cls.startswith("UniPC") else dpmpp_2m
        table = lower(preset(Flow(), times).lower_final())
        assert gap(ours(table, outputs, x, "flow"), theirs(sched, outputs, x)) < TIGHT


def test_heun_and_linear_multistep_in_sigma_space():
    """Their samples live in sigma space: alpha is 1, and the end is clean."""
    for name, make in (("HeunDiscreteScheduler", heun), ("LMSDiscreteScheduler", lms)):
        sched = scheduler(name)
        with torch.no_grad():
            sched.set_timesteps(9)
            x, *outputs = draws(len(sched.timesteps), 0)
            sigmas = sched.sigmas.double().tolist()
            times = [sigmas[0], *sigmas[1:-1:2], 0.0] if name.startswith("Heun") else sigmas
            table = make(EDM(t_max=200.0), times)
            found = ours(table, outputs, x * sigmas[0])
            assert gap(found, theirs(sched, outputs, x * sigmas[0])) < 2e-4  # LMS: quad to 1e-4
            if name.startswith("Heun"):
                assert gap(found, theirs(_fresh(sched, 9), outputs, x * sigmas[0])) < TIGHT


def _fresh(sched, count):
    sched.set_timesteps(count)
    return sched


@pytest.mark.parametrize("count", [3, 4, 9])
def test_ipndm(count):
    """Its network predicts v, and its sigma is called beta."""
    sigmas = np.append(np.linspace(0.98, 0.2, count), 0.0)
    sched = scheduler("IPNDMScheduler", trained_betas=sigmas)
    with torch.no_grad():
        sched.set_timesteps(count)
        x, *outputs = draws(count, 0)
        kappas = torch.tensor(sigmas / np.sqrt(1 - sigmas**2))
        table = ipndm(VP, times_of(kappas))
        assert gap(ours(table, outputs, x, "v"), theirs(sched, outputs, x)) < TIGHT
