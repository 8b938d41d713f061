"""Wrong calls of ritard.tuners: the error, what it says, and that nothing has changed."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from bandit_tables import TUNERS
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from ritard.solvers.diffusion import EDM, GaussianMixture, Model, VPLinear, ddim, grids, lower
from ritard.solvers.linear import Stencil
from ritard.tuners import OnlineRefinement, OnlineRefinementCallback, Plateau
from ritard.tuners import bandits as b
from ritard.tuners import solver_search as s
from ritard.tuners.autolrs import (
    AutoLRS,
    AutoLRSCallback,
    Climb,
    Ledger,
    RateSearch,
    Released,
    ReplayBuffer,
    Report,
    Snapshot,
    range_test,
    varpro,
)
from wrong_calls import Wrong, check, unaccounted

# ---- Plateau and online refinement ---------------------------------------------------------


def layer():
    torch.manual_seed(0)
    return torch.nn.Linear(2, 1)


def optimizer(momentum=0.9):
    made = torch.optim.SGD(layer().parameters(), lr=0.1, momentum=momentum)
    return made


def plateau():
    made = Plateau(patience=0)
    for cost in (3.0, 2.0, 2.5):
        made.tell(made.ask(), cost)
    return made


def online():
    made = OnlineRefinement(optimizer(), 100).attach()
    for _ in range(5):
        for parameter in made.optimizer.param_groups[0]["params"]:
            parameter.grad = torch.ones_like(parameter)
        made.optimizer.step()
        made.step()
    return made


def damaged(**entries):
    """Load the object's own state with other entries."""
    return lambda o: o.load_state_dict(o.state_dict() | entries)


PLAIN = [
    Wrong("Plateau", ("factor=1",), lambda: Plateau(1)),
    Wrong("Plateau", ("patience=-1",), lambda: Plateau(patience=-1)),
    Wrong("Plateau", ("threshold='a'",), lambda: Plateau(threshold="a"), TypeError),
    Wrong("Plateau.tell", ("cost='a'",), lambda p: p.tell(1.0, "a"), TypeError, plateau),
    Wrong(
        "Plateau.load_state_dict", ("state_dict", "[]"), lambda p: p.load_state_dict({}), on=plateau
    ),
    Wrong(
        "Plateau.load_state_dict", ("Plateau", "int"), lambda p: p.load_state_dict(3), on=plateau
    ),
    Wrong("Plateau.load_state_dict", ("scale='a'",), damaged(scale="a"), on=plateau),
    Wrong("Plateau.load_state_dict", ("scale=2.0",), damaged(scale=2.0), on=plateau),
    Wrong("Plateau.load_state_dict", ("best=None",), damaged(best=None), on=plateau),
    Wrong("Plateau.load_state_dict", ("bad=-1",), damaged(bad=-1), on=plateau),
    Wrong("OnlineRefinement", ("optimizer=3",), lambda: OnlineRefinement(3, 10), TypeError),
    Wrong("OnlineRefinement", ("smoothing=0",), lambda o: OnlineRefinement(o, 9, 0), on=optimizer),
    Wrong(
        "OnlineRefinement",
        ("norm='l3'",),
        lambda o: OnlineRefinement(o, 9, norm="l3"),
        on=optimizer,
    ),
    Wrong("OnlineRefinement", ("total_steps=0",), lambda o: OnlineRefinement(o, 0), on=optimizer),
    Wrong("OnlineRefinement.load_state_dict", ("refinement",), damaged(refinement={}), on=online),
    Wrong("OnlineRefinement.load_state_dict", ("refinement",), damaged(refinement=3), on=online),
    Wrong(
        "OnlineRefinement.load_state_dict",
        ("last_epoch=None",),
        damaged(last_epoch=None),
        on=online,
    ),
    Wrong("OnlineRefinement", ("scale=nan",), lambda o: setattr(o, "scale", math.nan), on=online),
    Wrong("OnlineRefinementCallback", ("smoothing=2",), lambda: OnlineRefinementCallback(2)),
    Wrong("OnlineRefinementCallback", ("norm='l3'",), lambda: OnlineRefinementCallback(norm="l3")),
    Wrong(
        "OnlineRefinementCallback",
        ("optimizer=-1",),
        lambda: OnlineRefinementCallback(optimizer=-1),
    ),
]

# ---- bandits -------------------------------------------------------------------------------

ARMS = (1.0, 1.5)
COLUMNS = {name: np.zeros(2, kind) for name, kind in b.report.COLUMNS.items()}
REPORT = b.SequenceReport(**COLUMNS)
SYSTEMS = [(Stencil.laplacian(3, 3), np.ones(9))] * 3
OPTUNA = partial(b.OptunaTuner, FloatDistribution(1, 2), lambda seed: RandomSampler(seed=seed))


def told(name):
    """A tuner of the contract's table that has learned a little."""

    def make():
        tuner = TUNERS[name]()
        for context in (0.0, 0.3, 0.1):
            tuner.tell(tuner.ask(context), 10.0 + context)
        return tuner

    return make


BANDITS = [
    Wrong("TsallisINF", ("arms=()",), lambda: b.TsallisINF((), 0)),
    Wrong("TsallisINF", ("arms='ab'",), lambda: b.TsallisINF("ab", 0), TypeError),
    Wrong("TsallisINF", ("seed=-1",), lambda: b.TsallisINF(ARMS, -1)),
    Wrong("TsallisINF", ("seed='a'",), lambda: b.TsallisINF(ARMS, "a"), TypeError),
    Wrong("TsallisINF", ("cost_min=nan",), lambda: b.TsallisINF(ARMS, 0, cost_min=math.nan)),
    Wrong("TsallisINF", ("cost_max=0",), lambda: b.TsallisINF(ARMS, 0, cost_max=0)),
    Wrong("TsallisINF", ("estimator=3",), lambda: b.TsallisINF(ARMS, 0, 3), TypeError),
    Wrong("Estimator", ("rate=0",), lambda: b.Estimator(0, 0)),
    Wrong("Estimator", ("baseline=2",), lambda: b.Estimator(1, 2)),
    Wrong("TsallisINFCB", ("low=1, high=0",), lambda: b.TsallisINFCB(ARMS, 0, 1, 0)),
    Wrong("TsallisINFCB", ("bins=0",), lambda: b.TsallisINFCB(ARMS, 0, 0, 1, 0)),
    Wrong("TsallisINFCB", ("context=None",), lambda t: t.ask(), TypeError, told("TsallisINFCB")),
    Wrong("ChebCB", ("features=0",), lambda: b.ChebCB(ARMS, 0, 0, 1, 0)),
    Wrong("ChebCB", ("high='a'",), lambda: b.ChebCB(ARMS, 0, 0, "a"), TypeError),
    Wrong("ChebCB", ("context=nan",), lambda t: t.ask(math.nan), on=told("ChebCB")),
    Wrong("ChebCB", ("context='a'",), lambda t: t.ask("a"), TypeError, told("ChebCB")),
    Wrong("GPThompson", ("reach=-1",), lambda: b.GPThompson(ARMS, 0, reach=-1)),
    Wrong("GPThompson", ("context=None",), lambda t: t.ask(), TypeError, told("GPThompson")),
    Wrong("EpsilonGreedy", ("epsilon=1.5",), lambda: b.EpsilonGreedy(ARMS, 0, 1.5)),
    Wrong("ThompsonSampling", ("arms=3",), lambda: b.ThompsonSampling(3, 0), TypeError),
    Wrong("UCB1", ("cost_min='a'",), lambda: b.UCB1(ARMS, 0, "a"), TypeError),
    Wrong("Fixed", ("choice=1.5",), lambda t: t.tell(1.5, 1.0), TypeError, told("Fixed")),
    Wrong("Choice", ("choice.arm=20",), lambda t: t.tell(b.Choice(1.0, 20), 1.0), on=told("UCB1")),
    Wrong(
        "Choice",
        ("choice.arm='a'",),
        lambda t: t.tell(b.Choice(1.0, "a"), 1.0),
        TypeError,
        told("UCB1"),
    ),
    Wrong(
        "Choice",
        ("choice.probability=0.0",),
        lambda t: t.tell(b.Choice(1.0, 0, 0.0), 1.0),
        on=told("TsallisINF"),
    ),
    Wrong(
        "Choice",
        ("choice.baselines: 1",),
        lambda t: t.tell(b.Choice(1.0, 0, 0.5, None, (1.0,)), 1.0),
        on=told("TsallisINF"),
    ),
    Wrong(
        "Choice",
        ("choice.baselines", "nan"),
        lambda t: t.tell(b.Choice(1.0, 0, 0.5, None, (math.nan,) * 20), 1.0),
        on=told("TsallisINF"),
    ),
    Wrong("UCB1", ("cost='a'",), lambda t: t.tell(t.ask(), "a"), TypeError, told("UCB1")),
    Wrong("PolicyClass", ("tuner", "1.0"), lambda: b.PolicyClass(b.UCB1(ARMS, 0)), TypeError),
    Wrong("PolicyClass", ("tuner=3",), lambda: b.PolicyClass(3), TypeError),
    Wrong("YoungPolicy", ("omega_max=2",), lambda: b.YoungPolicy(1, 4, 2)),
    Wrong("YoungPolicy", ("diagonal=0",), lambda: b.YoungPolicy(1, 0)),
    Wrong("young_policies", ("count=1",), lambda: b.young_policies(4.0, count=1)),
    Wrong("young_policies", ("omega_max=2.5",), lambda: b.young_policies(4.0, omega_max=2.5)),
    Wrong(
        "lanczos_young",
        ("A: its diagonal goes from 1 to 2",),
        lambda: b.lanczos_young(np.diag([1.0, 2.0])),
    ),
    Wrong("OptunaTuner", ("space={}",), lambda: b.OptunaTuner({}, RandomSampler, 0)),
    Wrong("OptunaTuner", ("seed=-1",), lambda: OPTUNA(-1)),
    Wrong(
        "OptunaTuner",
        ("choice.arm=7",),
        lambda t: t.tell(b.Choice(1.0, 7), 1.0),
        on=told("OptunaTuner"),
    ),
    Wrong("OptunaTuner", ("'DONE'",), damaged(trials=[{"state": "DONE"}]), on=told("OptunaTuner")),
    Wrong("OptunaTuner", ("trials",), damaged(trials=3), on=told("OptunaTuner")),
    Wrong("best_fixed", ("costs", "(2,)"), lambda: b.best_fixed([1, 2])),
    Wrong("best_fixed", ("costs", "'a'"), lambda: b.best_fixed([["a"]])),
    Wrong("regret", ("paid", "(1,)"), lambda: b.regret([1], [[1, 2], [3, 4]])),
    Wrong("regret", ("optimum", "(3,)"), lambda: b.regret([1], [[1]], [1, 2, 3])),
    Wrong("SequenceReport", ("paid", "(2,)", "(1,)"), lambda: REPORT.regret([[1.0]])),
    Wrong("plot_omegas", ("reports={}",), lambda: b.plot_omegas({})),
    Wrong("plot_solved", ("reports={}",), lambda: b.plot_solved({})),
    Wrong(
        "tune_sequence", ("systems=3",), lambda t: b.tune_sequence(3, t), TypeError, told("UCB1")
    ),
    Wrong("tune_sequence", ("tuner=3",), lambda: b.tune_sequence(SYSTEMS, 3), TypeError),
    Wrong(
        "tune_sequence",
        ("method='gauss'",),
        lambda t: b.tune_sequence(SYSTEMS, t, method="gauss"),
        on=told("UCB1"),
    ),
    Wrong(
        "tune_sequence",
        ("cost='time'",),
        lambda t: b.tune_sequence(SYSTEMS, t, cost="time"),
        on=told("UCB1"),
    ),
    Wrong(
        "tune_sequence",
        ("rtol=-1",),
        lambda t: b.tune_sequence(SYSTEMS, t, rtol=-1),
        on=told("UCB1"),
    ),
    Wrong(
        "tune_sequence",
        ("checkpoint_every=-1",),
        lambda t: b.tune_sequence(SYSTEMS, t, checkpoint_every=-1),
        on=told("UCB1"),
    ),
    Wrong(
        "SequenceError",
        ("system 0", "int"),
        lambda t: b.tune_sequence([3], t),
        b.SequenceError,
        told("UCB1"),
    ),
]
for _name in TUNERS:
    _of = _name.partition(" ")[0]
    _made = told(_name)
    BANDITS += [
        Wrong(_of, ("state_dict", "[]"), lambda t: t.load_state_dict({}), on=_made),
        Wrong(_of, ("state_dict", "int"), lambda t: t.load_state_dict(3), on=_made),
        Wrong(_of, ("state_dict", "settings"), damaged(settings=3), on=_made),
        Wrong(_of, ("state_dict", "kind='Other'"), damaged(settings={"kind": "Other"}), on=_made),
    ]
    if _name in ("OptunaTuner", "TsallisINFCB"):
        continue
    BANDITS += [
        Wrong(_of, ("state_dict", "costs"), damaged(costs=3), on=_made),
        Wrong(_of, ("state_dict", "costs"), damaged(costs={"count": 3}), on=_made),
        Wrong(
            _of,
            ("state_dict", "nan"),
            damaged(costs={"count": 3, "mean": math.nan, "worst": 1.0}),
            on=_made,
        ),
        Wrong(_of, ("state_dict", "rng"), damaged(rng={}), on=_made),
        Wrong(_of, ("state_dict", "rng"), damaged(rng=3), on=_made),
    ]
    if _name not in ("Fixed", "lanczos_young"):  # they keep no arrays
        BANDITS.append(Wrong(_of, ("state_dict", "arrays"), damaged(arrays=3), on=_made))

# ---- AutoLRS -------------------------------------------------------------------------------


class Stage:
    """A model, its optimizer and a loss; what may not change is both."""

    def __init__(self):
        self.model = layer()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)

    def loss(self, batch):
        return self.model(batch).square().mean()

    def state_dict(self):
        groups = [
            {k: v for k, v in g.items() if k != "params"} for g in self.optimizer.param_groups
        ]
        return {
            "model": self.model.state_dict(),
            "groups": groups,
            "state": self.optimizer.state_dict(),
        }

    def tuner(self, total_steps=100, **options):
        return AutoLRS(self.model, self.optimizer, self.loss, total_steps, **options)

    def faithful(self, **options):
        given = {"lr_min": 1e-3, "lr_max": 1.0} | options
        return AutoLRS.faithful(self.model, self.optimizer, self.loss, 100, **given)

    def tested(self, **options):
        batches = [torch.ones(4, 2)] * 100
        return range_test(self.loss, self.model, self.optimizer, batches, **options)


def auto(**wrong):
    """A wrong option of AutoLRS."""
    ((name, value),) = wrong.items()
    kind = TypeError if isinstance(value, str) else ValueError
    return Wrong("AutoLRS", (f"{name}={value!r}",), lambda t: t.tuner(**wrong), kind, Stage)


def wrongly_faithful(**wrong):
    ((name, value),) = wrong.items()
    return Wrong(
        "AutoLRS.faithful", (f"{name}={value!r}",), lambda t: t.faithful(**wrong), on=Stage
    )


def tuner():
    return Stage().tuner(total_steps=1000)


def climbed():
    made = Climb(0.25, 4.0)
    made.tell(made.ask(), 1.0)
    return made


def searched():
    made = RateSearch(1e-3, 1.0)
    made.tell(made.ask(), 1.0)
    return made


def buffer():
    made = ReplayBuffer(range(9))
    made.mark(3)
    next(made)
    return made


def snapshot():
    made = Stage()
    made.snapshot = Snapshot(made.model, made.optimizer)
    return made


AUTOLRS = [
    auto(total_steps=0),
    auto(total_steps="100"),
    auto(overhead=-1),
    auto(stages=0),
    auto(candidates=1),
    auto(first_octaves=0),
    auto(octaves="2"),
    auto(scored=1),
    auto(hold=1),
    auto(tail=1),
    auto(switching_cost=math.nan),
    Wrong("Options", ("overheads",), lambda t: t.tuner(overheads=0.1), TypeError, Stage),
    Wrong("AutoLRS", ("search=3",), lambda t: t.tuner(search=3), TypeError, Stage),
    Wrong("AutoLRS", ("schedule 'linear'",), lambda t: t.tuner(base="linear"), TypeError, Stage),
    Wrong("AutoLRS", ("held_out", "1"), lambda t: t.tuner(held_out=[torch.ones(1, 2)]), on=Stage),
    Wrong(
        "AutoLRS", ("model=3",), lambda t: AutoLRS(3, t.optimizer, t.loss, 100), TypeError, Stage
    ),
    Wrong(
        "AutoLRS", ("optimizer=3",), lambda t: AutoLRS(t.model, 3, t.loss, 100), TypeError, Stage
    ),
    Wrong(
        "AutoLRS", ("loss=3",), lambda t: AutoLRS(t.model, t.optimizer, 3, 100), TypeError, Stage
    ),
    wrongly_faithful(lr_min=0),
    wrongly_faithful(k=0),
    wrongly_faithful(ratio=2),
    wrongly_faithful(tau0=0),
    wrongly_faithful(warmup_steps=-1),
    Wrong(
        "AutoLRS.faithful", ("lr_max=0.1",), lambda t: t.faithful(lr_min=1.0, lr_max=0.1), on=Stage
    ),
    Wrong("AutoLRS.load_state_dict", ("AutoLRS", "[]"), lambda t: t.load_state_dict({}), on=tuner),
    Wrong("AutoLRS.load_state_dict", ("AutoLRS", "int"), lambda t: t.load_state_dict(3), on=tuner),
    Wrong("AutoLRS.load_state_dict", ("total_steps", "9"), damaged(total_steps=9), on=tuner),
    Wrong(
        "AutoLRS.load_state_dict",
        ("Ledger", "['productive']"),
        damaged(ledger={"productive": "a"}),
        on=tuner,
    ),
    Wrong("AutoLRS.load_state_dict", ("search", "raised_from"), damaged(search={}), on=tuner),
    Wrong("AutoLRS.load_state_dict", ("ScheduleLR", "lacks"), damaged(scheduler={}), on=tuner),
    Wrong("AutoLRSCallback", ("schedule 'rex'",), lambda: AutoLRSCallback("rex"), TypeError),
    Wrong("AutoLRSCallback", ("total_steps=0",), lambda: AutoLRSCallback(total_steps=0)),
    Wrong("AutoLRSCallback", ("overhead=-1",), lambda: AutoLRSCallback(overhead=-1)),
    Wrong(
        "AutoLRSCallback.load_state_dict",
        ("AutoLRSCallback", "[]"),
        lambda c: c.load_state_dict({}),
        on=AutoLRSCallback,
    ),
    Wrong(
        "AutoLRSCallback.load_state_dict",
        ("search", "raised_from"),
        damaged(search=dict.fromkeys(("scale", "segments", "reports", "rest"), 1)),
        on=AutoLRSCallback,
    ),
    Wrong("Climb", ("low=4.0, high=1.0",), lambda: Climb(4.0, 1.0)),
    Wrong("Climb", ("low=0",), lambda: Climb(0, 1.0)),
    Wrong("Climb.tell", ("choice=-1",), lambda c: c.tell(-1, 1.0), on=climbed),
    Wrong(
        "Climb.load_state_dict", ("state_dict", "[]"), lambda c: c.load_state_dict({}), on=climbed
    ),
    Wrong("Climb.load_state_dict", ("Climb", "int"), damaged(costs=3), on=climbed),
    Wrong("RateSearch", ("low=1, high=1",), lambda: RateSearch(1, 1)),
    Wrong("RateSearch", ("grid=0",), lambda: RateSearch(0.1, 1, grid=0)),
    Wrong("RateSearch.tell", ("choice=2.0",), lambda r: r.tell(2.0, 1.0), on=searched),
    Wrong("RateSearch.tell", ("cost='a'",), lambda r: r.tell(0.1, "a"), TypeError, searched),
    Wrong("RateSearch.best", ("best: 0 costs",), lambda: RateSearch(0.1, 1).best()),
    Wrong("RateSearch.load_state_dict", ("RateSearch", "int"), damaged(interval=3), on=searched),
    Wrong("RateSearch.load_state_dict", ("RateSearch", "'a'"), damaged(costs=["a"]), on=searched),
    Wrong(
        "RateSearch.load_state_dict", ("rates", "2", "1"), damaged(rates=[0.1, 0.2]), on=searched
    ),
    Wrong(
        "Ledger.load_state_dict", ("state_dict", "[]"), lambda x: x.load_state_dict({}), on=Ledger
    ),
    Wrong("Ledger.load_state_dict", ("search='a'",), damaged(search="a"), on=Ledger),
    Wrong("Released", ("rounds=-1",), lambda: Released(rounds=-1)),
    Wrong("Released", ("share=2",), lambda: Released(share=2)),
    Wrong("Report.from_dict", ("trials",), lambda: Report.from_dict({})),
    Wrong("varpro", ("losses", "'a'"), lambda: varpro(["a"], 9)),
    Wrong("varpro", ("horizon='a'",), lambda: varpro([1.0] * 9, "a"), TypeError),
    Wrong("range_test", ("low=0",), lambda t: t.tested(low=0), on=Stage),
    Wrong("range_test", ("high=1e-09",), lambda t: t.tested(high=1e-9), on=Stage),
    Wrong("range_test", ("steps=3",), lambda t: t.tested(steps=3), on=Stage),
    Wrong(
        "range_test",
        ("loss is nan",),
        lambda t: range_test(
            lambda x: torch.tensor(math.nan), t.model, t.optimizer, [torch.ones(1, 2)] * 99
        ),
        on=Stage,
    ),
    Wrong("ReplayBuffer", ("source=3",), lambda: ReplayBuffer(3), TypeError),
    Wrong("ReplayBuffer.mark", ("n=0",), lambda: ReplayBuffer([1]).mark(0)),
    Wrong("ReplayBuffer.mark", ("already marked",), lambda r: r.mark(2), RuntimeError, buffer),
    Wrong("ReplayBuffer.rewind", ("position=9",), lambda r: r.rewind(9), on=buffer),
    Wrong(
        "ReplayBuffer.load_state_dict",
        ("position=-1",),
        lambda r: r.load_state_dict({"position": -1}),
        on=buffer,
    ),
    Wrong(
        "ReplayBuffer.load_state_dict",
        ("state_dict", "[]"),
        lambda r: r.load_state_dict({}),
        on=buffer,
    ),
    Wrong("Snapshot", ("Snapshot()", "the model"), lambda: Snapshot()),
    Wrong("Snapshot", ("Snapshot: 3 is no module",), lambda: Snapshot(3), TypeError),
    Wrong("Snapshot", ("place='tape'",), lambda t: Snapshot(t.model, place="tape"), on=Stage),
    Wrong(
        "Snapshot.restore", ("lr='a'",), lambda t: t.snapshot.restore(lr="a"), TypeError, snapshot
    ),
    Wrong("Snapshot.restore", ("lr", "-1"), lambda t: t.snapshot.restore(lr=-1), on=snapshot),
    Wrong(
        "Snapshot.restore", ("lr", "[1, 2]"), lambda t: t.snapshot.restore(lr=[1, 2]), on=snapshot
    ),
    Wrong("Snapshot.swap", ("parts",), lambda t: t.snapshot.swap(Snapshot(t.model)), on=snapshot),
    Wrong("Snapshot.swap", ("other=3",), lambda t: t.snapshot.swap(3), TypeError, on=snapshot),
]

# ---- the search of samplers ----------------------------------------------------------------

VP = VPLinear()
DATA = GaussianMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.full((2,), 0.04))
MODEL = DATA.model(VP)
EPS = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SCHEDULE = ddim(VP, grids.uniform_lambda(VP, 4))
OTHER = ddim(EDM(), grids.uniform_lambda(EDM(), 4))
RNG = np.random.default_rng(0)
COSTS = torch.ones(4, 4)


def evaluator():
    return s.Evaluator(MODEL, EPS)


def search(kind=s.SolverSearch, **more):
    given = {"predictor": None} if kind is s.SolverSearch else {}
    return kind(VP, 4, 8, **(given | more))


def under_way(kind):
    def make():
        made = search(kind)
        made.tell(made.ask(), 1.0)
        return made

    return make


def searches(kind):
    """What every search refuses."""
    name, made = kind.__name__, under_way(kind)
    return [
        Wrong(name, ("nfe=0",), lambda: kind(VP, 0)),
        Wrong(name, ("noise='vp'",), lambda: kind("vp", 4), TypeError),
        Wrong(name, ("evaluations=3",), lambda: kind(VP, 4, 3)),
        Wrong(name, ("seed=-1",), lambda: kind(VP, 4, 8, -1)),
        Wrong(name, ("space=3",), lambda: kind(VP, 4, 8, space=3), TypeError),
        Wrong(name, ("choice=int",), lambda x: x.tell(3, 1.0), TypeError, made),
        Wrong(name, ("choice", "'edm'"), lambda x: x.tell(OTHER, 1.0), on=made),
        Wrong(name, ("cost='a'",), lambda x: x.tell(x.best(), "a"), TypeError, made),
        Wrong(name, ("nfe=9",), lambda x: x.best(9), on=made),
        Wrong(name, ("format=None",), lambda x: x.load_state_dict({}), on=made),
        Wrong(name, ("settings",), damaged(settings=None), on=made),
        Wrong(name, ("damaged",), damaged(archives={}), on=made),
        Wrong(name, ("damaged",), damaged(archives={"4": [[{}, 1.0]]}), on=made),
    ]


JUDGES = s.Judges(evaluator(), evaluator(), evaluator())
NOISES = s.Noises.draw((2,), 4, 4, 4, dtype=torch.float64)
SEARCH = [
    *searches(s.SolverSearch),
    *searches(s.GeneticSearch),
    *searches(s.RandomSearch),
    Wrong("SolverSearch", ("batch=0",), lambda: search(batch=0)),
    Wrong(
        "SolverSearch",
        ("start: no SolverSchedule of nfe=4",),
        lambda: search(start=[lower(SCHEDULE)]),
    ),
    Wrong("SolverSearch.ask", ("nfe=9",), lambda x: x.ask(9), on=under_way(s.SolverSearch)),
    Wrong("Space", ("orders: 9",), lambda: s.Space(orders=(9,))),
    Wrong("Space", ("gap=1",), lambda: s.Space(gap=1)),
    Wrong("Space", ("times=1",), lambda: s.Space(times=1), TypeError),
    Wrong("Evolution", ("population=0",), lambda: s.Evolution(population=0)),
    Wrong("Evolution", ("crossover=2",), lambda: s.Evolution(crossover=2)),
    Wrong("Predictor", ("members=0",), lambda: s.Predictor(members=0)),
    Wrong("Predictor", ("lr=0",), lambda: s.Predictor(lr=0)),
    Wrong("Evaluator", ("model=int",), lambda: s.Evaluator(3, EPS), TypeError),
    Wrong("Evaluator", ("eps", "(2,)"), lambda: s.Evaluator(MODEL, EPS[0])),
    Wrong("Evaluator", ("eps=[1]",), lambda: s.Evaluator(MODEL, [1]), TypeError),
    Wrong("Evaluator", ("reference", "(2,)"), lambda: s.Evaluator(MODEL, EPS, reference=EPS[0])),
    Wrong("Evaluator", ("batch=0",), lambda: s.Evaluator(MODEL, EPS, batch=0)),
    Wrong("Evaluator", ("tol=0",), lambda: s.Evaluator(MODEL, EPS, tol=0)),
    Wrong("Evaluator", ("sampler: starts at",), lambda: evaluator()(ddim(VP, (0.5, 0.001)))),
    Wrong("Evaluator", ("sampler=int",), lambda: evaluator()(3), TypeError),
    Wrong("Reject", ("factor=0.5",), lambda: s.Reject(factor=0.5)),
    Wrong("Noises", ("validation", "(3,)"), lambda: s.Noises(EPS, torch.ones(1, 3), EPS)),
    Wrong("Noises", ("train=3",), lambda: s.Noises(3, EPS, EPS), TypeError),
    Wrong("Noises.draw", ("test=0",), lambda: s.Noises.draw((2,), test=0)),
    Wrong("Noises.draw", ("shape=8", "(1, 32, 32)"), lambda: s.Noises.draw(8), TypeError),
    Wrong("Noises.draw", ("shape=0",), lambda: s.Noises.draw((3, 0))),
    Wrong("Judges", ("train=3",), lambda: s.Judges(3, evaluator(), evaluator()), TypeError),
    Wrong("GaussNewton", ("free", "'time'"), lambda: s.GaussNewton(("time",))),
    Wrong("GaussNewton", ("damping=0",), lambda: s.GaussNewton(damping=0)),
    Wrong("GradientRefinement", ("clip=0",), lambda: s.GradientRefinement(clip=0)),
    Wrong(
        "GradientRefinement", ("lr", "'weights'"), lambda: s.GradientRefinement(lr={"times": 1.0})
    ),
    Wrong(
        "GradientRefinement",
        ("evaluations=3",),
        lambda: s.GradientRefinement()(SCHEDULE, evaluator(), evaluator(), 3),
    ),
    Wrong("InTurn", ("refiners=()",), lambda: s.InTurn(())),
    Wrong("OnSamples", ("function=3",), lambda: s.OnSamples(3), TypeError),
    Wrong("best_fixed", ("nfe=0",), lambda: s.best_fixed(evaluator(), 0)),
    Wrong("canonical", ("schedule=int",), lambda: s.canonical(3), TypeError),
    Wrong("key", ("sampler=int",), lambda: s.key(3), TypeError),
    Wrong("crossover", ("schedule=int",), lambda: s.crossover(SCHEDULE, 3, RNG), TypeError),
    Wrong(
        "difference",
        ("schedule=int",),
        lambda: s.difference(3, SCHEDULE, SCHEDULE, s.Space(), RNG),
        TypeError,
    ),
    Wrong("mutate", ("schedule=int",), lambda: s.mutate(3, s.Space(), RNG), TypeError),
    Wrong("random_schedule", ("nfe=0",), lambda: s.random_schedule(VP, 0, s.Space(), RNG)),
    Wrong("fixed_samplers", ("nfe=0",), lambda: s.fixed_samplers(VP, 0)),
    Wrong("fixed_samplers", ("noise='vp'",), lambda: s.fixed_samplers("vp", 4), TypeError),
    Wrong("rank_fixed", ("samplers={}",), lambda: s.rank_fixed(evaluator(), {})),
    Wrong("cheapest", ("steps=9",), lambda: s.cheapest(COSTS, 9)),
    Wrong("cheapest", ("coefficient=0",), lambda: s.cheapest(COSTS, 2, 0)),
    Wrong("gits_times", ("nfe=99",), lambda: s.gits_times(MODEL, EPS, 99)),
    Wrong(
        "gits_times", ("metric='l3'",), lambda: s.gits_times(MODEL, EPS, 4, knots=9, metric="l3")
    ),
    Wrong("gits_times", ("model=int",), lambda: s.gits_times(3, EPS, 4), TypeError),
    Wrong("step_costs", ("metric='l3'",), lambda: s.step_costs(s.teacher(MODEL, EPS, 5), "l3")),
    Wrong("teacher", ("knots=1",), lambda: s.teacher(MODEL, EPS, 1)),
    Wrong("ld3", ("starts=0",), lambda: s.ld3(evaluator(), evaluator(), 4, 20, starts=0)),
    Wrong("ld3", ("fixed",), lambda: s.ld3(evaluator(), evaluator(), 4, 20, fixed=[])),
    Wrong("s4s", ("rounds=0",), lambda: s.s4s(evaluator(), evaluator(), 4, 20, rounds=0)),
    Wrong("search_on", ("nfe=0",), lambda: s.search_on(JUDGES, 0)),
    Wrong("search_on", ("share=1",), lambda: s.search_on(JUDGES, 4, share=1)),
    Wrong(
        "search_solver",
        ("evaluations=3",),
        lambda: s.search_solver(MODEL, NOISES, 4, evaluations=3),
    ),
    Wrong("search_solver", ("model=int",), lambda: s.search_solver(3, NOISES, 4), TypeError),
    Wrong("search_solver", ("noises=3",), lambda: s.search_solver(MODEL, 3, 4), TypeError),
    Wrong(
        "search_solver",
        ("model", "not finite"),
        lambda: s.search_solver(Model(lambda x, t: x * math.nan, VP), NOISES, 4),
    ),
    Wrong("SearchResult.from_dict", ("format=None",), lambda: s.SearchResult.from_dict({})),
    Wrong(
        "SearchResult.load",
        ("nowhere.json",),
        lambda: s.SearchResult.load("nowhere.json"),
        FileNotFoundError,
    ),
]

ROOMS = [
    ("ritard.tuners", PLAIN, {"Tuner": "a protocol"}),
    (
        "ritard.tuners.bandits",
        BANDITS,
        {"Hindsight": "a result", "Regret": "a result"},
    ),
    (
        "ritard.tuners.autolrs",
        AUTOLRS,
        {
            "AllDiverged": "an error",
            "Forecast": "a result",
            "Forecaster": "a protocol",
            "RangeTest": "a result",
        },
    ),
    (
        "ritard.tuners.solver_search",
        SEARCH,
        {
            "Cost": "a result",
            "Evaluated": "a result",
            "GeometricMean": "no settings that are checked: a name",
            "Objective": "a protocol",
            "Progress": "a result",
            "RMSE": "no settings that are checked: a name",
            "Refiner": "a protocol",
            "Scored": "a result",
            "Scores": "a result",
        },
    ),
]
EVERY = [*PLAIN, *BANDITS, *AUTOLRS, *SEARCH]


@pytest.mark.filterwarnings("ignore:AutoLRS")
@pytest.mark.parametrize("wrong", EVERY, ids=str)
def test_it_is_refused(wrong):
    check(wrong)


@pytest.mark.parametrize(("room", "rows", "unchecked"), ROOMS, ids=[room for room, *_ in ROOMS])
def test_nothing_public_is_forgotten(room, rows, unchecked):
    assert not unaccounted(room, rows, unchecked)
