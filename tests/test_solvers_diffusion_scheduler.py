"""RitardScheduler: the contract of diffusers, its pipelines, and its traps."""

import copy
import inspect
import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    Discrete,
    Flow,
    Model,
    SolverSchedule,
    SolverStep,
    ddim,
    deis,
    dpmpp_3m,
    dpmpp_3s,
    from_diffusers,
    grids,
    heun,
    ipndm,
    lower,
    sample,
    unipc,
)

diffusers = pytest.importorskip("diffusers")
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # theirs
from ritard.solvers.diffusion import RitardScheduler  # noqa: E402

TABLE = Discrete.from_betas()
SHAPE = (2, 3, 6, 6)
TIGHT = 2e-5


def draws(count, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(SHAPE, generator=generator, dtype=torch.float64).to(dtype) for _ in range(count)
    ]


def tables(noise=TABLE, steps=6):
    """A solver schedule with a bit of everything."""
    times = grids.quadratic_t(noise, steps, end=noise.t_min)
    return SolverSchedule(
        noise,
        times,
        (
            SolverStep("data", corrector="pseudo"),
            SolverStep("noise", 2, scaling=0.1),
            SolverStep("data", 3, points=1, corrector="pseudo"),
            SolverStep("data", 2, start=2, scaling="bh2"),
            SolverStep("noise", 3, corrector="pseudo"),
            SolverStep("data", 2),
        )[:steps],
    )


@torch.no_grad()
def walk(scheduler, outputs, x, steps=None, **more):
    """Every sample that the scheduler returns."""
    if steps or more:
        scheduler.set_timesteps(steps, **more)
    states = []
    for t, output in zip(scheduler.timesteps, outputs, strict=False):
        x = scheduler.step(output, t, x).prev_sample
        states.append(x)
    return states


def gap(states, others):
    return max(float((a - b).norm() / b.norm()) for a, b in zip(states, others, strict=True))


# ---- equal to diffusers' own -------------------------------------------------------------

BETAS = np.linspace(1e-4, 0.02, 1000)
PAIRS = {
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}, {}),
    "dpmpp_3m": ("DPMSolverMultistepScheduler", {"solver_order": 3}, {}),
    "unipc_2": ("UniPCMultistepScheduler", {}, {}),
    "unipc_3": ("UniPCMultistepScheduler", {"solver_order": 3}, {}),
    "deis": (
        "DEISMultistepScheduler",
        {"solver_order": 3, "lower_order_final": True},
        {"final_sigmas_type": "sigma_min"},
    ),
    "leading": (
        "DPMSolverMultistepScheduler",
        {"timestep_spacing": "leading", "steps_offset": 1},
        {"timestep_spacing": "leading", "steps_offset": 1},
    ),
    "trailing": (
        "DPMSolverMultistepScheduler",
        {"timestep_spacing": "trailing", "final_sigmas_type": "sigma_min"},
        {"timestep_spacing": "trailing", "final_sigmas_type": "sigma_min"},
    ),
    "v": ("DPMSolverMultistepScheduler", *[{"prediction_type": "v_prediction"}] * 2),
    "sample": ("DPMSolverMultistepScheduler", *[{"prediction_type": "sample"}] * 2),
    "scaled": ("DPMSolverMultistepScheduler", *[{"beta_schedule": "scaled_linear"}] * 2),
    "cosine": ("DPMSolverMultistepScheduler", *[{"beta_schedule": "squaredcos_cap_v2"}] * 2),
    "trained": ("DPMSolverMultistepScheduler", *[{"trained_betas": BETAS}] * 2),
    "thresholding": ("DPMSolverMultistepScheduler", *[{"thresholding": True}] * 2),
    "flow": (
        "DPMSolverMultistepScheduler",
        *[{"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"}] * 2,
    ),
    "scaled zero snr": (
        "DPMSolverMultistepScheduler",
        *[
            {
                "beta_schedule": "scaled_linear",
                "beta_start": 0.00085,
                "beta_end": 0.012,
                "rescale_betas_zero_snr": True,
            }
        ]
        * 2,
    ),
    "linear zero snr": (
        "DPMSolverMultistepScheduler",
        *[
            {
                "rescale_betas_zero_snr": True,
                "prediction_type": "v_prediction",
                "timestep_spacing": "trailing",
            }
        ]
        * 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("steps", [4, 9])
def test_a_fixed_solver_equals_its_diffusers_scheduler(name, steps):
    cls, theirs, ours = PAIRS[name]
    other = getattr(diffusers, cls)(**theirs)
    solver = name if "_" in name or name == "deis" else "dpmpp_2m"
    scheduler = RitardScheduler(solver=solver, **ours)
    other.set_timesteps(steps)
    scheduler.set_timesteps(steps)
    # diffusers truncates a flow's timesteps to integers; ours keep their fractions
    atol = 1.0 if name == "flow" else 1e-3
    assert torch.allclose(scheduler.timesteps, other.timesteps.float(), atol=atol)
    if name != "linear zero snr":
        assert torch.allclose(scheduler.sigmas, other.sigmas, rtol=2e-4)
    x, *outputs = draws(steps + 1)
    found, expected = walk(scheduler, outputs, x), walk(other, outputs, x)
    # The linear table, rescaled, rises at its end in diffusers; ours falls.
    assert gap(found, expected) < (2e-2 if name == "linear zero snr" else 1e-4)


def test_the_final_euler_solution_under_flow_matching_with_a_shift():
    """The schedule is FlowMatchEuler's own grid: equal to it, from pure noise at t = 1."""
    other = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    other.set_timesteps(7)
    schedule = ddim(Flow(), other.sigmas.double().tolist())
    scheduler = RitardScheduler.from_config(other.config, schedule=schedule)
    assert scheduler.config.prediction_type == "flow_prediction"
    assert scheduler.config.flow_shift == 3.0
    x, *outputs = draws(8)
    assert gap(walk(scheduler, outputs, x, 7), walk(other, outputs, x)) < TIGHT
    assert torch.allclose(scheduler.timesteps, other.timesteps)


@pytest.mark.parametrize("first", ["network", "zero", "unit"])
@pytest.mark.parametrize("implicit", [False, True])
def test_any_schedule_equals_the_executor(first, implicit):
    schedule = replace(tables(), first=first)
    if implicit:
        steps = tuple(
            replace(s, corrector=s.corrector.replace("pseudo", "implicit")) for s in schedule.steps
        )
        schedule = replace(schedule, steps=steps)
    x, *outputs = draws(schedule.nfe + 1, dtype=torch.float64)
    given = iter(outputs)
    expected = sample(Model(lambda x, t: next(given), TABLE), x, lower(schedule))
    scheduler = RitardScheduler(schedule=schedule)
    scheduler.set_timesteps(schedule.nfe)
    assert len(scheduler.timesteps) == schedule.nfe
    found = walk(scheduler, outputs, x * scheduler.init_noise_sigma)[-1]
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-6)
    if first == "zero":
        nodes = schedule.nodes
        assert scheduler.init_noise_sigma == pytest.approx(nodes[1].sigma / nodes[0].sigma)
        assert scheduler.timesteps[0] == pytest.approx(schedule.times[1])


@pytest.mark.parametrize("make", [heun, ipndm])
def test_tables_made_directly(make):
    table = make(TABLE, (*grids.uniform_t(TABLE, 4, end=100.0), TABLE.clean))
    scheduler = RitardScheduler(schedule=table)
    scheduler.set_timesteps()
    x, *outputs = draws(table.nfe + 1, dtype=torch.float64)
    given = iter(outputs)
    expected = sample(Model(lambda x, t: next(given), TABLE), x, table)
    assert torch.allclose(walk(scheduler, outputs, x)[-1], expected, rtol=1e-6, atol=1e-6)
    again = RitardScheduler.from_config(scheduler.config)
    assert torch.equal(
        walk(again, outputs, x, table.nfe)[-1], walk(scheduler, outputs, x, table.nfe)[-1]
    )


# ---- the contract ------------------------------------------------------------------------


def test_timesteps_keep_their_fractions_and_reach_the_network():
    schedule = tables()
    scheduler = RitardScheduler(schedule=schedule)
    scheduler.set_timesteps(schedule.nfe)
    assert scheduler.timesteps.dtype == torch.float32
    assert scheduler.timesteps.tolist() == pytest.approx(schedule.times[:-1])
    assert any(t != round(t) for t in scheduler.timesteps.tolist())
    scheduler = RitardScheduler()
    scheduler.set_timesteps(timesteps=[900.25, 500.5, 20.75])
    assert scheduler.timesteps.tolist() == [900.25, 500.5, 20.75]
    assert scheduler.num_inference_steps == 3


def test_sigmas_may_be_given_as_published():
    levels = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.0]
    scheduler = RitardScheduler(beta_schedule="scaled_linear", beta_start=8.5e-4, beta_end=0.012)
    scheduler.set_timesteps(sigmas=levels[1:])
    assert scheduler.sigmas.tolist() == pytest.approx(levels[1:], rel=1e-5)


@pytest.mark.parametrize("form", [list, np.array, torch.tensor])
def test_levels_come_as_lists_arrays_or_tensors(form):
    """Flow pipelines pass np.linspace(1, 1 / n, n)."""
    flow = RitardScheduler(use_flow_sigmas=True, prediction_type="flow_prediction")
    flow.set_timesteps(sigmas=form([1.0, 0.75, 0.5, 0.25]))
    assert flow.timesteps.tolist() == [1000.0, 750.0, 500.0, 250.0]
    scheduler = RitardScheduler()
    scheduler.set_timesteps(timesteps=form([900.5, 300.25]))
    assert scheduler.timesteps.tolist() == [900.5, 300.25]


@pytest.mark.parametrize("mu", [None, 0.8])
def test_a_flows_given_levels_are_shifted_as_diffusers_does(mu):
    """What Flux and its kind pass: equal levels, and mu."""
    dynamic = {} if mu is None else {"use_dynamic_shifting": True}
    theirs = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, **dynamic)
    ours = RitardScheduler.from_config(theirs.config)
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 5, 5), mu=mu)
    assert ours.timesteps.tolist() == pytest.approx(theirs.timesteps.tolist(), rel=1e-6)
    assert ours.sigmas.tolist() == pytest.approx(theirs.sigmas.tolist(), rel=1e-6)


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_a_flows_own_levels_are_diffusers(steps):
    theirs = diffusers.DPMSolverMultistepScheduler(
        use_flow_sigmas=True, flow_shift=2.0, prediction_type="flow_prediction"
    )
    ours = RitardScheduler.from_config(theirs.config)
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(steps)
    assert ours.sigmas.tolist() == pytest.approx(theirs.sigmas.tolist(), rel=3e-7)


UNKNOWN = {
    "use_karras_sigmas=True": diffusers.DPMSolverMultistepScheduler(use_karras_sigmas=True),
    "use_beta_sigmas=True": diffusers.FlowMatchEulerDiscreteScheduler(use_beta_sigmas=True),
    "shift_terminal=0.1": diffusers.FlowMatchEulerDiscreteScheduler(shift_terminal=0.1),
    "time_shift_type='linear'": diffusers.FlowMatchEulerDiscreteScheduler(time_shift_type="linear"),
}


@pytest.mark.parametrize("setting", UNKNOWN)
def test_a_grid_that_is_not_known_is_told_of(setting):
    config = UNKNOWN[setting].config
    with pytest.warns(UserWarning, match=f"config: {setting} has no effect here"):
        scheduler = RitardScheduler.from_config(config)
    schedule = ddim(scheduler.noise, (scheduler.noise.t_max * 0.9, scheduler.noise.t_min))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RitardScheduler.from_config(config, schedule=schedule)
        RitardScheduler.from_config(diffusers.FlowMatchEulerDiscreteScheduler().config)
        RitardScheduler.from_config(diffusers.UniPCMultistepScheduler().config)


def test_an_inverted_flow_is_refused():
    config = diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True).config
    with pytest.raises(ValueError, match="invert_sigmas=True"):
        RitardScheduler.from_config(config)


@pytest.mark.parametrize("times", [{"timesteps": [900, 300]}, {"sigmas": [10.0, 1.0]}])
def test_times_of_the_pipelines_own_replace_the_schedule_with_a_warning(times):
    (name,) = times
    with pytest.warns(UserWarning, match=f"{name}: the schedule has its own; the fixed solver"):
        RitardScheduler(schedule=tables()).set_timesteps(**times)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RitardScheduler().set_timesteps(**times)


def test_a_schedule_serves_one_number_of_steps():
    scheduler = RitardScheduler(schedule=tables())
    with pytest.warns(UserWarning, match="num_inference_steps=9: the schedule is for 6"):
        scheduler.set_timesteps(9)
    assert len(scheduler.timesteps) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.set_timesteps(6)


def test_saved_and_loaded(tmp_path):
    scheduler = RitardScheduler(schedule=tables(), prediction_type="v_prediction")
    scheduler.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "scheduler_config.json").read_text())
    assert saved["_class_name"] == "RitardScheduler"
    loaded = RitardScheduler.from_pretrained(tmp_path)
    assert SolverSchedule.from_dict(loaded.config.schedule) == tables()
    x, *outputs = draws(7)
    assert all(map(torch.equal, walk(loaded, outputs, x, 6), walk(scheduler, outputs, x, 6)))
    scheduler.save_config(tmp_path / "again")
    assert RitardScheduler.from_pretrained(tmp_path / "again").config == loaded.config


def test_every_compatible_scheduler_and_back():
    scheduler = RitardScheduler(schedule=tables(), steps_offset=1)
    parameters = set(inspect.signature(RitardScheduler.__init__).parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cls in scheduler.compatibles:
            if cls.__name__ in ("DPMSolverSDEScheduler", "EDMEulerScheduler"):
                continue  # the first needs torchsde; the other preconditions the network
            other = cls.from_config(scheduler.config)
            again = RitardScheduler.from_config(other.config)
            assert {k: v for k, v in again.config.items() if k in scheduler.config} == dict(
                scheduler.config
            )
            assert not (set(again.config) - set(scheduler.config)) & parameters
    with pytest.raises(ValueError, match=r"sigma_data=0\.5 is of a scheduler that preconditions"):
        RitardScheduler.from_config(diffusers.EDMEulerScheduler().config)


def test_tuple_and_dict_agree_and_what_pipelines_pass_is_accepted():
    x, output = draws(2)
    ends = []
    for more in ({}, {"return_dict": False}, {"generator": None, "eta": 0.0}):
        scheduler = RitardScheduler()
        scheduler.set_timesteps(5)
        found = scheduler.step(output, scheduler.timesteps[0], x, **more)
        ends.append(found[0] if isinstance(found, tuple) else found.prev_sample)
        assert ends[-1].shape == x.shape
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])


def test_public_names():
    scheduler = RitardScheduler()
    assert scheduler.order == 1
    assert scheduler.init_noise_sigma == 1.0
    assert len(scheduler) == scheduler.config.num_train_timesteps == 1000
    assert (scheduler.step_index, scheduler.begin_index) == (None, None)
    scheduler.set_timesteps(4)
    x, *outputs = draws(5)
    assert torch.equal(scheduler.scale_model_input(x, scheduler.timesteps[0]), x)
    walk(scheduler, outputs[:2], x)
    assert scheduler.step_index == 2
    with pytest.raises(ValueError, match="all 4 timesteps are done"):
        walk(scheduler, outputs + outputs, x)
        scheduler.step(x, 0, x)
    other = diffusers.DDPMScheduler()
    assert torch.allclose(scheduler.alphas_cumprod, other.alphas_cumprod, rtol=1e-4)
    assert torch.allclose(scheduler.betas, other.betas, rtol=1e-3, atol=1e-9)
    signature = inspect.signature(scheduler.set_timesteps).parameters
    assert {"timesteps", "sigmas", "device", "mu"} <= set(signature)


@torch.no_grad()
def test_the_step_index_is_a_counter():
    """Values may repeat: the timestep is looked at once."""
    scheduler, x, outputs = RitardScheduler(), *(lambda d: (d[0], d[1:]))(draws(5))
    expected = walk(scheduler, outputs, x, 4)
    scheduler.set_timesteps(4)
    found = [scheduler.step(outputs[0], scheduler.timesteps[0], x).prev_sample]
    for output in outputs[1:]:
        found.append(scheduler.step(output, -5, found[-1]).prev_sample)
    assert all(map(torch.equal, found, expected))


def test_noise_is_added_by_the_table_in_the_samples_dtype():
    scheduler = RitardScheduler()
    x, eps = draws(2)
    times = torch.tensor([999, 20])
    theirs = diffusers.DDPMScheduler().add_noise(x, eps, times)
    assert torch.allclose(scheduler.add_noise(x, eps, times), theirs, atol=2e-4)
    between = scheduler.add_noise(x, eps, torch.tensor([500.5, 500.5]))
    sides = [scheduler.add_noise(x, eps, torch.tensor([t, t])) for t in (500, 501)]
    assert torch.allclose(between, (sides[0] + sides[1]) / 2, atol=1e-4)
    assert scheduler.add_noise(x.half(), eps.half(), times).dtype == torch.float16
    for one in (500, torch.tensor(500), [500, 500]):
        assert torch.equal(scheduler.add_noise(x, eps, one), sides[0])
    flow = RitardScheduler(use_flow_sigmas=True, prediction_type="flow_prediction")
    found = flow.scale_noise(x, torch.tensor([250.0]), eps)
    assert torch.allclose(found, 0.75 * x + 0.25 * eps, atol=1e-6)


def test_half_precision_runs_are_summed_in_single():
    schedule = tables()
    x, *outputs = draws(7, dtype=torch.bfloat16)
    found = walk(RitardScheduler(schedule=schedule), outputs, x, 6)
    wide = walk(RitardScheduler(schedule=schedule), [o.float() for o in outputs], x.float(), 6)
    assert found[-1].dtype == torch.bfloat16
    assert torch.equal(found[-1], wide[-1].bfloat16())  # rounded once, at the end


@pytest.mark.parametrize("solver", ["unipc_2", "dpmpp_2m"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()  # as pipelines run: sums are in place only then
def test_returned_samples_are_not_changed_later_and_edits_count(solver, dtype):
    scheduler = RitardScheduler(solver=solver)
    x, *outputs = draws(6, dtype=dtype)
    scheduler.set_timesteps(5)
    kept = []
    for t, output in zip(scheduler.timesteps, outputs, strict=True):
        x = scheduler.step(output, t, x).prev_sample
        kept.append((x, x.clone()))
    assert all(torch.equal(a, b) for a, b in kept)
    ends = []
    for edit in (lambda x: x, lambda x: x.add_(1.0), lambda x: x + 1.0):
        scheduler.set_timesteps(5)
        x = draws(1, dtype=dtype)[0]
        for t, output in zip(scheduler.timesteps, outputs, strict=True):
            x = edit(scheduler.step(output, t, x).prev_sample)
        ends.append(x)
    assert torch.equal(ends[1], ends[2])
    assert not torch.allclose(ends[0], ends[1])


def test_a_learned_variance_is_dropped():
    x, *outputs = draws(6)
    twice = [torch.cat([o, torch.full_like(o, 9.0)], 1) for o in outputs]
    ends = [
        walk(RitardScheduler(variance_type=kind), given, x, 5)
        for kind, given in ((None, outputs), ("learned_range", twice))
    ]
    assert all(map(torch.equal, *ends))


def test_short_training_tables():
    scheduler = RitardScheduler(num_train_timesteps=4)
    assert len(scheduler.timesteps) == 4


@torch.no_grad()
def test_deep_copies_go_on_alike():
    scheduler = RitardScheduler(schedule=tables())
    x, *outputs = draws(7)
    states = walk(scheduler, outputs[:3], x, 6)
    other = copy.deepcopy(scheduler)
    ends = []
    for each in (scheduler, other):
        y = states[-1]
        for t, output in zip(each.timesteps[3:], outputs[3:], strict=True):
            y = each.step(output, t, y).prev_sample
        ends.append(y)
    assert torch.equal(*ends)


# ---- starting in the middle --------------------------------------------------------------


@pytest.mark.parametrize("begin", [1, 3])
@pytest.mark.parametrize("told", [True, False])
def test_a_start_in_the_middle_runs_the_tail(begin, told):
    schedule = tables()
    scheduler = RitardScheduler(schedule=schedule)
    scheduler.set_timesteps(6)
    x, *outputs = draws(7 - begin, dtype=torch.float64)
    if told:
        scheduler.set_begin_index(begin)
        assert scheduler.begin_index == begin
    y = x
    for t, output in zip(scheduler.timesteps[begin:], outputs, strict=True):
        y = scheduler.step(output, t, y).prev_sample
    assert scheduler.step_index == 6
    given = iter(outputs)
    expected = sample(Model(lambda x, t: next(given), TABLE), x, lower(schedule.tail(begin)))
    assert torch.allclose(y, expected, rtol=1e-10)


def test_multistep_starts_in_the_middle_as_diffusers_does():
    x, *outputs = draws(7)
    other = diffusers.DPMSolverMultistepScheduler(solver_order=3)
    ends = []
    for scheduler in (RitardScheduler(solver="dpmpp_3m"), other):
        scheduler.set_timesteps(10)
        scheduler.set_begin_index(4)
        ends.append(_from(scheduler, outputs, x, 4))
    assert gap(*ends) < 1e-4


def _from(scheduler, outputs, x, begin):
    states = []
    for t, output in zip(scheduler.timesteps[begin:], outputs, strict=True):
        x = scheduler.step(output, t, x).prev_sample
        states.append(x)
    return states


@pytest.mark.parametrize("make", [heun, ipndm])
@pytest.mark.parametrize("begin", [2, 3])
def test_tables_made_directly_start_in_the_middle_too(make, begin):
    """Exact for a constant output; where history is missing a first-order step stands in."""
    table = make(TABLE, (*grids.uniform_t(TABLE, 5, end=100.0), TABLE.clean))
    scheduler = RitardScheduler(schedule=table, prediction_type="sample")
    scheduler.set_timesteps()
    scheduler.set_begin_index(begin)
    count = table.nfe - begin
    data, eps = draws(2)
    node = TABLE.node(float(scheduler.timesteps[begin]))
    states = _from(scheduler, [data] * count, node.alpha * data + node.sigma * eps, begin)
    assert torch.allclose(states[-1], data, atol=1e-4)


def test_a_start_at_a_repeated_timestep_is_the_corrected_one():
    table = heun(TABLE, (*grids.uniform_t(TABLE, 4, end=100.0), TABLE.clean))
    scheduler = RitardScheduler(schedule=table)
    scheduler.set_timesteps()
    assert scheduler.timesteps[1] == scheduler.timesteps[2]
    assert scheduler.index_for_timestep(scheduler.timesteps[1]) == 2
    implicit = SolverSchedule(
        TABLE, (999.0, 500.0, 100.0, 0.0),
        (SolverStep(corrector="implicit"), SolverStep(corrector="implicit"), SolverStep()), "zero",
    )  # fmt: skip
    scheduler = RitardScheduler(schedule=implicit)
    scheduler.set_timesteps()
    assert scheduler.timesteps.tolist() == [500.0, 500.0, 100.0, 100.0]
    assert scheduler.index_for_timestep(500.0) == 0


def test_dynamic_thresholding_by_hand():
    from ritard.solvers.diffusion.threshold import dynamic_threshold

    small = torch.tensor([[0.5, -0.25, 0.1]])
    assert torch.equal(dynamic_threshold(small, 0.9, 5.0), small)
    large = torch.tensor([[8.0, -2.0, 1.0]])
    assert torch.allclose(dynamic_threshold(large, 0.5, 5.0), torch.tensor([[1.0, -1.0, 0.5]]))
    assert torch.allclose(dynamic_threshold(large, 1.0, 4.0), torch.tensor([[1.0, -0.5, 0.25]]))


def test_an_analytic_first_step_needs_the_start():
    schedule = replace(tables(), first="zero")
    scheduler = RitardScheduler(schedule=schedule)
    scheduler.set_timesteps(5)
    scheduler.set_begin_index(2)
    x, output = draws(2)
    with pytest.raises(ValueError, match="first='zero'"):
        scheduler.step(output, scheduler.timesteps[2], x)


# ---- bad input ---------------------------------------------------------------------------

BAD = {
    "made for noise schedule 'edm'": lambda: RitardScheduler(schedule=ddim(EDM(), (80.0, 1.0))),
    "made for noise schedule 'discrete'": lambda: RitardScheduler(
        schedule=tables(), beta_schedule="scaled_linear"
    ),
    "first='mean'": lambda: RitardScheduler(schedule=replace(tables(), first="mean")),
    "prediction_type='noise'": lambda: RitardScheduler(prediction_type="noise"),
    "solver='best'": lambda: RitardScheduler(solver="best"),
    "final_sigmas_type='none'": lambda: RitardScheduler(final_sigmas_type="none"),
    "timestep_spacing='even'": lambda: RitardScheduler(timestep_spacing="even"),
    "format=None": lambda: RitardScheduler(schedule={}),
    "at most one": lambda: RitardScheduler().set_timesteps(timesteps=[3], sigmas=[1.0]),
    "num_inference_steps=None": lambda: RitardScheduler().set_timesteps(),
    "num_inference_steps=1001": lambda: RitardScheduler().set_timesteps(1001),
    "num_inference_steps=0": lambda: RitardScheduler().set_timesteps(0),
    r"step 1: times\[1\]=80 after 70": lambda: RitardScheduler().set_timesteps(timesteps=[70, 80]),
    "lambda=": lambda: RitardScheduler().set_timesteps(sigmas=[1e4]),
    r"sigmas\[1\]=-1": lambda: RitardScheduler().set_timesteps(sigmas=[10.0, -1.0]),
    r"sigmas\[1\]=0": lambda: RitardScheduler().set_timesteps(sigmas=[10.0, 0.0, 0.0]),
    r"sigmas=\[\]": lambda: RitardScheduler().set_timesteps(sigmas=[]),
    r"timesteps=\[\]": lambda: RitardScheduler().set_timesteps(timesteps=[]),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_refused(message):
    with pytest.raises(ValueError, match=message):
        BAD[message]()


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("count", ["6", 7.5, True])
def test_a_number_of_steps_that_is_none(flow, count):
    kind = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"} if flow else {}
    with pytest.raises(TypeError, match="num_inference_steps="):
        RitardScheduler(**kind).set_timesteps(count)
    with pytest.raises(ValueError, match="num_inference_steps=0"):
        RitardScheduler(**kind).set_timesteps(0)


@pytest.mark.parametrize(
    "wrong", [{"sigmas": [-1.0]}, {"num_inference_steps": 0}, {"device": "nowhere"}]
)
@torch.no_grad()
def test_what_is_refused_leaves_the_run_as_it_was(wrong):
    scheduler = RitardScheduler(schedule=tables())
    scheduler.set_timesteps(6)
    x, *outputs = draws(7)
    expected = walk(scheduler, outputs, x)[-1]
    scheduler.set_timesteps(6)
    half = walk(scheduler, outputs[:3], x)[-1]
    with pytest.raises((ValueError, RuntimeError)):
        scheduler.set_timesteps(**wrong)
    assert scheduler.step_index == 3
    for t, output in zip(scheduler.timesteps[3:], outputs[3:], strict=True):
        half = scheduler.step(output, t, half).prev_sample
    assert torch.equal(half, expected)


def test_another_batch_in_the_middle_is_refused():
    scheduler = RitardScheduler()
    scheduler.set_timesteps(4)
    x, output = draws(2)
    x = scheduler.step(output, scheduler.timesteps[0], x).prev_sample
    with pytest.raises(ValueError, match=r"shape \(1, 3, 6, 6\)"):
        scheduler.step(output[:1], scheduler.timesteps[1], x[:1])


def test_a_begin_index_beyond_the_end():
    scheduler = RitardScheduler()
    scheduler.set_timesteps(4)
    scheduler.set_begin_index(4)
    with pytest.raises(ValueError, match="begin_index=4: expected 0 to 3"):
        scheduler.step(*draws(1), 0, *draws(1))


@pytest.mark.parametrize("steps", [1, 2, 3, 50, 999, 1000])
def test_any_number_of_steps(steps):
    scheduler = RitardScheduler(solver="unipc_3")
    scheduler.set_timesteps(steps)
    x = torch.ones(1, 1)
    for t in scheduler.timesteps:
        x = scheduler.step(0.1 * x, t, x).prev_sample
    assert torch.isfinite(x).all()
    assert scheduler.step_index == steps


# ---- pipelines ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
    )


def images(pipeline, steps, **more):
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(3)
    return pipeline(
        batch_size=2, num_inference_steps=steps, generator=generator, output_type="np", **more
    ).images


def test_the_ddpm_pipeline(unet, tmp_path):
    ours = images(diffusers.DDPMPipeline(unet, RitardScheduler()), 5)
    theirs = images(diffusers.DDPMPipeline(unet, diffusers.DPMSolverMultistepScheduler()), 5)
    assert np.abs(ours - theirs).max() < 1e-4
    assert ours.std() > 0.1
    pipeline = diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(clip_sample=False))
    schedule = tables()
    pipeline.scheduler = RitardScheduler.from_config(pipeline.scheduler.config, schedule=schedule)
    found = images(pipeline, 6)
    pipeline.save_pretrained(tmp_path)
    loaded = diffusers.DDPMPipeline.from_pretrained(tmp_path)
    assert type(loaded.scheduler) is RitardScheduler
    assert np.array_equal(images(loaded, 6), found)


def test_the_executor_and_the_pipeline_give_the_same_image(unet):
    """from_diffusers: the same network, table and noise, with no pipeline."""
    schedule, scheduler = tables(), RitardScheduler(schedule=tables())
    found = images(diffusers.DDPMPipeline(unet, scheduler), 6)
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    expected = sample(from_diffusers(unet, scheduler), x, lower(schedule))
    expected = (expected / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert np.abs(found - expected).max() < 1e-4


def test_clipped_data(unet):
    """DDPM's configurations clip; DDIM of diffusers shows the same result."""
    config = diffusers.DDPMScheduler(clip_sample=True).config
    scheduler = RitardScheduler.from_config(config, solver="ddim", lower_order_final=False)
    other = diffusers.DDIMScheduler.from_config(config, timestep_spacing="linspace")
    x, *outputs = draws(6)
    scheduler.set_timesteps(timesteps=[999, 749, 500, 250, 0])
    other.set_timesteps(5)
    assert other.timesteps.tolist() == [999, 749, 500, 250, 0]
    first = scheduler.step(outputs[0], 999, x).prev_sample
    # their step leads 200 timesteps down whatever the spacing; the clipped data is what agrees
    data = other.step(outputs[0], 999, x).pred_original_sample
    a, b = TABLE.node(999.0), TABLE.node(749.0)
    expected = b.alpha * data + b.sigma * (x - a.alpha * data) / a.sigma
    assert torch.allclose(first, expected, atol=1e-4)
    assert float(data.abs().max()) <= 1.0


@pytest.fixture(scope="module")
def latent():
    """The parts of a Stable Diffusion pipeline, tiny and random, prompts given as embeddings."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        norm_num_groups=4,
        attention_head_dim=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
    )
    return {
        "vae": vae,
        "text_encoder": None,
        "tokenizer": None,
        "unet": unet,
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def prompted(pipeline, steps, **more):
    pipeline.set_progress_bar_config(disable=True)
    embeddings = torch.randn(1, 7, 16, generator=torch.Generator().manual_seed(1))
    return pipeline(
        prompt_embeds=embeddings,
        negative_prompt_embeds=torch.zeros(1, 7, 16),
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(2),
        output_type="latent",
        **more,
    ).images


STABLE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 8.5e-4,
    "beta_end": 0.012,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_latent_pipeline_with_guidance(latent, prediction):
    own = diffusers.DPMSolverMultistepScheduler(**STABLE, prediction_type=prediction)
    pipeline = diffusers.StableDiffusionPipeline(scheduler=own, **latent)
    theirs = prompted(pipeline, 5, guidance_scale=3.0, height=16, width=16)
    pipeline.scheduler = RitardScheduler.from_config(own.config)
    ours = prompted(pipeline, 5, guidance_scale=3.0, height=16, width=16)
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-4
    schedule = unipc(pipeline.scheduler.noise, grids.quadratic_t(pipeline.scheduler.noise, 4), 3)
    pipeline.scheduler = RitardScheduler.from_config(
        own.config, schedule=replace(schedule, first="zero")
    )
    assert torch.isfinite(prompted(pipeline, 3, height=16, width=16)).all()
    seen = []
    prompted(pipeline, 3, height=16, width=16,
             callback_on_step_end=lambda p, i, t, kw: seen.append(float(t)) or kw)  # fmt: skip
    assert seen == pytest.approx(schedule.times[1:-1])
    # custom levels, as pipelines pass them
    pipeline.scheduler = RitardScheduler.from_config(own.config)
    assert torch.isfinite(
        prompted(pipeline, None, sigmas=[9.5, 2.5, 0.25], height=16, width=16)
    ).all()


def test_image_to_image(latent):
    own = diffusers.DPMSolverMultistepScheduler(**STABLE)
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    ends = []
    for scheduler in (own, RitardScheduler.from_config(own.config)):
        pipeline = diffusers.StableDiffusionImg2ImgPipeline(scheduler=scheduler, **latent)
        ends.append(prompted(pipeline, 8, image=image, strength=0.5))
    assert float((ends[1] - ends[0]).norm() / ends[0].norm()) < 1e-3


def test_a_flow_matching_pipeline_with_a_shift(latent):
    """Stable Diffusion 3, tiny: FlowMatchEuler's own grid as a schedule, and the plain switch."""
    torch.manual_seed(0)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=16,
        caption_projection_dim=16,
        pooled_projection_dim=16,
        out_channels=4,
    )
    none = dict.fromkeys(
        f"{part}{i}" for part in ("text_encoder", "tokenizer") for i in ("", "_2", "_3")
    )

    def latents(scheduler, **more):
        pipeline = diffusers.StableDiffusion3Pipeline(
            transformer=transformer, scheduler=scheduler, vae=latent["vae"], **none
        )
        pooled = {"pooled_prompt_embeds": torch.ones(1, 16)}
        pooled["negative_pooled_prompt_embeds"] = torch.zeros(1, 16)
        return prompted(pipeline, 5, height=16, width=16, **pooled, **more)

    own = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    theirs = latents(own)
    schedule = ddim(Flow(), own.sigmas.double().tolist())
    ours = latents(RitardScheduler.from_config(own.config, schedule=schedule))
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-5
    assert torch.isfinite(latents(RitardScheduler.from_config(own.config))).all()
    dynamic = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    moved = RitardScheduler.from_config(dynamic.config)
    latents(moved, mu=1.1)
    times = [t / 1000 for t in moved.timesteps.tolist()]
    plain = [0.999 * (1 - i / 5) for i in range(5)]
    shift = math.exp(1.1)
    assert times == pytest.approx([shift * t / (1 + (shift - 1) * t) for t in plain], rel=1e-5)


def test_the_ddim_pipeline_takes_its_own_scheduler_instead(unet):
    """A trap of diffusers, kept here so that we notice when it goes."""
    pipeline = diffusers.DDIMPipeline(unet, RitardScheduler(schedule=tables()))
    assert type(pipeline.scheduler) is diffusers.DDIMScheduler


def test_from_diffusers_reads_each_kind_of_scheduler():
    cases = [
        (diffusers.DDPMScheduler(), Discrete, "noise", 1.0),
        (diffusers.DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True),
         Discrete, "v", 1.0),
        (diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), Flow, "flow", 1000.0),
        (RitardScheduler(prediction_type="sample"), Discrete, "data", 1.0),
        (RitardScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
         Flow, "flow", 1000.0),
    ]  # fmt: skip
    for scheduler, noise, prediction, scale in cases:
        seen = []

        def network(x, t, return_dict=True, seen=seen):
            seen.append(t)
            return (x,)

        model = from_diffusers(network, scheduler)
        assert type(model.noise) is noise
        assert model.prediction == prediction
        model(torch.ones(2, 3), 0.25)
        assert seen[0].tolist() == [0.25 * scale] * 2
        # what was searched on that model is accepted by the pipeline's scheduler
        start, end = model.noise.t_max * 0.9, max(model.noise.t_min, 0.01)
        schedule = dpmpp_3m(model.noise, grids.uniform_lambda(model.noise, 4, start, end))
        RitardScheduler.from_config(scheduler.config, schedule=schedule)
    with pytest.raises(ValueError, match="neither alphas_cumprod nor flow"):
        from_diffusers(lambda x, t: x, diffusers.EDMEulerScheduler())


def test_the_package_stays_light():
    import subprocess
    import sys

    code = (
        "import sys, ritard.solvers.diffusion; print(*{m.partition('.')[0] for m in sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"diffusers", "numba", "lightning", "optuna", "matplotlib", "sklearn", "pandas"}
    assert not heavy & set(out.stdout.split())


def test_blocks_of_singlestep_solvers_run_as_well():
    for make in (dpmpp_3s, deis):
        schedule = make(TABLE, grids.uniform_lambda(TABLE, 6))
        x, *outputs = draws(7, dtype=torch.float64)
        given = iter(outputs)
        expected = sample(Model(lambda x, t, g=given: next(g), TABLE), x, lower(schedule))
        found = walk(RitardScheduler(schedule=schedule), outputs, x, 6)[-1]
        assert torch.allclose(found, expected, rtol=1e-10)
    assert math.isfinite(float(found.sum()))
