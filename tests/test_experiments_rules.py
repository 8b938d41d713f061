"""Rules, which react to the run, beside schedules in ``ritard compare``."""

import json

import pytest
from ritard.experiments.__main__ import run
from ritard.experiments.cli import read
from ritard.experiments.compare import Cell, Grid, Online, Run, Setting, draw_all, make_report
from ritard.experiments.compare.figures import draw_schedules
from ritard.experiments.compare.files import write_files
from ritard.experiments.compare.outcome import Outcome
from ritard.experiments.compare.plan import make_plan
from ritard.experiments.compare.rates import Rate
from ritard.experiments.rules import RULES, driver
from ritard.schedules import REX, Linear, ScheduleCallback
from ritard.tuners import OnlineRefinementCallback


def test_text_and_json_forms() -> None:
    named = read.controls("linear, online, ONLINE( smoothing = 0.2 ), rex+warmup(0.1), online()")
    assert named == (Linear(), Online(), Online(0.2), REX().warmup(0.1), Online())
    assert [str(one) for one in named[1:3]] == ["online", "online(smoothing=0.2)"]
    assert read.controls(",".join(map(str, named))) == named
    assert Online().to_dict() == {"name": "online"}
    assert Online(0.2).to_dict() == {"name": "online", "smoothing": 0.2}
    assert RULES == {"online": Online} and hash(Online(0.2)) == hash(Online(0.2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("online(0.2)", "setting '0.2' without a name; expected settings as online"),
        ("online(smoothing=x)", "could not convert"),
        ("online(smoothing=0)", r"smoothing=0.0: expected a number in \(0, 1\]"),
        ("online(width=1)", "width"),
        ("online+warmup(0.1)", "online reacts to the run; expected it without operators"),
        ("onlin", "'onlin' is not a schedule"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read.controls(f"linear,{text}")


@pytest.mark.parametrize(
    "command", [["plot", "--schedules"], ["score", "--steps", "10", "--schedules"]]
)
def test_commands_that_need_a_curve_say_so(command: list[str], tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run([*command, "linear,online(smoothing=0.2)"]) != 0
    message = capsys.readouterr().err
    assert "online(smoothing=0.2) reacts to the run and has no curve before it" in message
    assert list(tmp_path.iterdir()) == []


def test_a_driver_for_each_kind() -> None:
    found = driver(Online(0.2))
    assert isinstance(found, OnlineRefinementCallback) and found.smoothing == 0.2
    assert type(driver(REX())) is ScheduleCallback and driver(REX()).schedule == REX()


def test_a_grid_holds_both_and_its_report_copes(tmp_path) -> None:
    grid = Grid((Online(), Linear(), Online(0.2)), budgets=(5,), seeds=2, rates=(0.1,))
    runs = make_plan(grid, {}).runs
    assert runs[0].key == "v1|digits|sgd|online|5|0.1|0"
    assert runs[4].key == "v1|digits|sgd|online(smoothing=0.2)|5|0.1|0"
    outcomes = {r.key: Outcome(1.0, 1.0 + r.seed, 0.1, curve=((0.5, 1.0),)) for r in runs}
    report = make_report(grid, outcomes, Linear())
    write_files(report, outcomes, tmp_path)
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["schedules"] == [one.to_dict() for one in grid.schedules]
    assert {c["schedule"] for c in saved["comparisons"]} == {"online", "online(smoothing=0.2)"}
    draw_all(report, tmp_path)
    assert {p.stem for p in tmp_path.glob("*.png")} == {"schedules", "losses", "budgets", "rates"}

    alone = make_report(Grid((Online(),), budgets=(5,), seeds=2, rates=(0.1,)), outcomes)
    (tmp_path / "alone").mkdir()
    draw_all(alone, tmp_path / "alone")
    assert {p.stem for p in (tmp_path / "alone").glob("*.png")} == {"losses", "budgets", "rates"}


def test_a_schedule_keeps_its_colour_beside_a_rule() -> None:
    from matplotlib.figure import Figure
    from ritard.schedules.plot import PALETTE

    ax = Figure().subplots()
    draw_schedules((Online(), Linear(), REX()), 10, ax)
    assert [line.get_color() for line in ax.lines] == list(PALETTE[1:3])


def test_a_run_under_a_rule_depends_on_its_seed_alone() -> None:
    from ritard.experiments.compare.trial import train

    def val(control, seed: int = 0) -> tuple[float, object]:
        outcome = train(Run(Cell(Setting("digits", "sgd"), control, 5.0), Rate(0.1), seed))
        return outcome.val, outcome.curve

    first, again, other = val(Online()), val(Online()), val(Online(), seed=1)
    assert first == again != other
    assert first[1] != val(Linear())[1]  # norms of digits fall fast: it is not linear decay
