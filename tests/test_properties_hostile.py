"""Hostile text, saved dicts and states: a clear error or a sound object, and nothing in between."""

import copy
import json
import math
import warnings

import pytest
import torch
from bandit_tables import TUNERS, contexts, play
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.schedules import REX, GradNormRecorder, Linear, Schedule, ScheduleLR
from ritard.solvers.diffusion import (
    CoefficientTable,
    NoiseSchedule,
    SolverSchedule,
    VPLinear,
    dpmpp_2m,
    grids,
    lower,
)
from ritard.tuners import OnlineRefinement, Plateau
from ritard.tuners.autolrs import AutoLRS, Climb, Ledger, RateSearch, Report
from ritard.tuners.autolrs.decision import Trial
from ritard.tuners.solver_search import (
    Cost,
    GeneticSearch,
    RandomSearch,
    Scores,
    SearchResult,
    SolverSearch,
)
from tables import EVERY, checked
from wrong_calls import picture

# ---- text ----------------------------------------------------------------------------------

WORDS = [
    *("linear", "rex", "uba(phi=5)", "step", "then", "warmup(0.1)", "floor(0.1)", "repeat(3)"),
    *("(", ")", "((", "+", ",", "=", " ", "\n", "\0", "phi=", "at=(", "0.5", "-1", "1e400", "nan"),
    *("inf", "9" * 400, "1e-400", "0x10", "1_000", "١٢", "ß", "\u202e", "😀", "__import__('os')"),
    *("lambda: 0", "{}", "[0]", "'rex'", '"', "\\", "%s", "{0}", "None", "True", "__class__"),
]


def read_or_refused(text):
    try:
        found = Schedule.parse(text)
    except ValueError as error:
        assert len(str(error)) < 5_000
        return
    assert isinstance(found, Schedule)
    assert Schedule.parse(str(found)) == found
    assert Schedule.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


@settings(checked, max_examples=40)
@given(st.text(max_size=40) | st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
def test_any_text_is_a_schedule_or_refused(text):
    read_or_refused(text)


@checked
@given(st.sampled_from(EVERY), st.integers(0, 200), st.sampled_from(WORDS), st.booleans())
def test_a_wrong_word_anywhere(schedule, place, word, instead):
    text = str(schedule)
    place %= len(text) + 1
    read_or_refused(text[:place] + word + text[place + instead :])


# ---- saved dicts ---------------------------------------------------------------------------

VP = VPLinear()
SOLVER = dpmpp_2m(VP, grids.uniform_lambda(VP, 4))
RESULT = SearchResult(
    4, SOLVER, "search", Scores(1.0, 1.0, 1.0), 1.0, "ddim", SOLVER, Scores(2.0, 2.0, 2.0),
    {"search": Cost(3, 12)}, ((1, 2.0), (3, 1.0)),
)  # fmt: skip
REPORT = Report(
    3, 20, (Trial(1.0, 0.5, 0.0, 0.0), Trial(2.0, 0.4, -0.1, 0.01)), 1, 2, 0.1, 0.0, 0.1
)
LINEAR = Linear().then(REX().warmup(3), at=0.5).cooldown(0.2).sampled(at=(0.5, 0.75))
SAVED = {
    "Schedule": (Schedule.from_dict, LINEAR.to_dict()),
    "NoiseSchedule": (NoiseSchedule.from_dict, VP.to_dict()),
    "SolverSchedule": (SolverSchedule.from_dict, SOLVER.to_dict()),
    "CoefficientTable": (CoefficientTable.from_dict, lower(SOLVER).to_dict()),
    "SearchResult": (SearchResult.from_dict, RESULT.to_dict()),
    "Report": (Report.from_dict, REPORT.to_dict()),
}


def deep(levels=3000):
    found = []
    for _ in range(levels):
        found = [found]
    return found


HOSTILE = [
    *(None, True, -1, 0, 1, 10**400, -(10**400), 0.5, 1e308, math.nan, math.inf, "", "x", "nan"),
    *("__import__('os')", [], {}, [[]], [None], {"name": "rex"}, deep(), [1.0] * 50, {"a": {}}),
]


def places(value, path=()):
    """All places inside JSON values, the whole first."""
    found = [path]
    if isinstance(value, dict | list | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(part, (*path, key))
    return found


def poked(saved, place, hostile):
    """A copy with another value somewhere; the place counts all of them round."""
    path = (found := places(saved))[place % len(found)]
    if not path:
        return copy.copy(hostile)
    data = json.loads(json.dumps(saved))
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = hostile
    return data


pokes = given(st.integers(0, 10_000), st.sampled_from(range(len(HOSTILE))))


@pytest.mark.parametrize("kind", SAVED)
@checked
@pokes
def test_a_saved_object_is_sound_or_refused(kind, place, which):
    read, saved = SAVED[kind]
    try:
        read(poked(saved, place, HOSTILE[which]))
    except ValueError as error:
        assert len(str(error)) < 5_000


# ---- states --------------------------------------------------------------------------------


def optimizer():
    torch.manual_seed(0)
    made = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    for parameter in made.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    return made


def scheduler():
    made = ScheduleLR(optimizer(), Linear().warmup(3), 100)
    made.kept = made.optimizer
    for _ in range(5):
        made.optimizer.step()
        made.step()
    return made


def online():
    made = OnlineRefinement(optimizer(), 100).attach()
    for _ in range(12):
        made.optimizer.step()
        made.step()
    return made


def recorder():
    source = optimizer()
    made = GradNormRecorder(source)
    made.kept = source
    made.record()
    made.record()
    return made


def told(made):
    for cost in (3.0, 2.0, math.nan, 2.5):
        made.tell(made.ask(), cost)
    return made


def bandit(name):
    tuner = TUNERS[name]()
    play(tuner, contexts(5))
    return tuner


def search(kind, **more):
    return told(kind(VP, 4, 8, **more))


def autolrs():
    model = torch.nn.Linear(2, 1)
    made = torch.optim.SGD(model.parameters(), lr=0.1)
    return AutoLRS(model, made, lambda x: model(x).square().mean(), 1000)


STATES = {
    "ScheduleLR": scheduler,
    "OnlineRefinement": online,
    "GradNormRecorder": recorder,
    "Plateau": lambda: told(Plateau(patience=0)),
    "Climb": lambda: told(Climb(0.25, 4.0)),
    "RateSearch": lambda: told(RateSearch(1e-3, 1.0)),
    "Ledger": lambda: Ledger(3, 4, 5, 0.5, 0.25),
    "AutoLRS": autolrs,
    "SolverSearch": lambda: search(SolverSearch, predictor=None),
    "GeneticSearch": lambda: search(GeneticSearch),
    "RandomSearch": lambda: search(RandomSearch),
} | {name: lambda name=name: bandit(name) for name in TUNERS}
made_once = {}


@pytest.mark.parametrize("kind", STATES)
@settings(checked, max_examples=25)
@pokes
def test_a_state_is_taken_or_refused_with_nothing_changed(kind, place, which):
    made = made_once.setdefault(kind, STATES[kind]())
    own = json.loads(json.dumps(made.state_dict()))
    before = picture(made)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.load_state_dict(poked(own, place, HOSTILE[which]))
    except (ValueError, TypeError) as error:
        assert len(str(error)) < 5_000
        assert picture(made) == before
    finally:
        made.load_state_dict(own)
    assert picture(made) == before


# ---- bandits at any moment -----------------------------------------------------------------


@pytest.mark.parametrize("name", TUNERS)
@settings(checked, max_examples=15)
@given(st.lists(st.floats(1, 1e6) | st.just(math.nan), max_size=12), st.integers(0, 12))
def test_a_bandit_resumed_at_any_moment_goes_on_bit_for_bit(name, costs, moment):
    """Also between an ask and its tell, which then goes to the resumed one."""
    one = TUNERS[name](3)
    given_contexts = contexts(len(costs) + 4)
    pending = None
    for t, cost in enumerate(costs):
        choice = one.ask(given_contexts[t])
        if t == moment:
            pending = choice
            break
        one.tell(choice, cost)
    other = TUNERS[name](3)
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for tuner in (one, other):
        if pending is not None:
            tuner.tell(pending, 7.0)
    tail = [tuner_run(tuner, given_contexts[len(costs) :]) for tuner in (one, other)]
    assert tail[0] == tail[1]


def tuner_run(tuner, given_contexts):
    found = []
    for context in given_contexts:
        choice = tuner.ask(context)
        found.append((repr(choice.value), choice.arm, choice.probability, choice.baselines))
        tuner.tell(choice, 10.0 + len(found))
    return found, picture(tuner)
