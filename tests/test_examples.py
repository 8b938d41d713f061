"""Every script in experiments/examples runs as its reader would run it, and stays short."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "experiments" / "examples").glob("*.py"))
SLOW: set[str] = set()  # those that take more than 20 s on two cores


def _case(path: Path) -> object:
    marks = [pytest.mark.slow] if path.stem in SLOW else []
    return pytest.param(path, id=path.stem, marks=marks)


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", [_case(path) for path in EXAMPLES])
def test_it_runs(path: Path, tmp_path: Path) -> None:
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, env=one_thread, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_short_and_says_how_to_run_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 40
    assert f"python {path.name}" in text.split('"""')[1]
