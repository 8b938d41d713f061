"""Long commands killed and stopped at random moments; and that the judges of it see what is wrong.

``python -m ritard.experiments.chaos`` does the same with more kills, longer runs and more trouble.
"""

import multiprocessing.forkserver
import subprocess
import sys
from dataclasses import replace

import pytest
from ritard.experiments.chaos.case import Case
from ritard.experiments.chaos.cases import short_cases
from ritard.experiments.chaos.checks import Verdict
from ritard.experiments.chaos.hardships import full, read_only
from ritard.experiments.chaos.launch import Forked, Life, Place
from ritard.experiments.chaos.limits import nothing
from ritard.experiments.chaos.plan import Plan
from ritard.schedules._atomic import write_text


@pytest.fixture(scope="module")
def forked():
    """One process imports everything, for all cases."""
    yield Forked()
    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]


@pytest.mark.parametrize("case", short_cases(), ids=lambda case: case.name)
def test_killed_and_stopped_it_ends_as_if_nothing_had_happened(case, forked, tmp_path):
    (row,) = Plan(3, 0, tmp_path, forked, forked).rows(case, hardships={})
    assert row.verdict == Verdict(), row.verdict.said
    assert (row.kills, row.signals) == (3, 2) and row.completed >= 1


# ---- the judges ------------------------------------------------------------------------------

GOOD = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
Path("out").mkdir(exist_ok=True)
try:
    for i in range(12):
        path = Path(f"out/{i}.txt")
        if not path.exists():
            time.sleep(0.05)
            path.with_suffix(".new").write_text(str(i * i) * 5000)
            os.replace(path.with_suffix(".new"), path)
except OSError as error:
    sys.exit(f"error: {error}")
finally:  # while the interpreter ends, a signal would meet no handler
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
"""

RESUMED = "Path('out/0.txt').exists() and not Path('out/11.txt').exists()"
BAD = {
    "left behind": ("time.sleep", 'Path(f"out/{os.getpid()}").touch(); time.sleep'),
    "another result": ("str(i * i)", "str(os.getpid())"),
    "lost": ("try:", f"if {RESUMED}: Path('out/0.txt').write_text('?')\ntry:"),
    "not written": ("range(12)", f"range(12 - ({RESUMED}))"),
    "not asked for": ("range(12)", f"range(12 + ({RESUMED}))"),
    "unreadable": ("try:", f"if {RESUMED}: Path('out/new.txt').mkdir()\ntry:"),
}


def victim(code):
    """A command of Python alone, and how it is started."""

    def kept(out):
        return [(p.name, p.read_text()) for p in sorted(out.glob("*.txt"))]

    def launch(case, place, limit=nothing):
        with place.printed.open("wb") as printed:
            process = subprocess.Popen(
                [sys.executable, "-S", "-c", code], cwd=place.work, preexec_fn=limit,
                stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip

        def wait(seconds):
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None

        return Life(process.pid, wait)

    return Case("victim", (), lambda out: dict(kept(out)), ("*.txt",), kept), launch


def tried(code, tmp_path, hardships):
    """What is found of a victim."""
    case, launch = victim(code)
    return list(Plan(1, 0, tmp_path, launch, launch).rows(case, hardships))


def test_nothing_is_found_where_nothing_is_wrong(tmp_path):
    rows = tried(GOOD, tmp_path, {"full": full, "read-only": read_only})
    assert [row.verdict for row in rows] == [Verdict()] * 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", BAD)
def test_every_fault_is_found(fault, tmp_path):
    old, new = BAD[fault]
    assert old in GOOD
    (row,) = tried(GOOD.replace(old, new), tmp_path, {})
    assert any(found.startswith(fault) for found in row.verdict.faults), row.verdict
    assert row.verdict.equal == (fault == "left behind")


def test_an_error_that_is_not_clear_is_found(tmp_path):
    code = GOOD.replace("sys.exit(f", "raise; print(f")
    _, *rows = tried(code, tmp_path, {"full": full, "read-only": read_only})
    for row in rows:
        assert any(found.startswith("no clear error") for found in row.verdict.faults)


@pytest.mark.parametrize("outlives", [True, False])
def test_a_command_may_outlive_a_full_disk_where_it_says_so(outlives, tmp_path):
    short = """
    try:
        Path("out/log.txt").write_text("l" * 90_000)
    except OSError as error:
        print(error)
"""
    case, launch = victim(GOOD.replace("\nexcept", f"{short}except", 1))
    case = replace(case, outlives=outlives)
    _, row = Plan(1, 0, tmp_path, launch, launch).rows(case, {"full": full})
    assert (row.verdict == Verdict()) == outlives


def test_work_done_twice_and_lost_is_counted():
    verdict = Verdict()
    verdict.grown({"a": 1, "b": 2, "c": 3}, [("a", 1), ("a", 1), ("b", 3)])
    assert (verdict.twice, verdict.lost) == (1, 2)
    assert verdict.faults == ["twice: a", "lost: b, c"]


@pytest.mark.parametrize(
    ("code", "said", "fault"),
    [
        (130, "stopped", ""),
        (0, "done", ""),
        (1, "oh\n", "ended with 1, expected 0/130: oh"),
        (None, "", "did not end, expected 0/130: nothing was said"),
        (
            130,
            "Traceback (most recent call last):\nKeyboardInterrupt",
            "ended with 130, with a traceback: Keyboard",
        ),
    ],
)
def test_how_a_command_may_end(code, said, fault, tmp_path):
    verdict, place = Verdict(), Place(tmp_path)
    place.printed.write_text(said)
    verdict.ended(code, (0, 130), place)
    assert verdict.faults == [] if not fault else verdict.faults[0].startswith(fault)


# ---- files -----------------------------------------------------------------------------------

WRITES = """
import sys, time
from ritard.schedules._atomic import atomic_path
with atomic_path("report.json") as temporary:
    temporary.write_text("half of")
    print(temporary.name, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_writer_left_is_removed_and_what_one_alive_has_begun_is_not(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITES], stdout=subprocess.PIPE, cwd=tmp_path)
        for _ in range(2)
    ]
    names = [writer.stdout.readline().decode().strip() for writer in writers]
    writers[0].kill()
    writers[0].communicate()
    write_text(tmp_path / "report.json", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {names[1], "report.json"}
    writers[1].kill()
    writers[1].communicate()
    write_text(tmp_path / "report.json", "again")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["again"]
