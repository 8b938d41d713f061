"""Shared storage: claims, leases, resumption, and processes that are stopped and killed."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from ritard.experiments.__main__ import run
from ritard.experiments.compare import Grid, Outcome, make_report
from ritard.experiments.compare.files import to_json
from ritard.experiments.compare.plan import make_plan
from ritard.experiments.compare.worker import STUDY, look, outcomes_of
from ritard.experiments.trials.lease import Heartbeat, Observer, is_gone, worker_name
from ritard.experiments.trials.ledger import DIED, INTERRUPTED, TRIES, Ledger
from ritard.experiments.trials.stop import Stop
from ritard.experiments.trials.storage import check_storage
from ritard.experiments.trials.storage import open_study as open_named
from ritard.experiments.trials.worker import work
from ritard.schedules import REX, Linear

GRID = Grid((Linear(), REX()), budgets=(5,), seeds=2)


def fake(run):
    """A result that widens the automatic grid by one step upwards."""
    return (
        Outcome(1 / run.rate.value, 1.0, run.rate.value)
        if run.rate.power < 2
        else (Outcome(1e9, 1.0, run.rate.value))
    )


def open_study(url):
    return open_named(url, STUDY)


def drain(grid, ledger, execute=fake):
    """Work to the end; the last status."""
    *_, last = work(lambda: look(grid, ledger), ledger, execute, Stop())
    return last


def trials(url):
    study = open_study(url)
    return study.storage.get_all_trials(study.id)


def completed(url):
    """How often each key was completed."""
    return Counter(t.user_attrs["key"] for t in trials(url) if t.state.name == "COMPLETE")


@pytest.fixture(params=["sqlite", "journal"])
def url(request, tmp_path):
    return {"sqlite": f"sqlite:///{tmp_path}/runs.db", "journal": f"journal:{tmp_path}/runs.log"}[
        request.param
    ]


# ---- claims ------------------------------------------------------------------------------


def test_a_grid_is_run_once_and_never_again(url):
    ran = []
    status = drain(GRID, Ledger(open_study(url)), lambda run: ran.append(run.key) or fake(run))
    assert status.plan.complete and len(ran) == len(set(ran)) == 2 * 4 * 2
    drain(GRID, Ledger(open_study(url)), lambda run: pytest.fail("done already"))
    bigger = Grid((Linear(), REX()), budgets=(5,), seeds=3)
    drain(bigger, Ledger(open_study(url)), lambda run: ran.append(run.key) or fake(run))
    assert len(ran) == len(set(ran)) == 2 * 4 * 3


def test_many_that_claim_one_run_at_once_leave_it_to_one(url):
    runs = make_plan(Grid((REX(),), budgets=(7,), seeds=2), {}).runs[:5]
    open_study(url)
    gate = threading.Barrier(4)
    won = []

    def claim_all():
        ledger = Ledger(open_study(url))
        for one in runs:
            gate.wait()
            if ledger.claim(one) is not None:
                won.append(one.key)

    workers = [threading.Thread(target=claim_all) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(won) == sorted(run.key for run in runs)


def test_several_workers_share_a_grid_that_widens(url):
    open_study(url)
    ends = []
    workers = [
        threading.Thread(target=lambda: ends.append(drain(GRID, Ledger(open_study(url)))))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [end.plan.complete for end in ends] == [True] * 3
    assert set(completed(url).values()) == {1} and len(completed(url)) == 16


def test_a_crash_is_tried_again_and_then_reported(url):
    tries = Counter()

    def execute(run):
        tries[run.key] += 1
        if run.cell.schedule == REX():
            raise OSError("no disk")
        return fake(run)

    status = drain(GRID, Ledger(open_study(url)), execute)
    report = make_report(GRID, status.outcomes)
    assert {tries[k] for k in tries if "|rex|" in k} == {TRIES}
    assert set(report.failures.values()) == {"crashed: OSError: no disk"}
    # The command started again tries again.
    assert not make_report(GRID, drain(GRID, Ledger(open_study(url))).outcomes).failures


def test_an_interrupted_run_is_open_again_and_no_crash(url):
    ledger = Ledger(open_study(url))
    run = make_plan(GRID, {}).left[0]
    for _ in range(TRIES + 1):
        ledger.release(ledger.claim(run), INTERRUPTED)
    assert run.key not in outcomes_of(ledger.read())
    assert ledger.claim(run) is not None


def test_a_result_that_comes_after_the_lease_was_lost_is_passed_over(url):
    slow, ledger = Ledger(open_study(url)), Ledger(open_study(url))
    run = make_plan(GRID, {}).left[0]
    late = slow.claim(run)
    ledger.release(late, DIED)
    ledger.finish(ledger.claim(run), Outcome(1.0, 1.0, 0.1))
    slow.finish(late, Outcome(2.0, 2.0, 0.1))
    assert outcomes_of(slow.read())[run.key].val == 1.0


# ---- leases ------------------------------------------------------------------------------


def test_a_count_that_stands_still_is_a_dead_workers():
    times = iter([0.0, 59.0, 60.0, 119.0, 121.0])
    observer = Observer(patience=60, clock=lambda: next(times))
    dead = [observer.is_dead(7, "another:1:1", beat) for beat in (0, 0, 1, 1, 1)]
    assert dead == [False, False, False, False, True]


def test_a_process_that_ended_here_is_told_at_once():
    code = "from ritard.experiments.trials.lease import worker_name as w; print(w())"
    name = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert is_gone(name.strip())
    assert not is_gone(worker_name())
    host, pid, started = worker_name().rsplit(":", 2)
    assert is_gone(f"{host}:{pid}:{int(started) + 1}")  # the number was given to another process
    assert not is_gone(f"elsewhere:{pid}:{int(started) + 1}")


def test_a_heartbeat_goes_on_after_a_failure():
    beats = []

    def beat(count):
        beats.append(count)
        if count == 1:
            raise OSError

    with Heartbeat(beat, every=0.01):
        while len(beats) < 3:
            time.sleep(0.01)
    assert beats[:3] == [1, 2, 3]


def test_a_dead_workers_run_is_open_again(url, monkeypatch):
    run = make_plan(GRID, {}).left[0]
    dead = Ledger(open_study(url))
    dead._worker = "another:1:1"
    dead.claim(run)
    now = [0.0]
    ledger = Ledger(open_study(url), observer=Observer(clock=lambda: now[0]))
    assert ledger.read().running == {run.key} and ledger.claim(run) is None
    now[0] = 61.0
    assert not ledger.read().running and ledger.claim(run) is not None


# ---- processes on real training ------------------------------------------------------------

COMMAND = "compare --schedules linear,rex --seeds 2 --lr-grid 0.1,0.3".split()


def start(folder, url, *more):
    arguments = [*COMMAND, "--out", str(folder), "--storage", url, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "ritard.experiments", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder, url, *more):
    assert run([*COMMAND, "--out", str(folder), "--storage", url, *more]) == 0


def wait_for_running(url, process):
    """Until a worker has a run in hand and another has finished."""
    for _ in range(9000):
        states = {t.state.name for t in trials(url)} if check_storage(url) else set()
        if {"RUNNING", "COMPLETE"} <= states:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    pytest.fail("no run was started")


def test_two_started_by_hand_share_the_work_as_one_command_with_two_jobs(tmp_path):
    """And one alone gives the same numbers, to the bit."""
    journal, sqlite = f"journal:{tmp_path}/runs.log", f"sqlite:///{tmp_path}/runs.db"
    small = ("--budgets", "1,5")
    pair = [start(tmp_path / name, journal, *small, "--json") for name in "ab"]
    printed = [process.communicate(timeout=600) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], printed
    finish(tmp_path / "c", sqlite, *small, "--jobs", "2")
    finish(tmp_path / "d", f"sqlite:///{tmp_path}/alone.db", *small)
    reports = {(tmp_path / name / "report.json").read_text() for name in "abcd"}
    assert reports == {printed[0][0]}
    for url in (journal, sqlite):
        assert set(completed(url).values()) == {1} and len(completed(url)) == 16
    assert len({t.user_attrs["worker"] for t in trials(sqlite)}) == 2


def test_workers_end_with_the_command_that_started_them(tmp_path):
    url = f"journal:{tmp_path}/runs.log"
    kill_in_the_middle_and_finish(tmp_path, url, "--budgets", "50", "--jobs", "2")


def kill_in_the_middle_and_finish(folder, url, *more):
    """Everything completes once, and what had finished stays as it was."""
    process = start(folder, url, *more)
    wait_for_running(url, process)
    process.kill()
    process.communicate()
    finished = results(url)
    finish(folder, url, "--budgets", "50")
    assert finished and finished.items() <= results(url).items()
    assert set(completed(url).values()) == {1} and len(completed(url)) == 8


def results(url):
    """What each completed trial gave, by its number."""
    found = [t for t in trials(url) if t.state.name == "COMPLETE"]
    return {t.number: json.dumps(t.user_attrs["result"]) for t in found}


@pytest.mark.slow
@pytest.mark.skipif("RITARD_TEST_POSTGRES" not in os.environ, reason="no server given")
def test_postgresql(tmp_path):
    """RITARD_TEST_POSTGRES is the URL of an empty database, postgresql+psycopg://..."""
    url = os.environ["RITARD_TEST_POSTGRES"]
    pair = [start(tmp_path / name, url, "--budgets", "1,5", "--json") for name in "ab"]
    printed = [process.communicate(timeout=240) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], printed
    assert printed[0][0] == printed[1][0]
    test_many_that_claim_one_run_at_once_leave_it_to_one(url)
    assert set(completed(url).values()) == {1}


# ---- storages that cannot serve ------------------------------------------------------------


def bad_storages(tmp_path):
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("create table birds (name text)")
    corrupt = tmp_path / "corrupt.db"
    corrupt.write_bytes(b"no database at all" * 100)
    notes = tmp_path / "notes.log"
    notes.write_text("dear diary\n")
    password = "postgresql+psycopg://user:secret@127.0.0.1:1/base"
    return {
        f"sqlite:///{foreign}": "birds",
        f"sqlite:///{corrupt}": "not a database",
        f"sqlite:///{tmp_path}/no/such.db": "does not exist",
        f"sqlite:///{tmp_path}": "is a folder",
        "sqlite://": "in memory",
        f"journal:{notes}": "not a journal file",
        f"journal:{tmp_path}/no/such.log": "does not exist",
        "runs.db": "expected an SQLAlchemy URL",
        password: "cannot be opened",
    }


def test_a_storage_that_cannot_serve_is_refused_and_left_as_it_is(tmp_path):
    cases = bad_storages(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for url, message in cases.items():
        with pytest.raises(ValueError, match=message) as caught:
            open_study(url)
        assert "secret" not in str(caught.value) and "storage=" in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_study_of_another_program_is_refused(url):
    import optuna

    study = open_study(url)
    study.storage.delete_study(study.id)
    optuna.create_study(storage=study.storage, study_name=STUDY).add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    with pytest.raises(ValueError, match="another storage"):
        open_study(url)


def test_studies_of_others_in_the_same_storage_are_no_trouble(url):
    import optuna

    study = open_study(url)
    optuna.create_study(storage=study.storage, study_name="theirs")
    assert look(GRID, Ledger(open_study(url))).plan.left


def test_the_report_does_not_depend_on_who_ran_what(tmp_path):
    texts = set()
    for name in ("a", "b"):
        study = open_study(f"sqlite:///{tmp_path}/{name}.db")
        outcomes = drain(GRID, Ledger(study)).outcomes
        texts.add(to_json(make_report(GRID, outcomes)))
    assert len(texts) == 1
