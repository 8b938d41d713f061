"""Where compiled loops are kept: found again, not when stale, and never in the installation."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("numba")

LOOP = """
from ritard.solvers._compiler import compiler
from callee import value

@compiler(__file__)
def loop():
    return value()

print(loop(), sum(loop.stats.cache_hits.values()))
"""
CALLEE = """
from numba import njit

@njit
def value():
    return 1
"""


@pytest.fixture
def run(tmp_path: Path):
    """Run the loop in a new process: what it gives, and how often it was found compiled."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "loop.py").write_text(LOOP)
    (sources / "callee.py").write_text(CALLEE)

    def result(**environment: str) -> list[int]:
        caches = {"XDG_CACHE_HOME": str(tmp_path / "caches"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "loop.py"], cwd=sources, text=True, capture_output=True, check=True,
            env=os.environ | caches | environment,
        )  # fmt: skip
        return [int(word) for word in done.stdout.split()]

    return result


def test_found_again_but_not_after_a_change_in_what_it_calls(run, tmp_path: Path) -> None:
    assert run() == [1, 0] and run() == [1, 1]
    (tmp_path / "sources" / "callee.py").write_text(CALLEE.replace("1", "2"))
    assert run() == [2, 0]
    assert {path.name for path in (tmp_path / "sources").iterdir()} == {"loop.py", "callee.py"}


def test_numbas_own_setting_says_where(run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert run(NUMBA_CACHE_DIR=str(elsewhere)) == [1, 0]
    assert list(elsewhere.rglob("*.nbi")) and not (tmp_path / "caches").exists()


def test_a_cache_that_cannot_be_written_is_done_without(run, tmp_path: Path) -> None:
    (tmp_path / "caches").write_text("a file")
    assert run() == [1, 0]
    assert {path.name for path in (tmp_path / "sources").iterdir()} == {"loop.py", "callee.py"}


def test_where_nothing_can_be_written_it_is_compiled_all_the_same(run, tmp_path: Path) -> None:
    (tmp_path / "caches").write_text("a file")
    (tmp_path / "sources" / "__pycache__").write_text("numba's next choice")
    assert run() == [1, 0]


def test_a_full_disk_keeps_nothing_and_stops_nobody(run, tmp_path: Path) -> None:
    """A limit on the size of files, which holds for root too, stands for the disk."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
    loop = tmp_path / "sources" / "loop.py"
    loop.write_text(limit + LOOP)
    assert run() == [1, 0] and run() == [1, 0]
    assert not list((tmp_path / "caches").rglob("*.nbc"))


def test_processes_write_the_index_one_after_the_other(run, tmp_path: Path) -> None:
    """While another process writes, a loop that is compiled waits with what it has."""
    fcntl = pytest.importorskip("fcntl")
    assert run() == [1, 0]
    place = next((tmp_path / "caches").rglob("lock"))
    for kept in place.parent.rglob("*.nb?"):
        kept.unlink()
    with place.open("wb") as file, ThreadPoolExecutor(1) as pool:
        fcntl.flock(file, fcntl.LOCK_EX)
        other = pool.submit(run)
        with pytest.raises(TimeoutError):
            other.result(timeout=4)
        assert not list(place.parent.rglob("*.nb?"))
        fcntl.flock(file, fcntl.LOCK_UN)
        assert other.result() == [1, 0]
    assert run() == [1, 1]
