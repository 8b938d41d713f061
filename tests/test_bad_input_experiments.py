"""Wrong calls of what is imported from ritard.experiments; its commands have their own tests."""

import tempfile
from pathlib import Path

import pytest
import ritard.experiments
import torch
from ritard.experiments import compare as c
from ritard.experiments import convex as x
from ritard.experiments import data as d
from ritard.experiments import tasks as t
from ritard.experiments.compare.plan import make_plan
from ritard.experiments.gallery import PICTURES
from ritard.experiments.tasks.batches import Examples
from ritard.experiments.testbeds import get_testbed
from ritard.schedules import Linear
from wrong_calls import Wrong, check, unaccounted

NOWHERE = Path("/nowhere/to/write")
LINEAR = (Linear(),)
GRID = c.Grid(LINEAR, budgets=(1.0,), seeds=1, rates=(0.1,))
OUTCOMES = {run.key: c.Outcome(1.0, 1.0, 0.1) for run in make_plan(GRID, {}).runs}
REPORT = c.make_report(GRID, OUTCOMES)


def folder(**files):
    """Makes a folder that holds these files, and which no wrong call may change."""

    def make():
        made = Path(tempfile.mkdtemp())
        for name, text in files.items():
            (made / name.replace("_", ".")).write_text(text)
        return made

    return make


COMPARE = [
    Wrong("Grid", ("budgets=0.0", "(0, 100]"), lambda: c.Grid(LINEAR, budgets=(0.0,))),
    Wrong("Grid", ("budgets=nan",), lambda: c.Grid(LINEAR, budgets=(float("nan"),))),
    Wrong("Grid", ("budgets='a'",), lambda: c.Grid(LINEAR, budgets=("a",)), TypeError),
    Wrong("Grid", ("budgets=5",), lambda: c.Grid(LINEAR, budgets=5), TypeError),
    Wrong("Grid", ("budgets=5", "twice"), lambda: c.Grid(LINEAR, budgets=(5, 5.0))),
    Wrong("Grid", ("seeds=0",), lambda: c.Grid(LINEAR, seeds=0)),
    Wrong("Grid", ("seeds=1.5",), lambda: c.Grid(LINEAR, seeds=1.5), TypeError),
    Wrong("Grid", ("schedules: expected at least one",), lambda: c.Grid(())),
    Wrong("Grid", ("schedules=Linear()",), lambda: c.Grid(Linear()), TypeError),
    Wrong("Grid", ("schedules=3",), lambda: c.Grid((3,)), TypeError),
    Wrong("Grid", ("schedules='linear'", "twice"), lambda: c.Grid(LINEAR * 2)),
    Wrong("Grid", ("'digit'", "did you mean 'digits'"), lambda: c.Grid(LINEAR, tasks=("digit",))),
    Wrong("Grid", ("tasks='digits'",), lambda: c.Grid(LINEAR, tasks="digits"), TypeError),
    Wrong("Grid", ("optimizers='lion'",), lambda: c.Grid(LINEAR, optimizers=("lion",))),
    Wrong("Grid", ("rates=inf",), lambda: c.Grid(LINEAR, rates=(float("inf"),))),
    Wrong("Grid", ("rates: expected at least one",), lambda: c.Grid(LINEAR, rates=())),
    Wrong("Grid", ("warm",), lambda: c.Grid((Linear().warmup(500),), budgets=(1.0,))),
    Wrong("Online", ("smoothing=0",), lambda: c.Online(0)),
    Wrong("Online", ("smoothing='a'",), lambda: c.Online("a"), TypeError),
    Wrong("Workers", ("jobs=0",), lambda: c.Workers(0)),
    Wrong("Workers", ("jobs=1.5",), lambda: c.Workers(1.5), TypeError),
    Wrong("Workers", ("threads=-1",), lambda: c.Workers(1, -1)),
    Wrong("Workers", ("accelerator='abacus'",), lambda: c.Workers(accelerator="abacus")),
    Wrong("run_grid", ("storage='runs.db'",), lambda: c.run_grid(GRID, "runs.db")),
    Wrong("run_grid", ("storage='sqlite://'",), lambda: c.run_grid(GRID, "sqlite://")),
    Wrong(
        "run_grid",
        ("a.log", "not a journal file"),
        lambda here: c.run_grid(GRID, f"journal:{here}/a.log"),
        on=folder(a_log="diary"),
    ),
    Wrong("make_report", ("outcomes: 1 of",), lambda: c.make_report(GRID, {})),
    Wrong("make_report", ("reference='3'", "linear"), lambda: c.make_report(GRID, OUTCOMES, 3)),
    Wrong(
        "write_files",
        (str(NOWHERE),),
        lambda: c.write_files(REPORT, OUTCOMES, NOWHERE),
        FileNotFoundError,
    ),
    Wrong("draw_all", (str(NOWHERE),), lambda: c.draw_all(REPORT, NOWHERE), FileNotFoundError),
    Wrong(
        "save_schedules",
        ("total_steps=0",),
        lambda here: c.save_schedules(LINEAR, 0, here / "a.png"),
        on=folder(),
    ),
]
CONVEX = [
    Wrong("Protocol", ("steps=0",), lambda: x.Protocol(steps=0)),
    Wrong("Protocol", ("seeds=1.5",), lambda: x.Protocol(seeds=1.5), TypeError),
    Wrong("Protocol", ("first_seed=-1",), lambda: x.Protocol(first_seed=-1)),
    Wrong("run_set", ("'logreg:none'",), lambda: x.run_set("none", x.Protocol())),
    Wrong("correlation", ("gains=[]",), lambda: x.correlation([])),
    *(
        Wrong(
            "Store",
            ("report.json",),
            lambda here: x.Store(here / "report.json", x.Protocol()),
            on=folder(report_json=text),
        )
        for text in ("{", "[]", "{}", "[" * 100_000)
    ),
    Wrong("of_task", ("report.json",), lambda here: x.of_task(here), FileNotFoundError, folder()),
    Wrong("of_task", ("report.json",), lambda here: x.of_task(here), on=folder(report_json="{")),
    Wrong("of_task", ("report.json",), lambda here: x.of_task(here), on=folder(report_json="[]")),
    Wrong("write_table", (str(NOWHERE),), lambda: x.write_table([], NOWHERE / "t.csv"), OSError),
    Wrong("write_gains", (str(NOWHERE),), lambda: x.write_gains([], NOWHERE / "t.csv"), OSError),
]
DATA = [
    Wrong("dataset", ("'mnis'",), lambda: d.dataset("mnis")),
    Wrong("locate", ("'mnis'",), lambda: d.locate("mnis")),
    Wrong("find", ("'mnis'",), lambda: d.find("mnis")),
    Wrong("fetch", ("'mnis'",), lambda: d.fetch("mnis")),
    Wrong("images", ("'mnis'",), lambda: d.images("mnis")),
    Wrong("libsvm", ("'libsvm/none'",), lambda: d.libsvm("none")),
    Wrong("cifar10", ("train_per_class=0",), lambda: d.cifar10(0)),
    Wrong("cifar10", ("test_per_class=1001",), lambda: d.cifar10(1, 1001)),
    Wrong("spd_matrix", ("'none'",), lambda: d.spd_matrix("none")),
]


def batches(**more):
    examples = Examples(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))
    return t.Batches(examples, **({"batch_size": 2, "seed": 0} | more))


def begun():
    made = batches()
    next(iter(made))
    return made


def loads(**entries):
    return lambda made: made.load_state_dict(made.state_dict() | entries)


DIGITS = t.get_task("digits")
TASKS = [
    Wrong("get_task", ("'digit'", "did you mean 'digits'"), lambda: t.get_task("digit")),
    Wrong("get_task", ("'logreg:none'", "logreg:SET"), lambda: t.get_task("logreg:none")),
    Wrong("get_task", ("name=3",), lambda: t.get_task(3), TypeError),
    Wrong("Task.module", ("optimizer='lion'",), lambda: DIGITS.module("lion", 0.1)),
    Wrong("Task.module", ("lr=0",), lambda: DIGITS.module("sgd", 0)),
    Wrong("Task.module", ("lr='a'",), lambda: DIGITS.module("sgd", "a"), TypeError),
    Wrong("Task.loaders", ("seed=-1",), lambda: DIGITS.loaders(-1)),
    Wrong("Task.loaders", ("seed='a'",), lambda: DIGITS.loaders("a"), TypeError),
    Wrong("Batches", ("batch_size=0",), lambda: batches(batch_size=0)),
    Wrong("Batches", ("batch_size=5", "1 to 4"), lambda: batches(batch_size=5)),
    Wrong("Batches", ("batch_size=2.0",), lambda: batches(batch_size=2.0), TypeError),
    Wrong("Batches", ("seed=None",), lambda: batches(seed=None, augment=lambda x, g: x)),
    Wrong("Batches", ("state_dict", "[]"), lambda b: b.load_state_dict({}), on=begun),
    Wrong("Batches", ("state_dict", "int"), lambda b: b.load_state_dict(3), on=begun),
    Wrong("Batches", ("given=-1",), loads(given=-1), on=begun),
    Wrong("Batches", ("begun",), loads(begun=torch.zeros(3)), on=begun),
    Wrong("Batches", ("begun",), loads(begun="a"), on=begun),
]
GALLERY = [
    Wrong(
        "Picture",
        ("/nowhere",),
        lambda: PICTURES["shapes"].save(Path("experiments/results"), NOWHERE / "a.png"),
        FileNotFoundError,
    ),
    Wrong(
        "Picture",
        ("report.json",),
        lambda here: PICTURES["budgets"].save(here, here / "a.png"),
        FileNotFoundError,
        folder(),
    ),
]
TESTBEDS = [
    Wrong("get_testbed", ("'digit'", "did you mean 'digits'"), lambda: get_testbed("digit")),
]
RECORD = "a record: what makes it has checked"
ROOMS = {
    "compare": (
        COMPARE,
        {
            **dict.fromkeys(("Cell", "Setting", "Run", "Outcome", "Report", "Score"), RECORD),
            **dict.fromkeys(("render", "to_json"), "takes a Report"),
            "Rule": "abstract",
            "WorkersDied": "an error",
        },
    ),
    "convex": (
        CONVEX,
        {
            **dict.fromkeys(("Correlation", "Gain", "Result"), RECORD),
            **dict.fromkeys(("draw_gaps", "draw_gains", "draw_near"), "draws on given axes"),
            **dict.fromkeys(("of_result", "render", "render_gains"), "takes Results or Gains"),
        },
    ),
    "data": (
        DATA,
        {
            "ChecksumError": "an error",
            **dict.fromkeys(("DataSet", "File"), "a record of the registry"),
            **dict.fromkeys(("names", "spd_names", "tinyshakespeare"), "takes nothing"),
        },
    ),
    "gallery": (GALLERY, {"page": "takes Pictures"}),
    "tasks": (TASKS, {"Loaders": RECORD, "task_names": "takes nothing"}),
    "testbeds": (TESTBEDS, {"Testbed": RECORD}),
}
EVERY = [wrong for rows, _ in ROOMS.values() for wrong in rows]


@pytest.mark.parametrize("wrong", EVERY, ids=str)
def test_it_is_refused(wrong):
    check(wrong)


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_public_is_forgotten(room):
    rows, unchecked = ROOMS[room]
    assert not unaccounted(f"ritard.experiments.{room}", rows, unchecked)


def test_no_room_is_forgotten():
    (top,) = ritard.experiments.__path__
    rooms = {
        path.parent.name
        for path in Path(top).glob("*/__init__.py")
        if "__all__" in path.read_text()
    }
    assert rooms == {*ROOMS, "cli"}  # the command line has tests of its own
