"""The journal file: no kill and no full disk breaks it, and Optuna reads it as its own."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from ritard.experiments.trials.journal import Journal

LINE = {"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"key": "x" * 300}}


def lines(journal):
    return list(journal.read_logs(0))


@pytest.fixture
def small_files():
    """Files may grow to 1000 bytes while the function runs that is given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def run(function):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            function()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return run


def test_optuna_reads_it_and_it_reads_what_optuna_wrote(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for ours, theirs in ((Journal, JournalFileBackend), (JournalFileBackend, Journal)):
        path = str(tmp_path / ours.__name__)
        study = optuna.create_study(storage=JournalStorage(ours(path)), study_name="s")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        found = optuna.load_study(storage=JournalStorage(theirs(path)), study_name="s")
        assert [t.params for t in found.trials] == [t.params for t in study.trials]


def test_where_the_disk_is_full_the_lines_before_stay_and_more_can_follow(tmp_path, small_files):
    journal = Journal(tmp_path / "log")
    journal.append_logs([LINE, LINE])
    before = (tmp_path / "log").read_bytes()
    with pytest.raises(OSError, match="too large"):
        small_files(lambda: journal.append_logs([LINE, LINE]))  # the first of the two would fit
    assert (tmp_path / "log").read_bytes() == before
    journal.append_logs([LINE])
    assert lines(Journal(tmp_path / "log")) == [LINE] * 3


@pytest.mark.parametrize("torn", [b"", b'{"op', b"x" * 200_000])
def test_half_a_line_that_a_power_failure_left_is_taken_out(torn, tmp_path):
    path = tmp_path / "log"
    Journal(path).append_logs([LINE])
    with path.open("ab") as file:
        file.write(torn)
    assert lines(Journal(path)) == [LINE]  # it was never told as written
    Journal(path).append_logs([LINE])
    assert path.read_bytes() == 2 * (json.dumps(LINE, separators=(",", ":")) + "\n").encode()


HOLDS = """
import fcntl, sys, time
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_gone_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a relative path made Optuna's own lock one for ever
    os.mkdir("out")
    journal = Journal("out/log")
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, "out/log"], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    writer = subprocess.Popen([sys.executable, "-c", WRITES, "out/log", json.dumps(LINE)])
    time.sleep(1.0)
    assert lines(journal) == []  # it waits
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert writer.wait(60) == 0
    assert lines(journal) == [LINE] and os.listdir("out") == ["log"]


WRITES = """
import json, sys
from ritard.experiments.trials.journal import Journal
Journal(sys.argv[1]).append_logs([json.loads(sys.argv[2])])
"""
