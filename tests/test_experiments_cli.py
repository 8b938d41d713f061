"""The command line: what it prints, what it writes, and what it refuses."""

import json
import subprocess
import sys
import time

import pytest
from ritard.experiments.__main__ import run
from ritard.experiments.cli import read

SMALL = "compare --schedules linear,rex --budgets 1,2 --seeds 2 --lr-grid 0.1,0.3".split()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_is_quick_and_names_the_commands():
    start = time.perf_counter()
    command = [sys.executable, "-m", "ritard.experiments", "--help"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(name in out for name in ("compare", "plot", "data"))
    assert time.perf_counter() - start < 3  # it takes 0.3 s on an idle machine; torch takes 2 s


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from ritard.experiments.__main__ import run; run(['--help']); "
        "print([m for m in ('torch', 'lightning', 'optuna', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ritard 0.")


def test_compare_writes_everything_and_prints_the_table(here, capsys):
    assert run([*SMALL, "--plot"]) == 0
    folder = here / "ritard-runs" / "compare-digits"
    names = {path.name for path in folder.iterdir()}
    pictures = {"schedules.png", "losses.png", "budgets.png", "rates.png"}
    assert names == {"results.csv", "table.csv", "report.json", "trials.db"} | pictures
    out = capsys.readouterr().out
    assert "digits sgd: test error %" in out and "no difference seen" in out

    made = {name: (folder / name).read_bytes() for name in ("results.csv", "report.json")}
    assert run([*SMALL, "--json"]) == 0  # again: nothing is left to run
    assert capsys.readouterr().out == made["report.json"].decode()
    assert {name: (folder / name).read_bytes() for name in made} == made


def test_a_dry_run_counts_times_and_writes_nothing(here, capsys):
    assert run([*SMALL, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "16 runs" in out and "nothing was run or written" in out
    assert run([*SMALL, "--dry-run", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["runs"] == 16 and data["costs"]["digits sgd"]["update"] > 0
    assert list(here.iterdir()) == []
    assert run(["compare", "--dry-run", "--jobs", "2"]) == 0
    assert "at least 162 runs" in capsys.readouterr().out  # 3 schedules x 6 budgets x 3 x 3


def test_a_dry_run_counts_what_is_done(here, capsys):
    assert run(SMALL[:3] + "--budgets 1 --seeds 1 --lr-grid 0.1".split()) == 0
    capsys.readouterr()
    assert run(SMALL[:3] + "--budgets 1 --seeds 2 --lr-grid 0.1 --dry-run".split()) == 0
    out = capsys.readouterr().out
    assert "2 runs, " in out and "2 runs are done already" in out


def test_several_settings_make_several_tables(here, capsys):
    assert run([*SMALL, "--optimizer", "sgd,adamw", "--reference", "rex", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {row["optimizer"] for row in data["table"]} == {"sgd", "adamw"}
    assert {row["schedule"] for row in data["comparisons"]} == {"linear"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--task nosuch", "nosuch"),
        ("--task digits,digits", "task='digits': given twice"),
        ("--schedules liner", "linear"),
        ("--schedules linear,linear", "given twice"),
        ("--schedules linear,", "expected one of"),
        ("--schedules uba(phi=-1)", "phi"),
        ("--schedules uba(phi=1", "brackets"),
        ("--schedules rex+warmup(500)", "warmup"),
        ("--optimizer lion", "lion"),
        ("--seeds 0", "seeds='0': expected"),
        ("--seeds x", "seeds='x'"),
        ("--budgets 0", "budgets=0.0"),
        ("--budgets 5,200", "budgets=200.0"),
        ("--budgets 5,5", "given twice"),
        ("--budgets 5;6", "budgets='5;6'"),
        ("--lr-grid 0.1,-1", "lr-grid=-1.0"),
        ("--lr-grid 0.1,zero", "lr-grid='0.1,zero'"),
        ("--lr-grid inf", "lr-grid=inf"),
        ("--jobs 0", "jobs='0': expected"),
        ("--threads 0", "threads='0': expected"),
        ("--accelerator abacus", "abacus"),
        ("--reference wsd", "reference='wsd'"),
        ("--out file/below", "is a file"),
        ("--storage runs.db", "SQLAlchemy URL"),
        ("--storage journal:no/such.log", "does not exist"),
        ("--nosuch", "--nosuch"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(arguments, message, here, capsys):
    (here / "file").write_text("")
    assert run(["compare", *arguments.split(" ")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert [path.name for path in here.iterdir()] == ["file"]


def test_a_missing_extra_names_the_line_to_run(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    rooms = ("ritard.experiments.compare", "ritard.experiments.trials")
    for name in [name for name in sys.modules if name.startswith(rooms)]:
        monkeypatch.delitem(sys.modules, name)
    assert run(SMALL) == 2
    assert 'pip install "ritard[experiments]"' in capsys.readouterr().err


def test_failed_runs_are_exit_code_1(here, capsys, monkeypatch):
    from ritard.experiments.compare import trial

    def broken(*args, **settings):
        raise RuntimeError("the network is down")

    monkeypatch.setattr(trial, "_fit_and_read", broken)
    assert run(SMALL[:3] + "--budgets 1 --seeds 1 --lr-grid 0.1".split()) == 1
    out, err = capsys.readouterr()
    assert "the network is down" in out and "error: some runs failed" in err


def test_plot(here, capsys):
    found = "linear,rex,uba(phi=5)+warmup(0.05)"
    assert run(["plot", "--schedules", found, "--steps", "50"]) == 0
    assert capsys.readouterr().out == "ritard-runs/plot/schedules.png\n"
    assert (here / "ritard-runs/plot/schedules.png").stat().st_size > 5000
    assert run(["plot", "--schedules", "rex", "--format", "svg", "--out", "a", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["picture"] == "a/schedules.svg" and (here / "a/schedules.svg").stat().st_size > 5000
    assert data["schedules"] == [{"name": "rex"}]
    for bad in (["liner"], ["rex", "--steps", "0"], ["rex", "--format", "doc"], []):
        assert run(["plot", *(["--schedules"] if bad else []), *bad]) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_reading_lists():
    found = read.schedules("step(at=(0.5, 0.75)), rex")
    assert [str(s) for s in found] == ["step(at=(0.5, 0.75))", "rex"] or len(found) == 2
    assert read.rates("auto") is None and read.rates("0.1,1e-2") == (0.1, 0.01)
