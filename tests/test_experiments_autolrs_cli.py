"""``ritard autolrs``: its report, schedule and picture, and that it goes on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from ritard.experiments.__main__ import run
from ritard.experiments.tasks import get_task
from ritard.schedules import Schedule

CALL = "autolrs --task digits --lr 0.002 --steps 200 --overhead 0.8".split()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_on_digits(here, capsys):
    assert run([*CALL, "--json", "--save", "new/learned.json", "--plot"]) == 0
    out, err = capsys.readouterr()
    report, folder = json.loads(out), here / "ritard-runs" / "autolrs-digits"
    assert report["metric"] == "error %"
    assert 0 <= report["test"] < 50
    assert 0 < report["overhead"] <= 0.8
    cost = report["search_steps"] + report["scored_batches"] / 3
    assert report["overhead"] == pytest.approx(cost / 200)
    assert report["rates"][0][1] > 0.002  # it was far too small
    assert "takes" in err and "Traceback" not in err
    learned = Schedule.from_dict(json.loads((here / "new/learned.json").read_text()))
    assert 0.002 * learned(report["rates"][0][0], 200) == pytest.approx(report["rates"][0][1])
    names = {"report.json", "schedule.json", "settings.json", "rates.png"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "rates.png").read_bytes().startswith(b"\x89PNG")

    assert run([*CALL, "--json"]) == 0  # nothing is left to do
    again, said = capsys.readouterr()
    assert again == out and "takes" not in said
    assert run([*CALL, "--seed", "1"]) == 2
    assert "seed=0, not 1; expected another folder" in capsys.readouterr().err


LONGER = "autolrs --steps 6000 --lr 0.01 --overhead 0.5 --json".split()


def timeless(report):
    return {k: v for k, v in report.items() if k not in ("seconds", "search_seconds")}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_it_goes_on_and_ends_as_if_it_had_not_been(number, here, capsys, monkeypatch):
    command = [sys.executable, "-m", "ritard.experiments", *LONGER, "--out", "stopped"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    while not (here / "stopped/run.checkpoint").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == (143 if number == signal.SIGTERM else -number)
    assert not (here / "stopped/report.json").exists() and "Traceback" not in err

    reports = []
    for folder in ("stopped", "whole"):
        assert run([*LONGER, "--out", folder]) == 0
        reports.append(timeless(json.loads(capsys.readouterr().out)))
        assert not (here / folder / "run.checkpoint").exists()
    assert reports[0] == reports[1] and reports[0]["rates"]
    schedules = [(here / name / "schedule.json").read_bytes() for name in ("stopped", "whole")]
    assert schedules[0] == schedules[1]


@pytest.mark.parametrize("given", [0, 3, 44, 45])
def test_batches_go_on_where_they_stood(given):
    def images(batches):
        return [inputs for inputs, _ in batches]

    first, second = (get_task("digits").loaders(seed=3).train for _ in range(2))
    assert len(first) > 10
    given = min(given, len(first))
    steps = iter(first)
    for _ in range(given):
        next(steps)
    second.load_state_dict(first.state_dict())
    rest = list(steps) if given < len(first) else list(first)
    expected = [inputs for inputs, _ in rest] + images(first)
    found = images(second) + images(second)
    assert len(found) == len(expected)
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--task", "nothing", "task 'nothing'"),
        ("--schedule", "nothing", "nothing"),
        ("--schedule", "linear,rex", "schedule='linear,rex': expected one"),
        ("--save", "learned.txt", "save='learned.txt'"),
        ("--candidates", "1", "candidates=1"),
        ("--overhead", "-1", "overhead=-1"),
        ("--lr", "0", "lr=0.0"),
        ("--steps", "0", "error: steps=0"),
        ("--seed", "-1", "seed='-1': expected"),
        ("--threads", "0", "threads='0': expected"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(option, value, message, here, capsys):
    assert run(["autolrs", "--task", "digits", option, value]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err and list(here.iterdir()) == []
