"""The command as a process: its streams, its signals, and those of its workers."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ritard.experiments.tasks import get_task
from ritard.experiments.trials import pool
from ritard.experiments.trials.stop import FORCE, Stop


def ritard(*arguments, **options):
    command = [sys.executable, "-m", "ritard.experiments", *arguments]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=env, text=True, **options)


# ---- streams ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["data list", "--help"])
def test_a_closed_pipe_is_quiet(words, tmp_path):
    command = f"{shlex.quote(sys.executable)} -m ritard.experiments {words} | true"
    shell = f"set -o pipefail; {command}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == "" and done.stdout.strip() in ("141", "0")


@pytest.mark.parametrize(("words", "code"), [("score --schedules rex --steps 9", 0), ("no", 2)])
def test_streams_may_be_closed(words, code, tmp_path):
    command = f"{shlex.quote(sys.executable)} -m ritard.experiments {words} --out o <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path).returncode == code
    assert code or [path.name for path in (tmp_path / "o").iterdir()] == ["report.json"]


def test_what_stdout_cannot_encode_is_escaped(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    words = "plot --schedules rex --out ä".split()
    process = ritard(*words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate() == ("\\xe4/schedules.png\n", "") and process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_output_is_exit_code_1(tmp_path):
    with Path("/dev/full").open("w") as full:
        process = ritard("data", "list", cwd=tmp_path, stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate()
    assert process.returncode == 1 and err.startswith("error: ") and err.count("\n") == 1


# ---- signals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("relax --nx 30 --steps 100000 --tuner tsallis", signal.SIGTERM, 143),
        ("autolrs --steps 100000", signal.SIGINT, 130),
        ("compare --budgets 100 --schedules linear --seeds 2", signal.SIGTERM, 143),
    ],
)
def test_stopped_by_a_signal_it_says_how_to_go_on(command, number, code, tmp_path):
    process = ritard(*command.split(), "--out", "o", cwd=tmp_path, stderr=subprocess.PIPE)
    begun = {"relax": "*.checkpoint", "autolrs": "*.checkpoint", "compare": "trials.db"}
    while not list(tmp_path.glob(f"o/{begun[command.split()[0]]}")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code and "Traceback" not in err
    assert err.rstrip().endswith("the same command goes on")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_arrives_while_an_object_is_deleted_is_not_lost(number):
    code = f"""
import signal, time
from ritard.experiments import __main__ as command

class Deleted:
    def __del__(self):
        signal.raise_signal({int(number)})

def invoke(arguments):
    Deleted()
    time.sleep(30)
    return 0

command._invoke = invoke
command.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 128 + number
    assert done.stderr == "stopped; what is finished is kept: the same command goes on\n"


def test_a_signal_that_arrives_while_the_first_is_told_is_no_traceback():
    code = """
import signal
from ritard.experiments import __main__ as command

def stopped(arguments):
    raise KeyboardInterrupt

command._invoke = stopped
command._say = lambda text: signal.raise_signal(signal.SIGTERM)
command.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 143 and done.stderr == ""


def test_what_else_is_raised_in_a_deletion_is_told_as_ever(capsys):
    from ritard.experiments.trials.stop import _unraisable

    class Deleted:
        def __del__(self):
            raise ValueError("gone")

    before, sys.unraisablehook = sys.unraisablehook, _unraisable
    try:
        Deleted()
    finally:
        sys.unraisablehook = before
    assert "ValueError: gone" in capsys.readouterr().err


# ---- workers ---------------------------------------------------------------------------------


class Watched:
    complete = False


def wrong_task(stop, text):
    get_task(text)


def mismatched(stop, text):
    np.zeros(2) + np.zeros(3)


def without(stop, text):
    from math import nosuch  # noqa: F401


def gone(stop, text):
    raise OSError(text)


@pytest.mark.parametrize(
    ("child", "kind", "said"),
    [
        (gone, OSError, "the task"),
        (wrong_task, ValueError, "'the task': expected"),
        (without, RuntimeError, "ImportError: cannot import name 'nosuch'"),
        (mismatched, RuntimeError, "ValueError: operands could not be broadcast"),
    ],
)
def test_what_ends_the_workers_is_raised_in_the_command(child, kind, said, capfd):
    """What NumPy refuses in a worker is not taken for the user's mistake."""
    statuses = pool.watch(Watched, child, ("the task",), 1, Stop())
    with pytest.raises(kind, match=said):
        pool.last_of(statuses, lambda status: None, Stop(), 1)
    assert capfd.readouterr().err == ""


COMMAND = """
import sys, time
from pathlib import Path
from ritard.experiments import __main__ as command
from ritard.experiments.trials import pool
from ritard.experiments.trials.stop import Stop

class Watched:
    complete = False

def work(stop, folder, seconds):
    mine = folder / str(time.monotonic_ns())
    mine.with_suffix(".begun").touch()
    while not stop():
        time.sleep(0.02)
    mine.with_suffix(".asked").touch()
    time.sleep(seconds)
    mine.with_suffix(".ended").touch()

def invoke(arguments):
    stop = Stop()
    with stop.on_signals():
        given = Path(arguments[0]), float(arguments[1])
        pool.last_of(pool.watch(Watched, work, given, 2, stop), lambda status: None, stop, 2)

if __name__ == "__main__":
    command._invoke = invoke
    command.main()
"""


def forced_in_a_deletion(stop, text):
    class Deleted:
        def __del__(self):
            signal.raise_signal(FORCE)

    Deleted()
    time.sleep(60)


def test_a_worker_that_is_forced_while_an_object_is_deleted_ends(capfd):
    statuses = pool.watch(Watched, forced_in_a_deletion, ("",), 1, Stop())
    with pytest.raises(pool.WorkersDied):
        pool.last_of(statuses, lambda status: None, Stop(), 1)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("times", "seconds", "ended"), [(1, 0.5, 2), (2, 60, 0)])
def test_one_signal_asks_the_workers_and_the_next_forces_them(
    number, times, seconds, ended, tmp_path
):
    """A terminal or a scheduler sends it to the command and to its workers at once."""
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), str(seconds)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for stage in ("begun", "asked")[:times]:
        while len(list(tmp_path.glob(f"*.{stage}"))) < 2:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        os.killpg(process.pid, number)
    _, err = process.communicate()
    assert process.returncode == 128 + number and len(list(tmp_path.glob("*.ended"))) == ended
    assert err == "stopped; what is finished is kept: the same command goes on\n"
