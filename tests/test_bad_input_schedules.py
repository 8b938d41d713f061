"""Wrong calls of ritard.schedules: the error, what it says, and that nothing has changed."""

import math

import numpy as np
import pytest
import torch
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Bound,
    Budget,
    Chebyshev,
    Constant,
    Cooldown,
    Cosine,
    Exponential,
    Floor,
    GradNormCallback,
    GradNormRecorder,
    GradNorms,
    InverseSqrt,
    Linear,
    OneCycle,
    Polynomial,
    Product,
    Reflect,
    Repeat,
    Sampled,
    Schedule,
    ScheduleCallback,
    ScheduleLR,
    Step,
    Tabulated,
    Then,
    Warmup,
    bound,
    bound_of_weights,
    extend,
    fit_closed_form,
    plot_schedules,
    predicted_gain,
    rank,
    refine,
)
from wrong_calls import Wrong, check, unaccounted

ROOM = "ritard.schedules"
UNCHECKED = {
    "ClosedForm": "a result",
    "Cosine": "no settings",
    "Extension": "a result",
    "Length": "the name of a type",
    "Linear": "no settings",
    "OneMinusSqrt": "no settings",
    "Ranked": "a result",
}
NORMS = GradNorms.of([4, 2, 1, 1, 2])


def optimizer(groups=1):
    made = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.1} for _ in range(groups)]
    return torch.optim.SGD(made, lr=0.1, momentum=0.9)


def scheduler(budget=100):
    made = ScheduleLR(optimizer(), Linear().warmup(5), budget)
    for _ in range(7):
        made.optimizer.step()
        made.step()
    return made


def both(budget=100):
    """A scheduler and its optimizer: neither may change."""
    made = scheduler(budget)
    return Both(made)


class Both:
    """What stands for a scheduler with its optimizer, to be compared as one."""

    def __init__(self, made):
        self.scheduler = made

    def state_dict(self):
        optimizer = self.scheduler.optimizer
        return {
            "scheduler": self.scheduler.state_dict(),
            "optimizer": optimizer.state_dict(),
            "groups": [
                {k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups
            ],
        }


def changed(**entries):
    """Load a scheduler's own state with other entries."""
    return lambda b: b.scheduler.load_state_dict(b.scheduler.state_dict() | entries)


def without(name):
    def call(b):
        state = b.scheduler.state_dict()
        del state[name]
        b.scheduler.load_state_dict(state)

    return call


def recorder():
    source = optimizer()
    made = GradNormRecorder(source)
    made.source = source  # it is held weakly
    source.param_groups[0]["params"][0].grad = torch.ones(2)
    made.record()
    return made


SHAPES = [
    Wrong("REX", ("d=1",), lambda: REX(1)),
    Wrong("REX", ("d='half'",), lambda: REX("half"), TypeError),
    Wrong("UBA", ("phi=-0.1",), lambda: UBA(-0.1)),
    Wrong("UBA", ("phi=nan",), lambda: UBA(math.nan)),
    Wrong("UBA", ("phi=True",), lambda: UBA(True), TypeError),
    Wrong("Chebyshev", ("kappa=0.5",), lambda: Chebyshev(0.5)),
    Wrong("Constant", ("value=-1",), lambda: Constant(-1)),
    Wrong("Constant", ("value=inf",), lambda: Constant(math.inf)),
    Wrong("Exponential", ("gamma=1",), lambda: Exponential(1)),
    Wrong("InverseSqrt", ("timescale=0",), lambda: InverseSqrt(0)),
    Wrong("InverseSqrt", ("timescale=1.5",), lambda: InverseSqrt(1.5)),
    Wrong("OneCycle", ("low=1.5",), lambda: OneCycle(1.5)),
    Wrong("OneCycle.momentum", ("low", "-1"), lambda: OneCycle.momentum(low=-1)),
    Wrong("Polynomial", ("power=0",), lambda: Polynomial(0)),
    Wrong("Step", ("factor=1.1",), lambda: Step(1.1)),
    Wrong("Step", ("at=0.5",), lambda: Step(at=0.5), TypeError),
    Wrong("Step", ("at=1.5",), lambda: Step(at=(0.5, 1.5))),
    Wrong("Step", ("at=(0.75, 0.5)", "ascending"), lambda: Step(at=(0.75, 0.5))(1, 100)),
    Wrong("Step", ("at=200", "100"), lambda: Step(at=(200,))(1, 100)),
    Wrong("Tabulated", ("table=()",), lambda: Tabulated(())),
    Wrong("Tabulated", ("table[1]=-1",), lambda: Tabulated((1.0, -1.0))),
    Wrong("Tabulated", ("table[0]=nan",), lambda: Tabulated((math.nan,))),
    Wrong("Tabulated", ("table=array", "numbers"), lambda: Tabulated(np.zeros((100, 100)))),
    Wrong("Tabulated", ("table='abc'",), lambda: Tabulated("abc")),
    Wrong("WSD", ("decay", "1.5"), lambda: WSD(decay=1.5)),
    Wrong("WSD", ("'cosin'", "did you mean 'cosine'"), lambda: WSD(shape="cosin")),
]
OPERATORS = [
    Wrong("Warmup", ("base='linear'",), lambda: Warmup("linear", 3), TypeError),
    Wrong("Warmup", ("length=1.0",), lambda: Warmup(Linear(), 1.0)),
    Wrong("Schedule.warmup", ("length=-1",), lambda: Linear().warmup(-1)),
    Wrong("Schedule.warmup", ("length", "200", "100"), lambda: Linear().warmup(200)(1, 100)),
    Wrong("Cooldown", ("length='late'",), lambda: Cooldown(Linear(), "late"), TypeError),
    Wrong("Schedule.cooldown", ("shape=3",), lambda: Linear().cooldown(0.2, 3), TypeError),
    Wrong("Schedule.cooldown", ("200", "100"), lambda: Linear().cooldown(200)(1, 100)),
    Wrong("Floor", ("ratio=2",), lambda: Floor(Linear(), 2)),
    Wrong("Schedule.floor", ("ratio=-0.1",), lambda: Linear().floor(-0.1)),
    Wrong("Reflect", ("d=1.5",), lambda: Reflect(Linear(), 1.5)),
    Wrong("Schedule.reflect", ("constant(value=2)", "2"), lambda: Constant(2).reflect(0.5)(1, 9)),
    Wrong("Sampled", ("every=None", "at=None"), lambda: Sampled(Linear())),
    Wrong("Sampled", ("every=0",), lambda: Sampled(Linear(), 0)),
    Wrong("Schedule.sampled", ("at='ab'",), lambda: Linear().sampled(at="ab"), TypeError),
    Wrong("Schedule.sampled", ("every=0.1", "at="), lambda: Linear().sampled(0.1, (0.5,))),
    Wrong("Then", ("other=None",), lambda: Then(Linear(), None, 0.5), TypeError),
    Wrong("Schedule.then", ("at=2.5",), lambda: Linear().then(Linear(), at=2.5)),
    Wrong("Schedule.then", ("at=11", "10"), lambda: Linear().then(Linear(), at=11)(1, 10)),
    Wrong("Repeat", ("times=None", "lengths=None"), lambda: Repeat(Linear())),
    Wrong("Repeat", ("times=0",), lambda: Repeat(Linear(), 0)),
    Wrong("Schedule.repeat", ("lengths=()",), lambda: Linear().repeat(())),
    Wrong("Schedule.repeat", ("lengths=(3, 4)", "10"), lambda: Linear().repeat((3, 4))(1, 10)),
    Wrong("Product", ("other=2",), lambda: Product(Linear(), 2), TypeError),
    Wrong("Product", ("value='2'",), lambda: Linear() * "2", TypeError),
]
CALLS = [
    Wrong("Schedule", ("step='a'",), lambda: Linear()("a", 10), TypeError),
    Wrong("Schedule", ("step=nan",), lambda: Linear()(math.nan, 10)),
    Wrong("Schedule", ("total_steps=0",), lambda: Linear()(1, 0)),
    Wrong("Schedule", ("total_steps='10'",), lambda: Linear()(1, "10"), TypeError),
    Wrong("Schedule.values", ("total_steps=-3",), lambda: Linear().values(-3)),
    Wrong("Schedule.values", ("total_steps=2.5",), lambda: Linear().values(2.5), TypeError),
    Wrong("Schedule.values", ("total_steps", "tokens"), lambda: Linear().values(Budget.tokens(9))),
    Wrong(
        "Schedule.in_units_of",
        ("warmup", "3", "seconds"),
        lambda: Linear().warmup(3).in_units_of(Budget.seconds(9)),
    ),
    Wrong("Schedule.parse", ("text=None",), lambda: Schedule.parse(None), TypeError),
    Wrong("Schedule.parse", ("''", "expected one of"), lambda: Schedule.parse("")),
    Wrong("Schedule.parse", ("'linera'", "'linear'"), lambda: Schedule.parse("linera")),
    Wrong("Schedule.parse", ("uba", "phi"), lambda: Schedule.parse("uba")),
    Wrong("Schedule.parse", ("'psi'", "phi"), lambda: Schedule.parse("uba(psi=3)")),
    Wrong("Schedule.parse", ("brackets",), lambda: Schedule.parse("uba(phi=3")),
    Wrong("Schedule.from_dict", ("[1, 2]",), lambda: Schedule.from_dict([1, 2])),
    Wrong("Schedule.from_dict", ("'unknown'",), lambda: Schedule.from_dict({"name": "unknown"})),
    Wrong("Schedule.from_dict", ("phi",), lambda: Schedule.from_dict({"name": "uba", "phi": None})),
    Wrong("Budget", ("unit='miles'",), lambda: Budget("miles", 3)),
    Wrong("Budget", ("steps_per_epoch=3",), lambda: Budget("steps", 3, 3)),
    Wrong("Budget.steps", ("total_steps=0",), lambda: Budget.steps(0)),
    Wrong("Budget.epochs", ("epochs=-1",), lambda: Budget.epochs(-1, 10)),
    Wrong("Budget.epochs", ("steps_per_epoch=2.5",), lambda: Budget.epochs(1, 2.5), TypeError),
    Wrong("Budget.samples", ("samples=inf",), lambda: Budget.samples(math.inf)),
    Wrong("Budget.tokens", ("tokens='300B'",), lambda: Budget.tokens("300B"), TypeError),
    Wrong("Budget.seconds", ("seconds=0",), lambda: Budget.seconds(0)),
    Wrong("Budget.of", ("total_steps=None",), lambda: Budget.of(None), TypeError),
    Wrong("plot_schedules", ("schedules=[]",), lambda: plot_schedules([])),
    Wrong("plot_schedules", ("schedules=Linear()",), lambda: plot_schedules(Linear()), TypeError),
    Wrong("plot_schedules", ("'rex'",), lambda: plot_schedules(["rex"]), TypeError),
]
SCHEDULER = [
    Wrong("ScheduleLR", ("optimizer=3",), lambda: ScheduleLR(3, Linear(), 10), TypeError),
    Wrong(
        "ScheduleLR",
        ("'linear'", "parse"),
        lambda o: ScheduleLR(o, "linear", 10),
        TypeError,
        optimizer,
    ),
    Wrong("ScheduleLR", ("Linear()",), lambda o: ScheduleLR(o, Linear, 10), TypeError, optimizer),
    Wrong("ScheduleLR", ("total_steps=0",), lambda o: ScheduleLR(o, Linear(), 0), on=optimizer),
    Wrong(
        "ScheduleLR",
        ("total_steps=1.5",),
        lambda o: ScheduleLR(o, Linear(), 1.5),
        TypeError,
        optimizer,
    ),
    Wrong("ScheduleLR", ("last_epoch=-2",), lambda o: ScheduleLR(o, Linear(), 9, -2), on=optimizer),
    Wrong(
        "ScheduleLR",
        ("last_epoch=3", "tokens"),
        lambda o: ScheduleLR(o, Linear(), Budget.tokens(9), 3),
        on=optimizer,
    ),
    Wrong("ScheduleLR", ("entry 1",), lambda o: ScheduleLR(o, {1: Linear()}, 9), on=optimizer),
    Wrong("ScheduleLR", ("schedule={}",), lambda o: ScheduleLR(o, {}, 9), on=optimizer),
    Wrong(
        "ScheduleLR",
        ("2 schedules", "1 parameter"),
        lambda o: ScheduleLR(o, [Linear(), Linear()], 9),
        on=optimizer,
    ),
    Wrong("ScheduleLR", ("'beta'",), lambda o: ScheduleLR(o, {"beta": Linear()}, 9), on=optimizer),
    Wrong(
        "ScheduleLR",
        ("200", "100"),
        lambda o: ScheduleLR(o, Linear().warmup(200), 100),
        on=optimizer,
    ),
    Wrong(
        "ScheduleLR.advance",
        ("amount=-1",),
        lambda b: b.scheduler.advance(-1),
        on=lambda: both(Budget.tokens(90)),
    ),
    Wrong("ScheduleLR.advance", ("steps",), lambda b: b.scheduler.advance(1), on=both),
    Wrong(
        "ScheduleLR",
        ("base_lrs=0.1", "list"),
        lambda b: setattr(b.scheduler, "base_lrs", 0.1),
        TypeError,
        both,
    ),
    Wrong("ScheduleLR.step", ("epoch=-2",), lambda b: b.scheduler.step(-2), on=both),
    Wrong("ScheduleLR", ("position=-1",), lambda b: setattr(b.scheduler, "position", -1), on=both),
    Wrong(
        "ScheduleLR",
        ("position=nan",),
        lambda b: setattr(b.scheduler, "position", math.nan),
        on=lambda: both(Budget.tokens(90)),
    ),
    Wrong("ScheduleLR", ("scale=-1",), lambda b: setattr(b.scheduler, "scale", -1), on=both),
    Wrong("ScheduleLR", ("total_steps=0",), lambda b: setattr(b.scheduler, "budget", 0), on=both),
    Wrong(
        "ScheduleLR",
        ("tokens", "steps"),
        lambda b: setattr(b.scheduler, "budget", Budget.tokens(3)),
        on=both,
    ),
    Wrong("ScheduleLR", ("length", "5"), lambda b: setattr(b.scheduler, "budget", 3), on=both),
    Wrong(
        "ScheduleLR",
        ("base_lrs=[0.1, 0.2]", "1"),
        lambda b: setattr(b.scheduler, "base_lrs", [0.1, 0.2]),
        on=both,
    ),
    Wrong(
        "ScheduleLR",
        ("base_lrs='a'",),
        lambda b: setattr(b.scheduler, "base_lrs", ["a"]),
        TypeError,
        both,
    ),
    Wrong(
        "ScheduleLR.load_state_dict",
        ("state_dict=None",),
        lambda b: b.scheduler.load_state_dict(None),
        TypeError,
        both,
    ),
    Wrong("ScheduleLR.load_state_dict", ("lacks", "bases"), without("bases"), on=both),
    Wrong("ScheduleLR.load_state_dict", ("last_epoch='7'",), changed(last_epoch="7"), on=both),
    Wrong("ScheduleLR.load_state_dict", ("last_epoch=True",), changed(last_epoch=True), on=both),
    Wrong(
        "ScheduleLR.load_state_dict", (f"last_epoch={2**63}",), changed(last_epoch=2**63), on=both
    ),
    Wrong("ScheduleLR.load_state_dict", ("_step_count='7'",), changed(_step_count="7"), on=both),
    Wrong("ScheduleLR.load_state_dict", ("scale=nan",), changed(scale=math.nan), on=both),
    Wrong("ScheduleLR.load_state_dict", ("scale=None",), changed(scale=None), on=both),
    Wrong("ScheduleLR.load_state_dict", ("elapsed=-1",), changed(elapsed=-1), on=both),
    Wrong("ScheduleLR.load_state_dict", ("budget=3",), changed(budget=3), on=both),
    Wrong(
        "ScheduleLR.load_state_dict",
        ("tokens",),
        changed(budget={"unit": "tokens", "total": 3}),
        on=both,
    ),
    Wrong("ScheduleLR.load_state_dict", ("bases={}",), changed(bases={}), on=both),
    Wrong(
        "ScheduleLR.load_state_dict",
        ("2 base values", "lr"),
        changed(bases={"lr": [1, 2]}),
        on=both,
    ),
    Wrong("ScheduleLR.load_state_dict", ("bases=3",), changed(bases=3), on=both),
    Wrong("ScheduleLR.load_state_dict", ("bases",), changed(bases={"lr": 0.1}), on=both),
    Wrong("ScheduleLR.load_state_dict", ("in_charge='yes'",), changed(in_charge="yes"), on=both),
    Wrong(
        "ScheduleLR.load_state_dict",
        ("'cosine'", "'warmup'"),
        changed(schedules={"lr": Cosine().to_dict()}),
        on=both,
    ),
    Wrong("ScheduleCallback", ("total_steps=0",), lambda: ScheduleCallback(Linear(), 0)),
    Wrong("ScheduleCallback", ("entry 1", "'lr'"), lambda: ScheduleCallback({1: Linear()}, 10)),
    Wrong("ScheduleCallback", ("entry 'a b'",), lambda: ScheduleCallback({"a b": Linear()}, 10)),
    Wrong("ScheduleCallback", ("'rex'",), lambda: ScheduleCallback("rex", 10), TypeError),
    Wrong("ScheduleCallback", ("optimizer=-1",), lambda: ScheduleCallback(Linear(), 9, -1)),
]
REFINEMENT = [
    Wrong("GradNorms", ("norm='l3'",), lambda: GradNorms.of([1], "l3")),
    Wrong("GradNorms.of", ("norms", "-1"), lambda: GradNorms.of([1, -1])),
    Wrong("GradNorms.of", ("norms=['a']",), lambda: GradNorms.of(["a"])),
    Wrong("GradNorms.of", ("steps", "3", "1"), lambda: GradNorms.of([1], steps=[1, 2, 3])),
    Wrong("GradNorms.of", ("steps", "[-1]"), lambda: GradNorms.of([1], steps=[-1])),
    Wrong("GradNorms.of", ("steps", "[0.5]"), lambda: GradNorms.of([1], steps=[0.5])),
    Wrong("GradNorms.filled", ("norms", "finite"), lambda: GradNorms.of([math.nan]).filled()),
    Wrong("GradNorms.at_length", ("total_steps=0",), lambda: NORMS.at_length(0)),
    Wrong("GradNorms.trimmed", ("count=3", "5"), lambda: NORMS.trimmed(3)),
    Wrong("GradNorms.trimmed", ("count=-1",), lambda: NORMS.trimmed(-1)),
    Wrong("GradNormRecorder", ("source: int",), lambda: GradNormRecorder(3), TypeError),
    Wrong("GradNormRecorder", ("source", "no parameters"), lambda: GradNormRecorder([])),
    Wrong("GradNormRecorder", ("norm=None",), lambda: GradNormRecorder([torch.ones(1)])),
    Wrong("GradNormRecorder", ("norm='max'",), lambda o: GradNormRecorder(o, "max"), on=optimizer),
    Wrong("GradNormRecorder", ("start=-1",), lambda o: GradNormRecorder(o, start=-1), on=optimizer),
    Wrong("GradNormRecorder", ("block=0",), lambda o: GradNormRecorder(o, block=0), on=optimizer),
    Wrong(
        "GradNormRecorder",
        ("norms.npz",),
        lambda o: GradNormRecorder(o, None, "norms.npz"),
        on=optimizer,
    ),
    Wrong(
        "GradNormRecorder",
        ("meta", "set"),
        lambda o: GradNormRecorder(o, meta={"a": {1}}),
        TypeError,
        optimizer,
    ),
    Wrong("GradNormRecorder.record", ("step=-1",), lambda r: r.record(-1), on=recorder),
    Wrong("GradNormRecorder.record", ("step='a'",), lambda r: r.record("a"), TypeError, recorder),
    Wrong(
        "GradNormRecorder.load_state_dict",
        ("step=-1",),
        lambda r: r.load_state_dict({"step": -1}),
        on=recorder,
    ),
    Wrong(
        "GradNormRecorder.load_state_dict",
        ("state_dict", "[]"),
        lambda r: r.load_state_dict({}),
        on=recorder,
    ),
    Wrong(
        "GradNormRecorder.load_state_dict",
        ("norms", "-1"),
        lambda r: r.load_state_dict({"step": 3, "steps": [1], "norms": [-1.0]}),
        on=recorder,
    ),
    Wrong(
        "GradNormRecorder.load_state_dict",
        ("steps", "2"),
        lambda r: r.load_state_dict({"step": 3, "steps": [1, 2], "norms": [1.0]}),
        on=recorder,
    ),
    Wrong("GradNormCallback", ("norm='l3'",), lambda: GradNormCallback("a.jsonl", "l3")),
    Wrong("GradNormCallback", ("optimizer=-1",), lambda: GradNormCallback("a.jsonl", None, -1)),
    Wrong("refine", ("smoothing=0",), lambda: refine(NORMS, 0)),
    Wrong("refine", ("norms=[1, 2]",), lambda: refine([1, 2]), TypeError),
    Wrong("refine", ("norms", "positive"), lambda: refine(GradNorms.of([0, 0]))),
    Wrong("predicted_gain", ("smoothing=1.5",), lambda: predicted_gain(NORMS, 1.5)),
    Wrong("fit_closed_form", ("schedule=Linear()",), lambda: fit_closed_form(Linear()), TypeError),
    Wrong("fit_closed_form", ("schedule", "zero"), lambda: fit_closed_form(Tabulated((0.0, 0.0)))),
]
SCORING = [
    Wrong("Bound", ("base_lr=0",), lambda: Bound(1.0, 1.0).at(0)),
    Wrong("bound", ("total_steps=0",), lambda: bound(Linear(), 0)),
    Wrong("bound", ("schedule='linear'",), lambda: bound("linear", 9), TypeError),
    Wrong("bound", ("distance=-1",), lambda: bound(Linear(), 9, distance=-1)),
    Wrong("bound", ("grad_norms", "2", "9"), lambda: bound(Linear(), 9, [1, 2])),
    Wrong("bound", ("grad_norms[1]=-1",), lambda: bound(Linear(), 2, [1, -1])),
    Wrong("bound", ("grad_norms='a'",), lambda: bound(Linear(), 2, "a")),
    Wrong("bound", ("schedule", "zero"), lambda: bound(Constant(0), 9)),
    Wrong("bound_of_weights", ("weights",), lambda: bound_of_weights([1, -2.5])),
    Wrong(
        "bound_of_weights", ("distance='far'",), lambda: bound_of_weights([1], 1, "far"), TypeError
    ),
    Wrong("rank", ("schedules=[]",), lambda: rank([], 9)),
    Wrong("rank", ("'linear'",), lambda: rank(["linear"], 9), TypeError),
    Wrong("extend", ("total_steps=5", "done_steps=9"), lambda: extend(Linear(), 9, 5)),
    Wrong("extend", ("done_total=3", "9"), lambda: extend(Linear(), 9, 20, 3)),
    Wrong("extend", ("done='linear'",), lambda: extend("linear", 9, 20), TypeError),
]
TABLE = [*SHAPES, *OPERATORS, *CALLS, *SCHEDULER, *REFINEMENT, *SCORING]


@pytest.mark.parametrize("wrong", TABLE, ids=str)
def test_it_is_refused(wrong):
    check(wrong)


def test_nothing_public_is_forgotten():
    assert not unaccounted(ROOM, TABLE, UNCHECKED)
