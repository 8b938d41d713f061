"""``ritard autolrs``: a run on a task, its report, schedule and picture."""

import json
from pathlib import Path

import pytest
import typer
from ritard.experiments.cli.autolrs import autolrs
from ritard.schedules import Schedule
from typer.testing import CliRunner

app = typer.Typer()
app.command()(autolrs)


def test_a_run_on_digits(tmp_path: Path) -> None:
    saved, picture = tmp_path / "learned.json", tmp_path / "new" / "rate.png"
    call = ["--task", "digits", "--lr", "0.002", "--steps", "200", "--overhead", "0.8"]
    done = CliRunner().invoke(app, [*call, "--json", "--save", str(saved), "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["metric"] == "error %"
    assert 0 <= report["test"] < 50
    assert 0 < report["overhead"] <= 0.8
    cost = report["search_steps"] + report["scored_batches"] / 3
    assert report["overhead"] == pytest.approx(cost / 200)
    assert report["rates"][0][1] > 0.002  # it was far too small
    assert "takes" in done.stderr
    learned = Schedule.from_dict(json.loads(saved.read_text()))
    assert 0.002 * learned(report["rates"][0][0], 200) == pytest.approx(report["rates"][0][1])
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--task", "nothing", "task 'nothing'"),
        ("--schedule", "nothing", "nothing"),
        ("--save", "learned.txt", "save='learned.txt'"),
        ("--plot", "rate.gif", "plot='rate.gif'"),
        ("--candidates", "1", "candidates=1"),
        ("--overhead", "-1", "overhead=-1"),
        ("--lr", "0", "lr=0.0"),
        ("--steps", "0", "total_steps=0"),
    ],
)
def test_bad_options(option: str, value: str, message: str) -> None:
    done = CliRunner().invoke(app, ["--task", "digits", option, value])
    assert isinstance(done.exception, ValueError)
    assert message in str(done.exception)
