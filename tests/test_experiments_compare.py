"""The comparison's arithmetic: grids, rates, plans, tables, ranks, pairs, files, pictures."""

import csv
import json
import math

import numpy as np
import pytest
from ritard.experiments.compare import Cell, Grid, Outcome, Run, Setting, draw_all, make_report
from ritard.experiments.compare.files import to_json, write_files
from ritard.experiments.compare.paired import compare_pairs
from ritard.experiments.compare.plan import make_plan
from ritard.experiments.compare.ranks import credits, rank_shares
from ritard.experiments.compare.rates import REACH, AutoRates, FixedRates, Rate
from ritard.experiments.compare.tables import render
from ritard.experiments.tasks import get_task
from ritard.schedules import REX, Cosine, Linear
from ritard.schedules._atomic import atomic_path, write_text
from scipy import stats

SCHEDULES = (Linear(), Cosine(), REX())


def explore(rates, metric):
    """Run a search to its end on a synthetic metric of the rate."""
    scores = {}
    while not (search := rates.search(scores.get)).complete:
        scores |= {rate: metric(rate) for rate in search.rates}
    return search


def bowl(best):
    return lambda rate: abs(math.log(rate.value / best))


def finish(grid, outcome):
    """Outcomes of the whole grid, each from a function of its run."""
    outcomes = {}
    while (plan := make_plan(grid, outcomes)).left:
        outcomes |= {run.key: outcome(run) for run in plan.left}
    return outcomes


def plain(run):
    """A bowl around 0.1, a little different for every schedule and seed."""
    at = SCHEDULES.index(run.cell.schedule)
    val = 1 + abs(math.log(run.rate.value / 0.1))
    test = val + 0.1 * at + 0.01 * run.seed * (1 + at)
    return Outcome(val, test, run.rate.value, updates=run.updates, curve=((0.25, 2.0), (0.75, 1.0)))


# ---- rates -------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [-7, -2, 0, 1, 5])
def test_the_automatic_grid_finds_the_minimum_and_stops_beside_it(power):
    search = explore(AutoRates(0.1), bowl(0.1 * 3**power))
    assert search.best == Rate(0.1, power) and search.edge == ""
    assert {search.best.power - 1, search.best.power + 1} <= {rate.power for rate in search.rates}
    low, high = min(-1, power - 1), max(1, power + 1)
    assert [rate.power for rate in search.rates] == list(range(low, high + 1))


@pytest.mark.parametrize(("best", "edge"), [(1e-9, "lowest"), (1e9, "highest")])
def test_the_automatic_grid_ends_at_its_reach_and_says_so(best, edge):
    search = explore(AutoRates(0.1), bowl(best))
    assert (abs(search.best.power), search.edge) == (REACH, edge)


def test_divergence_widens_downwards_until_something_trains():
    search = explore(AutoRates(1.0), lambda r: math.inf if r.power > -4 else bowl(3**-5)(r))
    assert search.best.power == -5


def test_where_every_rate_diverged_there_is_no_best():
    search = explore(AutoRates(0.1), lambda rate: math.inf)
    assert search.complete and search.best is None and search.rates[0].power == -REACH


def test_a_rate_that_cannot_be_run_ends_the_search():
    search = explore(AutoRates(0.1), lambda rate: math.nan if rate.power == 1 else 1.0)
    assert search.failed and search.best is None and len(search.rates) == 3


def test_fixed_rates_do_not_widen_and_note_the_edge():
    search = explore(FixedRates((0.3, 0.01, 0.1)), bowl(5.0))
    assert [rate.value for rate in search.rates] == [0.01, 0.1, 0.3]
    assert (search.best.value, search.edge) == (0.3, "highest")
    assert explore(FixedRates((0.1,)), bowl(0.1)).edge == ""


# ---- grid and plan -----------------------------------------------------------------------


def test_keys_are_plain_text_and_differ():
    grid = Grid(SCHEDULES, budgets=(5, 33.3), seeds=2)
    runs = make_plan(grid, {}).runs
    base = get_task("digits").base_lrs["sgd"]
    assert runs[0].key == f"v1|digits|sgd|linear|5|{base!r}*3^-1|0"
    assert len({run.key for run in runs}) == len(runs) == 3 * 2 * 3 * 2


def test_budgets_are_rounded_to_updates_and_never_to_none():
    steps = get_task("digits").total_steps
    cell = Cell(Setting("digits", "sgd"), Linear(), 10.0)
    assert Run(cell, Rate(0.1), 0).updates == round(steps / 10)
    assert Run(Cell(cell.setting, Linear(), 1e-6), Rate(0.1), 0).updates == 1


def test_one_missing_seed_holds_the_choice_back():
    grid = Grid((Linear(),), budgets=(5,), seeds=3)
    outcomes = {run.key: plain(run) for run in make_plan(grid, {}).left}
    missing = next(iter(outcomes))
    del outcomes[missing]
    plan = make_plan(grid, outcomes)
    assert [run.key for run in plan.left] == [missing]
    assert not next(iter(plan.searches.values())).complete


def test_a_diverged_seed_makes_its_rate_the_worst_but_is_not_dropped():
    grid = Grid((Linear(),), budgets=(5,), seeds=3, rates=(0.1, 0.2))

    def outcome(run):
        bad = run.rate.value == 0.1 and run.seed == 1
        return Outcome(math.inf, math.inf, 0.1, diverged=True) if bad else plain(run)

    outcomes = finish(grid, outcome)
    (score,) = make_report(grid, outcomes).scores.values()
    assert score.lr == 0.2 and dict(score.validation)[0.1] == math.inf
    assert len(outcomes) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 0}, "seeds=0"),
        ({"budgets": ()}, "budgets"),
        ({"budgets": (0.0,)}, "budgets=0.0"),
        ({"budgets": (101,)}, "budgets=101"),
        ({"budgets": (math.nan,)}, "budgets=nan"),
        ({"budgets": (5, 5.0)}, "given twice"),
        ({"schedules": (REX(), REX())}, "schedules='rex': given twice"),
        ({"schedules": (REX().warmup(500),)}, "warmup"),
        ({"rates": (-1.0,)}, "rates=-1.0"),
        ({"rates": (math.inf,)}, "rates=inf"),
        ({"optimizers": ("lion",)}, "optimizers='lion'"),
        ({"tasks": ("digit",)}, "digits"),
    ],
)
def test_a_bad_grid_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Grid(**{"schedules": SCHEDULES, **change})


# ---- tables ------------------------------------------------------------------------------


def test_the_table_is_numpys_mean_and_standard_error():
    grid = Grid(SCHEDULES, budgets=(5,), seeds=4, rates=(0.1,))
    report = make_report(grid, finish(grid, plain))
    for score in report.scores.values():
        assert score.mean == pytest.approx(np.mean(score.tests), rel=1e-6)
        assert score.stderr == pytest.approx(stats.sem(score.tests), rel=1e-12)
    assert [report.is_best(score) for score in report.scores.values()] == [True, False, False]


def test_the_interval_is_scipys():
    rng = np.random.default_rng(0)
    ours, reference = rng.normal(1.0, 1.0, 6), rng.normal(0.5, 1.0, 6)
    paired = compare_pairs(ours, reference)
    expected = stats.ttest_rel(ours, reference).confidence_interval(0.95)
    assert paired.interval == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert paired.difference == pytest.approx((ours - reference).mean())


@pytest.mark.parametrize(
    ("ours", "reference", "verdict"),
    [
        ([1.0, 1.1, 0.9], [2.0, 2.2, 2.1], "better"),
        ([2.0, 2.2, 2.1], [1.0, 1.1, 0.9], "worse"),
        ([1.0, 2.0, 3.0], [1.5, 1.5, 3.0], "no difference seen"),
        ([1.0], [2.0], "no difference seen"),
        ([1.0, 2.0], [2.0, 3.0], "no difference seen"),  # no spread: nothing to judge by
        ([2.6666667461, 3.0], [2.3333332539, 2.6666667461], "no difference seen"),  # nor here
        ([1.0, math.inf], [2.0, 3.0], "worse"),
        ([1.0, 2.0], [math.inf, 3.0], "better"),
        ([math.inf, 2.0], [math.inf, 3.0], "no difference seen"),
    ],
)
def test_verdicts(ours, reference, verdict):
    assert compare_pairs(ours, reference).verdict == verdict


def test_verdicts_are_wrong_as_often_as_they_say():
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(2000, 2, 3))
    shown = sum(compare_pairs(a, b).verdict != "no difference seen" for a, b in pairs)
    assert 0.035 < shown / 2000 < 0.065  # 5 % ± 3 standard errors


def test_places_are_shared_by_equals_and_not_taken_by_the_diverged():
    assert credits([3.0, 1.0, 2.0, 4.0], 1) == [0, 1, 0, 0]
    assert credits([3.0, 1.0, 2.0, 4.0], 3) == [1, 1, 1, 0]
    assert credits([1.0, 1.0, 1.0, 1.0], 3) == [0.75] * 4
    assert credits([1.0, 2.0, 2.0, 2.0], 3) == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3])
    assert credits([1.0, math.inf], 3) == [1, 0]


def test_rank_shares_by_hand():
    shares = rank_shares({5: [[1, 2, 3, 4]], 25: [[2, 1, 3, 4], [1, 1, 2, math.inf]]})
    assert [s.top1 for s in shares["low"]] == [100, 0, 0, 0]
    assert [s.top1 for s in shares["high"]] == [25, 75, 0, 0]
    assert [s.top1 for s in shares["overall"]] == pytest.approx([50, 50, 0, 0])
    assert [s.top3 for s in shares["overall"]] == pytest.approx([100, 100, 100, 0])
    assert shares["overall"][0].experiments == 3
    assert set(rank_shares({5: [[1.0]]})) == {"low", "overall"}


# ---- report ------------------------------------------------------------------------------


@pytest.fixture
def mixed():
    """A grid in which cosine diverged at every rate, and REX failed at one budget."""
    grid = Grid(SCHEDULES, budgets=(5, 50), seeds=2)

    def outcome(run):
        if run.cell.schedule == Cosine():
            return Outcome(math.inf, math.inf, run.rate.value, diverged=True)
        if run.cell.schedule == REX() and run.cell.budget == 5:
            return Outcome.failure("crashed: OSError: no disk", run.rate.value)
        return plain(run)

    outcomes = finish(grid, outcome)
    return make_report(grid, outcomes), outcomes


def test_what_diverged_or_failed_is_reported_as_such(mixed):
    report, _ = mixed
    notes = {(str(c.schedule), c.budget): s.note for c, s in report.scores.items()}
    assert notes["cosine", 5] == notes["cosine", 50] == "diverged"
    assert notes["rex", 5] == "failed" and notes["rex", 50] == ""
    assert list(report.failures.values()) == ["crashed: OSError: no disk"]
    # The column with a failure is no experiment.
    assert "low" not in report.shares and report.shares["high"][1].top3 == 0
    assert {str(c.schedule): p.verdict for c, p in report.comparisons.items()}["cosine"] == "worse"


def test_files_say_the_same_as_the_report(mixed, tmp_path):
    report, outcomes = mixed
    write_files(report, outcomes, tmp_path)
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert len(rows) == len(outcomes)
    table = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert float(table[0]["mean"]) == next(iter(report.scores.values())).mean
    text = (tmp_path / "report.json").read_text()
    data = json.loads(text, parse_constant=pytest.fail)  # strict: no NaN, no Infinity
    assert text == to_json(report) and data["reference"] == "linear"
    assert [cell["mean"] for cell in data["table"] if cell["schedule"] == "cosine"] == [None, None]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.json", "results.csv", "table.csv"]


def test_tables_and_pictures_take_anything(mixed, tmp_path):
    from rich.console import Console

    report, _ = mixed
    console = Console(record=True, width=120, file=(tmp_path / "out.txt").open("w"))
    for part in render(report):
        console.print(part)
    text = console.export_text()
    assert all(
        word in text for word in ("diverged", "failed", "worse", "no disk", "uba") if word != "uba"
    )
    draw_all(report, tmp_path)
    names = {path.stem for path in tmp_path.glob("*.png")}
    assert names == {"schedules", "losses", "budgets", "rates"}


def test_the_reference_must_be_compared(mixed):
    report, outcomes = mixed
    with pytest.raises(ValueError, match=r"reference='rex\+floor"):
        make_report(report.grid, outcomes, REX().floor(0.1))


def test_outcomes_survive_json():
    outcome = Outcome(math.inf, 1.0, 0.1, True, 3, 0.5, ((0.5, 1.0),))
    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict(), allow_nan=False))) == outcome


def test_a_file_is_whole_or_not_there(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


# ---- a run -------------------------------------------------------------------------------


def test_a_run_depends_on_its_seed_alone_and_schedules_are_paired():
    import torch
    from ritard.experiments.compare.trial import train

    def run(schedule, rate=0.1, seed=0):
        return train(Run(Cell(Setting("digits", "sgd"), schedule, 1.0), Rate(rate), seed))

    first = run(REX())
    torch.manual_seed(123)
    again, linear, other = run(REX()), run(Linear()), run(REX(), seed=1)
    assert (again.val, again.test, again.curve) == (first.val, first.test, first.curve)
    assert linear.curve[0] == first.curve[0] != other.curve[0]  # same weights, same first batch
    assert first.updates == len(first.curve) and not first.diverged

    wild = run(REX(), rate=1e30)
    assert wild.diverged and math.isinf(wild.val) and wild.updates < first.updates
