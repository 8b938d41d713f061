"""Damaged storages and files of experiments: each ends in one line that names it, nothing is lost.

What is read exactly or refused, and what cannot be told from a change that a person made in a text:
see test_damaged_files.py.
"""

import io
import json
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from ritard.experiments.__main__ import run
from ritard.experiments.compare import Grid, Outcome
from ritard.experiments.compare.worker import STUDY, look, outcomes_of
from ritard.experiments.records import read_json
from ritard.experiments.settings import keep_settings
from ritard.experiments.trials import storage as storage_module
from ritard.experiments.trials.lease import Observer
from ritard.experiments.trials.ledger import Ledger
from ritard.experiments.trials.stop import Stop
from ritard.experiments.trials.storage import check_storage, open_study, reachable
from ritard.experiments.trials.worker import work
from ritard.schedules import REX, GradNorms, Linear

GRID = Grid((Linear(), REX()), budgets=(5,), seeds=1, rates=(0.1, 0.3))
KINDS = {"sqlite": ("runs.db", "sqlite:///"), "journal": ("runs.log", "journal:")}


def train(run):
    """As good as a run: what it gives follows from its rate."""
    return Outcome(1 / run.rate.value, 1.0, run.rate.value, curve=((0.5, 1.0),))


def go_on(url):
    """What the command does with a storage; the outcomes, those of before among them."""
    check_storage(url)
    ledger = Ledger(open_study(url, STUDY), observer=Observer(patience=0.0))
    with reachable(url):
        *_, last = work(lambda: look(GRID, ledger), ledger, train, Stop())
    return last.outcomes


@pytest.fixture(params=KINDS)
def storage(request, tmp_path):
    """A storage that holds a finished comparison: its file and its URL."""
    name, scheme = KINDS[request.param]
    path = tmp_path / name
    go_on(f"{scheme}{path}")
    return path, f"{scheme}{path}"


def after(data, path, url):
    """The outcomes after a storage was replaced by other bytes; None where that is refused."""
    path.write_bytes(data)
    try:
        return go_on(url)
    except (ValueError, OSError) as error:
        assert path.name in str(error) and "storage=" in str(error)
        assert len(str(error)) < 1000
        assert path.read_bytes() == data
        return None


def test_a_storage_that_was_cut_off(storage):
    path, url = storage
    whole, exact = path.read_bytes(), go_on(url)
    places = random.Random(0).sample(range(1, len(whole)), 6 if path.suffix == ".db" else 60)
    found = [after(whole[:place], path, url) for place in sorted(places)]
    assert all(one in (None, exact) for one in found)  # what was lost has been run again
    assert path.suffix == ".log" or None in found


def test_a_storage_with_a_flipped_bit(storage):
    path, url = storage
    whole, exact = path.read_bytes(), go_on(url)
    rng = random.Random(0)
    used = [i for i, byte in enumerate(whole) if byte]  # much of a database is empty
    refused = 0
    for _ in range(10 if path.suffix == ".db" else 80):
        data = bytearray(whole)
        data[rng.choice(used)] ^= 1 << rng.randrange(8)
        found = after(bytes(data), path, url)
        refused += found is None
        assert found is None or found.keys() >= exact.keys()
    assert path.suffix == ".db" or refused > 20


DAMAGE = {
    '"updates"': '"updqtes"',
    '"curve":[[': '"curve":[["a",',
    '"val":': '"vel":',
}


@pytest.mark.parametrize("text", DAMAGE)
def test_a_result_that_is_none(text, storage):
    """The storage is sound, what a run is said to have given is not."""
    path, url = storage
    if path.suffix == ".db":
        with sqlite3.connect(path) as database:
            for was in (text, text.replace(":", ": ")):
                database.execute(
                    "update trial_user_attributes set value_json = replace(value_json, ?, ?)",
                    (was, DAMAGE[text]),
                )
        database.close()
    else:
        path.write_text(path.read_text().replace(text, DAMAGE[text]))
    with pytest.raises(ValueError, match=r"storage=.*runs.*the result of 'v1\|digits"):
        go_on(url)
    assert run(["compare", *SMALL, "--storage", url, "--out", str(path.parent / "o")]) == 2


SMALL = "--schedules linear,rex --budgets 5 --seeds 1 --lr-grid 0.1,0.3".split()


def test_a_damaged_line_is_named_and_nothing_is_written_after_it(tmp_path):
    path = tmp_path / "runs.log"
    url = f"journal:{path}"
    go_on(url)
    lines = path.read_bytes().splitlines(keepends=True)
    for number in (3, len(lines) - 1):
        damaged = [*lines]
        damaged[number] = damaged[number].replace(b":", b";", 1)
        path.write_bytes(b"".join(damaged))
        with pytest.raises(ValueError, match=rf"runs\.log: line {number + 1} is damaged"):
            go_on(url)
        assert path.read_bytes() == b"".join(damaged)
    path.write_bytes(b"".join(lines))
    assert len(go_on(url)) == 4  # mended by hand, all is there


def test_a_trial_that_lost_its_marks_is_run_again(tmp_path):
    url = f"journal:{tmp_path}/runs.log"
    exact = go_on(url)
    path = tmp_path / "runs.log"
    path.write_text(path.read_text().replace('"worker":', '"wirker":', 1))
    assert go_on(url) == exact
    study = open_study(url, STUDY)
    assert study.storage.get_n_trials(study.id) == len(exact) + 1


@pytest.mark.parametrize("worker", ["", "host", "host:12:x", "host:x:12", ":::", "a:b:c:d"])
def test_a_damaged_name_of_a_worker_is_waited_for(worker):
    now = [0.0]
    observer = Observer(clock=lambda: now[0])
    assert not observer.is_dead(0, worker, 0)
    now[0] = 61.0
    assert observer.is_dead(0, worker, 0)


LOCKS = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("begin exclusive")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_database_that_another_process_holds_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "runs.db"
    exact = go_on(f"sqlite:///{path}")
    holder = subprocess.Popen(
        [sys.executable, "-c", LOCKS, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with monkeypatch.context() as patch:
        patch.setattr(storage_module, "SQLITE_SECONDS", 0.1)
        with pytest.raises(ValueError, match=r"storage='sqlite.*runs\.db.*database is locked"):
            check_storage(f"sqlite:///{path}")
    threading.Timer(1.0, lambda: holder.communicate("go\n")).start()
    assert go_on(f"sqlite:///{path}") == exact
    assert holder.wait(60) == 0


def test_a_storage_of_other_settings_is_no_trouble(storage):
    """Runs have keys: those of another comparison are beside it."""
    _, url = storage
    other = Grid((Linear(),), budgets=(1,), seeds=1, rates=(0.1,))
    ledger = Ledger(open_study(url, STUDY))
    *_, last = work(lambda: look(other, ledger), ledger, train, Stop())
    assert len(last.outcomes) == 5 and len(outcomes_of(ledger.read())) == 5


# ---- settings ------------------------------------------------------------------------------

SETTINGS = {"task": "digits", "seeds": [0, 1], "rate": 0.1}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "[" * 100_000, "\ufeff{}", '{"a"'])
def test_damaged_settings(text, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"out='.*': "):
        keep_settings(SETTINGS, tmp_path)
    assert path.read_text("utf-8") == text and len(list(tmp_path.iterdir())) == 1


def test_json_that_lacks_something_says_what(tmp_path):
    path = tmp_path / "report.json"
    path.write_text('{"format": 1}')
    with pytest.raises(ValueError, match=r"report\.json is damaged: it lacks 'protocol'$"):
        read_json(path, lambda data: data["protocol"])


def test_damaged_exact_solutions_are_not_searched_on(tmp_path, capsys, monkeypatch):
    """Cut off, or a bit of a number flipped, which torch alone would not see."""
    monkeypatch.chdir(tmp_path)
    sizes = "--nfe 2 --evaluations 4 --noises 8,8,8 --no-refine --out o".split()
    small = ["search", "--model", "mixture", *sizes]
    assert run(small) == 0
    (path,) = Path("o/exact").glob("train-*.pt")
    whole = path.read_bytes()
    number = whole.index(b"data/0") + 200
    flipped = whole[:number] + bytes([whole[number] ^ 64]) + whole[number + 1 :]
    assert torch.load(io.BytesIO(flipped), weights_only=True)
    for data in (flipped, whole[: len(whole) // 2], b""):
        path.write_bytes(data)
        Path("o/trials.log").unlink()
        capsys.readouterr()
        assert run(small) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert f"{path} is damaged: " in said and said.endswith("remove the whole folder o/exact")
    path.write_bytes(whole)
    Path("o/exact/identity").write_bytes(b"\xff")
    assert run(small) == 0


def test_settings_that_were_cut_off_or_changed(tmp_path):
    keep_settings(SETTINGS, tmp_path)
    path = tmp_path / "settings.json"
    whole = path.read_text()
    for place in range(len(whole) - 2):
        path.write_text(whole[:place])
        with pytest.raises(ValueError, match=r"settings\.json is damaged"):
            keep_settings(SETTINGS, tmp_path)
    path.write_text(whole)
    keep_settings(SETTINGS, tmp_path)
    with pytest.raises(ValueError, match=r"holds runs with rate=0\.1, not 0\.2"):
        keep_settings(SETTINGS | {"rate": 0.2}, tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "null", "\xff"])
def test_a_command_in_a_folder_with_damaged_settings(text, tmp_path, capsys):
    (tmp_path / "settings.json").write_text(text, "latin-1")
    assert run(["relax", "--steps", "5", "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and str(tmp_path) in err
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


# ---- schedules and logs given to the command line --------------------------------------------


def saved(folder, kind):
    """A file of a kind, whole."""
    path = folder / {"log": "norms.jsonl", "npz": "norms.npz", "schedule": "schedule.json"}[kind]
    norms = GradNorms.of([4.0, 3.0, 2.0, 2.0, 1.0] * 8)
    norms.save(folder / "norms.jsonl")
    norms.save(folder / "norms.npz")
    assert (
        run(["refine", str(folder / "norms.jsonl"), "--save", str(folder / "schedule.json")]) == 0
    )
    return path


@pytest.mark.parametrize("kind", ["log", "npz", "schedule"])
def test_a_damaged_schedule_file(kind, tmp_path, capsys, monkeypatch):
    """Cut off, flipped or hostile: drawn, or refused in one line that names it."""
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, kind)
    whole = path.read_bytes()
    rng = random.Random(0)
    texts = [whole[: rng.randrange(len(whole))] for _ in range(12)]
    for _ in range(12):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        texts.append(bytes(data))
    texts += [b"", b"\0" * 100, b"[" * 100_000, b'{"name":' * 100_000, b"\xff\xfe{}", b"null"]
    texts += [
        b'{"name": 3}',
        b'{"name": "rex", "rho": "a"}',
        b'{"name": []}',
        b'{"name": "refined"}',
    ]
    refused = 0
    for text in texts:
        path.write_bytes(text)
        capsys.readouterr()
        code = run(["score", "--schedules", f"linear,refined({path.name})", "--steps", "50"])
        out, err = capsys.readouterr()
        refused += code == 2
        assert code == 0 or (code == 2 and out == ""), err
        assert code == 0 or (err.count("\n") == 1 and path.name in err), err
        assert len(err) < 2000
    assert refused > 10 and path.read_bytes() == texts[-1]


def test_a_damaged_log_is_refused_by_every_command_that_reads_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("norms.jsonl").write_text('{"steps": [1]}\n')
    for command in (
        ["refine", "norms.jsonl", "--save", "s.json"],
        ["score", "--schedules", "rex", "--steps", "9", "--norms", "norms.jsonl"],
        ["plot", "--schedules", "refined(norms.jsonl)"],
        ["compare", "--schedules", "refined(norms.jsonl)"],
    ):
        assert run(command) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and "norms.jsonl" in err
    assert [path.name for path in tmp_path.iterdir()] == ["norms.jsonl"]


# ---- data ------------------------------------------------------------------------------------


def test_damaged_data_end_the_command_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RITARD_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "libsvm"
    folder.mkdir(parents=True)
    (folder / "iris").write_text("1 1:0.5\n")
    from ritard.experiments.data import dataset
    from ritard.experiments.tasks import logreg

    logreg._dataset.cache_clear()  # another test may have read the good one
    entry = dataset("libsvm/iris")
    folder = tmp_path / "data" / entry.folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in entry.files:
        (folder / file.name).write_text("1 1:0.5\n")
    assert run(["compare", "--task", "logreg:iris"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and entry.files[0].name in err
    assert run(["data", "list", "--json"]) == 0
    states = {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)["sets"]}
    assert states["libsvm/iris"] == "damaged"
    assert not (tmp_path / "ritard-runs").exists()
