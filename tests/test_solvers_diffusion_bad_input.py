"""What must be refused, before anything runs, with the step and the value named."""

import json
import math

import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    CoefficientTable,
    Discrete,
    EmpiricalDenoiser,
    Flow,
    GaussianMixture,
    LowRankMixture,
    Model,
    NoiseSchedule,
    SolverSchedule,
    SolverStep,
    VPCosine,
    VPLinear,
    ddim,
    deis,
    deis_tab,
    dpmpp_2m,
    dpmpp_3s,
    from_diffusers,
    grids,
    heun,
    ipndm,
    lower,
    reference,
    sample,
    unipc,
)

VP = VPLinear()
GRID = grids.uniform_lambda(VP, 4)
FIRST, SECOND = SolverStep(), SolverStep(order=2)


def four(*steps, noise=VP, times=GRID, first="network"):
    return SolverSchedule(noise, times, steps, first)


STEPS = {
    "order=5": {"order": 5},
    "order=0": {"order": 0},
    "order=1.5": {"order": 1.5},
    "start=0": {"start": 0},
    "points=2": {"order": 2, "points": 2},
    "points=0": {"order": 3, "points": 0},
    "prediction='eps'": {"prediction": "eps"},
    "corrector='twice'": {"corrector": "twice"},
    "scaling='bh3'": {"scaling": "bh3"},
    "scaling=nan": {"scaling": math.nan},
    "corrector_scaling='no'": {"corrector_scaling": "no"},
    "d2_scale=inf": {"d2_scale": math.inf},
}


@pytest.mark.parametrize("message", STEPS)
def test_decisions_that_do_not_exist(message):
    with pytest.raises((ValueError, TypeError), match=message):
        SolverStep(**STEPS[message])


SCHEDULES = {
    "step 1: order=2: expected at most 1": lambda: four(SECOND, SECOND, FIRST, FIRST),
    "step 2: order=3: expected at most 2": lambda: four(FIRST, SolverStep(order=3), FIRST, FIRST),
    "step 2: start=3: only 2 states": lambda: four(FIRST, SolverStep(start=3), FIRST, FIRST),
    "step 4: corrector='pseudo': the last": lambda: four(
        FIRST, FIRST, FIRST, SolverStep(corrector="pseudo")
    ),
    "step 4: corrector='implicit': the last": lambda: four(
        FIRST, FIRST, FIRST, SolverStep(corrector="implicit")
    ),
    "times: expected 3 for 2 steps": lambda: four(FIRST, FIRST),
    "times: expected 1 for 0 steps": lambda: four(times=(1.0,)),
    r"step 2: times\[2\]=0.6 after 0.5": lambda: four(FIRST, FIRST, times=(1.0, 0.5, 0.6)),
    r"step 1: times\[1\]=1 after 1": lambda: four(FIRST, times=(1.0, 1.0)),
    r"step 1: times\[1\]=1 after": lambda: four(FIRST, times=(1.0, 1.0 - 1e-9)),
    r"times\[0\]: t=1.5": lambda: four(FIRST, times=(1.5, 0.5)),
    r"times\[1\]: t=-0.1": lambda: four(FIRST, times=(1.0, -0.1)),
    "times=nan": lambda: four(FIRST, times=(1.0, math.nan)),
    "step 2: order=2, prediction='data': a step to clean data": lambda: four(
        FIRST, SECOND, times=(1.0, 0.5, 0.0)
    ),
    "step 1: order=1, prediction='noise': a step to clean data": lambda: four(
        SolverStep("noise"), times=(1.0, 0.0)
    ),
    "step 1: order=1, prediction='noise': a step from pure noise": lambda: four(
        SolverStep("noise"), noise=Flow(), times=(1.0, 0.5)
    ),
    "step 2: order=2: expected at most 1": lambda: four(
        FIRST, SECOND, noise=Flow(), times=(1.0, 0.5, 0.2)
    ),
    "step 1: corrector='pseudo': none after pure noise": lambda: four(
        SolverStep(corrector="pseudo"), FIRST, noise=Flow(), times=(1.0, 0.5, 0.2)
    ),
    "first='guess'": lambda: four(FIRST, times=(1.0, 0.5), first="guess"),
}


@pytest.mark.parametrize("message", SCHEDULES)
def test_impossible_schedules(message):
    with pytest.raises(ValueError, match=message):
        SCHEDULES[message]()


MAKERS = {
    "expected at least 2": lambda: ddim(VP, (1.0,)),
    "expected at least 2, got 0": lambda: ipndm(VP, ()),
    "variant='best'": lambda: dpmpp_2m(VP, GRID, "best"),
    "variant='worst'": lambda: dpmpp_3s(VP, GRID, "worst"),
    "order=5": lambda: deis(VP, grids.uniform_lambda(VP, 8), 5),
    "order=6": lambda: ipndm(VP, GRID, 6),
    "order=0": lambda: unipc(VP, GRID, 0),
    r"times\[0\]=1: alpha is 0": lambda: heun(Flow(), (1.0, 0.5)),
    r"step 2: times\[2\]=0.6 after 0.5": lambda: deis_tab(VP, (1.0, 0.5, 0.6)),
    "steps=0": lambda: grids.uniform_t(VP, 0),
    "start=0.1, end=0.2": lambda: grids.edm_rho(VP, 3, start=0.1, end=0.2),
    "t=3": lambda: grids.uniform_t(VP, 3, start=3.0),
    "lambda is infinite": lambda: grids.uniform_lambda(VP, 3, end=0.0),
    "power=0": lambda: grids.power_t(VP, 3, 0.0),
    "beta_max=0.05": lambda: VPLinear(0.1, 0.05),
    "t_max=1": lambda: VPCosine(t_max=1.0),
    "t_min=90": lambda: EDM(t_min=90.0),
    "at least 2 numbers": lambda: Discrete((0.5,)),
    r"alphas_cumprod\[1\]=0.6": lambda: Discrete((0.5, 0.6)),
    r"alphas_cumprod\[0\]=1": lambda: Discrete((1.0, 0.5)),
    "shape='cubic'": lambda: Discrete.from_betas("cubic"),
    "t=-0.5": lambda: Discrete((0.9, 0.5)).node(-0.5),
    "lambda=99": lambda: Discrete((0.9, 0.5)).time_at(99.0),
    "begin=4": lambda: ddim(VP, GRID).tail(4),
    "variances": lambda: GaussianMixture(torch.zeros(2, 3), torch.ones(3)),
    "variances: expected positive": lambda: GaussianMixture(torch.zeros(2, 3), torch.zeros(2)),
    "weights: shape": lambda: GaussianMixture(torch.zeros(2, 3), torch.ones(2), torch.ones(3)),
    "directions": lambda: LowRankMixture(*(torch.ones(2, 3) for _ in range(3)), torch.ones(2)),
    "bandwidth=0": lambda: EmpiricalDenoiser(torch.ones(2, 3), 0.0),
    r"data: shape \(3,\)": lambda: EmpiricalDenoiser(torch.ones(3)),
    "tol=0": lambda: reference(GaussianMixture(torch.zeros(1, 1), torch.ones(1)).model(VP),
                               torch.ones(1, 1), tol=0.0),
    "neither alphas_cumprod": lambda: from_diffusers(lambda x, t: x, object()),
}  # fmt: skip


@pytest.mark.parametrize("message", MAKERS)
def test_arguments(message):
    with pytest.raises((ValueError, TypeError), match=message):
        MAKERS[message]()


# ---- running -----------------------------------------------------------------------------


def model_of(network, noise=VP, prediction="noise", **more):
    return Model(network, noise, prediction, **more)


def never(x, t):
    raise AssertionError("the network was called")


X = torch.ones(2, 3)
TABLE = lower(ddim(VP, GRID))
PAIR = (1.0, 0.5)
RUNS = {
    "table: made for noise schedule 'vp-linear', the model's is 'edm'": (
        lambda: sample(model_of(never, EDM()), X, TABLE)
    ),
    "with other settings": lambda: sample(model_of(never, VPLinear(0.2)), X, TABLE),
    "x: expected a batch of finite": lambda: sample(model_of(never), X * math.nan, TABLE),
    "x: expected a floating": lambda: sample(model_of(never), X.int(), TABLE),
    "model=function": lambda: sample(never, X, TABLE),
    "table=SolverSchedule": lambda: sample(model_of(never), X, ddim(VP, GRID)),
    "mean=None": lambda: sample(model_of(never), X, lower(four(FIRST, times=PAIR, first="mean"))),
    "t=1: alpha is 0": lambda: sample(
        model_of(never, Flow()), X, lower(ddim(Flow(), (1.0, 0.5, 0.0)))
    ),
    "network=3": lambda: model_of(3),
    "noise=": lambda: Model(never, "vp"),
    "prediction='epsilon'": lambda: model_of(never, prediction="epsilon"),
    "made for noise schedule VPLinear": lambda: lower(ddim(VP, GRID), EDM()),
    "times: expected 5": lambda: lower(ddim(VP, GRID), times=GRID[:3]),
}  # fmt: skip


@pytest.mark.parametrize("message", RUNS)
def test_refused_before_the_first_call(message):
    with pytest.raises((ValueError, TypeError), match=message):
        RUNS[message]()


def test_outputs_of_another_shape():
    with pytest.raises(ValueError, match=r"output of shape \(2, 4\) for x of \(2, 3\)"):
        sample(model_of(lambda x, t: torch.ones(2, 4)), X, TABLE)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("call", [1, 3])
def test_outputs_that_are_not_finite(bad, call):
    calls = 0

    def network(x, t):
        nonlocal calls
        calls += 1
        output = x * 0.1
        if calls == call:
            output[1, 2] = bad
        return output

    with pytest.raises(FloatingPointError, match=f"evaluation {call} of 4, t={GRID[call - 1]:g}"):
        sample(model_of(network), X, TABLE)


def test_an_accuracy_that_cannot_be_reached():
    model = GaussianMixture(torch.zeros(1, 3), torch.ones(1)).model(VP)
    with pytest.raises(RuntimeError, match="use float64"):
        reference(model, X, tol=1e-12, max_steps=512)


# ---- files -------------------------------------------------------------------------------

SAVED = ddim(VP, GRID).to_dict()
FILES = {
    "expected a dict": [1, 2],
    "format=None": {},
    "format='ritard-solver-table'": {**SAVED, "format": "ritard-solver-table"},
    "version=2: this release reads 1": {**SAVED, "version": 2},
    "damaged: KeyError": {k: v for k, v in SAVED.items() if k != "times"},
    "damaged: TypeError": {**SAVED, "steps": [{"ordre": 1}] * 4},
    "noise 'vp'": {**SAVED, "noise": {"name": "vp"}},
    "noise 'vp-linear'": {**SAVED, "noise": {"name": "vp-linear", "beta": 1}},
    "step 2: order=4": {**SAVED, "steps": [{}, {"order": 4}, {}, {}]},
}


@pytest.mark.parametrize("message", FILES)
def test_saved_schedules_that_are_not(message):
    with pytest.raises(ValueError, match=message):
        SolverSchedule.from_dict(FILES[message])


def test_corrupt_files(tmp_path):
    path = tmp_path / "schedule.json"
    text = json.dumps(SAVED)
    for content in (text[: len(text) // 2], "", "\x00\x01"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"schedule\.json: not JSON"):
            SolverSchedule.load(path)
    with pytest.raises(ValueError, match="expected one of"):
        NoiseSchedule.from_dict("edm")


def _row(**changes):
    saved = json.loads(json.dumps(TABLE.to_dict()))
    names = ["target", "base", "kind", "scale", "terms", "role", "evaluate"]
    for name, value in changes.items():
        saved["rows"][1][names.index(name)] = value
    return saved


ROWS = {
    "row 1: target=9": {"target": 9},
    "row 1: base=3: its state": {"base": 3},
    "row 1: kind='x0'": {"kind": "x0"},
    "row 1: kind='data', role='fix'": {"role": "fix"},
    "row 1: corrects node 2, which was not": {"role": "correct"},
    "row 1: coefficient nan of node 1": {"scale": math.nan},
    "row 1: coefficient inf of node 0": {"terms": [[0, math.inf]]},
    "row 1: uses the output at node 3": {"terms": [[3, 1.0]]},
    "damaged": {"terms": 4},
}


@pytest.mark.parametrize("message", ROWS)
def test_saved_tables_that_could_not_run(message):
    with pytest.raises(ValueError, match=message):
        CoefficientTable.from_dict(_row(**ROWS[message]))


def test_a_table_that_evaluates_after_its_end():
    saved = json.loads(json.dumps(TABLE.to_dict()))
    saved["rows"][-1][-1] = True
    with pytest.raises(ValueError, match="row 3: evaluates after the last step"):
        CoefficientTable.from_dict(saved)
    saved["rows"] = []
    with pytest.raises(ValueError, match="rows: expected at least one"):
        CoefficientTable.from_dict(saved)
