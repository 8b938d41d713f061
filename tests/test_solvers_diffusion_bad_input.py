"""What must be refused, before anything runs, with the step and the value named."""

import json
import math

import pytest
import torch
from ritard.solvers.diffusion import (
    CoefficientTable,
    Discrete,
    Execution,
    Flow,
    GaussianMixture,
    Model,
    NoiseSchedule,
    SolverSchedule,
    SolverStep,
    VPLinear,
    ddim,
    grids,
    lower,
    reference,
    sample,
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
    r"times\[1\]=nan": lambda: four(FIRST, times=(1.0, math.nan)),
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


# ---- running -----------------------------------------------------------------------------


def model_of(network, noise=VP, prediction="noise", **more):
    return Model(network, noise, prediction, **more)


X = torch.ones(2, 3)
TABLE = lower(ddim(VP, GRID))


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
    "row 1: uses the output at node 1 twice": {"terms": [[1, 0.5], [1, 0.5]]},
    "evaluate='yes'": {"evaluate": "yes"},
    "target=True": {"target": True},
    "base=1.0": {"base": 1.0},
    "node=False": {"terms": [[False, 1.0]]},
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


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [(2, -0.1, "node 1: t, alpha"), (3, -1.0, "node 1: t, alpha"), (1, "nan", "lambda is nan")],
)
def test_places_that_are_none(entry, value, message):
    saved = json.loads(json.dumps(TABLE.to_dict()))
    saved["nodes"][1][entry] = value
    with pytest.raises(ValueError, match=message):
        CoefficientTable.from_dict(saved)


def test_a_table_is_lowered_already_and_has_its_own_times():
    assert lower(TABLE) is TABLE
    with pytest.raises(ValueError, match="times: a coefficient table has its own"):
        lower(TABLE, times=GRID)
    with pytest.raises(ValueError, match="made for noise schedule"):
        lower(TABLE, Flow())


def test_a_record_is_a_dict():
    with pytest.raises(TypeError, match="record=3"):
        SolverSchedule(VP, GRID, (FIRST,) * 4, "network", 3)
    with pytest.raises(ValueError, match="record=None"):
        SolverSchedule.from_dict({**SAVED, "record": None})


@pytest.mark.parametrize("values", [[10**400, 0.5], ["x", 0.5], 3])
def test_a_training_table_of_what_is_no_number(values):
    with pytest.raises(TypeError, match="alphas_cumprod="):
        Discrete(values)
    with pytest.raises(TypeError, match="shape="):
        Discrete.from_betas(values)


def test_a_state_of_another_shape_or_of_whole_numbers():
    run = Execution(TABLE, X)
    run.advance(X, "noise")
    with pytest.raises(ValueError, match=r"x: shape \(1, 3\), expected that"):
        run.keep_state(X[:1])
    with pytest.raises(TypeError, match="x: expected a floating tensor"):
        Execution(TABLE, X.long())
