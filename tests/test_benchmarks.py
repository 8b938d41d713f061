"""The benchmarks: how they measure, what they report, and their one command; no test is timed."""

import importlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "experiments" / "benchmarks"
SHARED = ("goals", "measure", "report", "run")


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """The modules that the scripts share, imported as the scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in SHARED})
        for name in SHARED:
            sys.modules.pop(name)


class Clock:
    """Time that passes only where a work says so."""

    def __init__(self) -> None:
        self.now, self.calls = 0.0, list[str]()

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, *seconds: float) -> Any:
        """A work whose calls take these seconds, one after the other, the last for good."""
        left = list(seconds)

        def run() -> None:
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


def _row(bench: Any, what: str = "bound", ours: float = 1.0, theirs: float = 2.0) -> Any:
    return bench.measure.Row.of((what, "a case", "a peer"), "ms", [ours], [theirs], 1.0)


def test_works_are_timed_in_turns_after_a_warm_up(bench: Any) -> None:
    clock = Clock()
    works = {"a": clock.work("a", 9, 9, 1, 2, 3), "b": clock.work("b", 4)}
    found = bench.measure.interleaved(works, 2, calls=2, clock=clock)
    assert clock.calls == list("aabb") * 3
    assert found["a"].tolist() == [1.5, 3.0]  # (1 + 2) / 2, then 3, without the warm-up's 9
    assert found["b"].tolist() == [4.0, 4.0]


def test_a_ratio_compares_within_a_turn(bench: Any) -> None:
    """Turns that were slow for both do not spread the ratio."""
    clock = Clock()
    ours, peer = clock.work("a", 1, 1, 10, 100), clock.work("b", 2, 2, 20, 200)
    row = bench.measure.ratio(("bound", "", ""), "ms", ours, peer, 3, clock=clock)
    assert (row.ratio.low, row.ratio.median, row.ratio.high) == (0.5, 0.5, 0.5)
    assert row.ours.median == pytest.approx(10_000)
    assert row.theirs.median == pytest.approx(20_000)


def test_the_median_of_ratios_is_not_that_of_medians(bench: Any) -> None:
    row = bench.measure.Row.of(("", "", ""), "s", [1, 2, 9], [1, 4, 3], 1.0)
    assert row.ratio.median == 1.0
    assert row.ours.median / row.theirs.median == pytest.approx(2 / 3)


def test_quartiles(bench: Any) -> None:
    spread = bench.measure.Spread.of([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (spread.low, spread.median, spread.high) == (2.0, 3.0, 4.0)


def test_a_row_survives_json(bench: Any) -> None:
    row = _row(bench)
    assert bench.measure.Row.from_dict(json.loads(json.dumps(row.to_dict()))) == row


@pytest.mark.parametrize("factor, met", [(0.99, True), (1.0, True), (1.01, False)])
def test_a_goal_is_met_up_to_its_limit(bench: Any, factor: float, met: bool) -> None:
    for what, goal in bench.goals.GOALS.items():
        ours = goal.limit * factor
        theirs = 1.0 if goal.of == "ratio" else 1e-9  # what the other column says does not count
        assert goal.met(_row(bench, what, ours, theirs)) is met
        assert not goal.met(_row(bench, what, math.nan, theirs))


def test_the_table_is_markdown_and_names_a_subject_once(bench: Any) -> None:
    rows = [_row(bench), _row(bench, "no goal of ours"), _row(bench, ours=60.0)]
    head, rule, first, second, third = bench.report.markdown(rows).splitlines()
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in (head, first, second)]
    assert cells[0] == list(bench.report.HEAD)
    assert set(rule) <= set("| -")
    assert cells[1] == ["bound", "a case", "a peer", "1 ms", "2 ms", "0.5", "≤ 50 ms", "yes"]
    assert cells[2] == ["", "a case", "a peer", "60 ms", "2 ms", "30", "≤ 50 ms", "NO"]
    assert [cell.strip() for cell in third[1:-1].split("|")][-2:] == ["", ""]
    assert bench.report.verdict(rows) == "1 of 2 within their goals"


@pytest.mark.parametrize(
    "x, text", [(0.0123456, "0.0123"), (12.34, "12.3"), (1234.4, "1234"), (2e7, "2e+07")]
)
def test_numbers(bench: Any, x: float, text: str) -> None:
    assert bench.report.number(x) == text


def test_the_page_changes_between_its_markers_only(bench: Any) -> None:
    run = bench.run
    text = f"before\n{run.START}old\n{run.END}after\n"
    new = run.page(text, ["a machine"], [_row(bench), _row(bench, "no goal of ours")])
    assert new.startswith(f"before\n{run.START}")
    assert new.endswith(f"{run.END}after\n")
    assert "old" not in new
    aimed, _, other = new.partition("Beside these, without a goal:")
    assert "| bound" in aimed
    assert "a machine" in aimed
    assert "| no goal of ours" in other
    again = run.page(new, ["a machine"], [_row(bench), _row(bench, "no goal of ours")])
    assert again == new
    with pytest.raises(ValueError, match="bench"):
        run.page("no markers", [], [])


def test_the_committed_page_has_the_markers(bench: Any) -> None:
    assert bench.run.page(bench.run.PAGE.read_text("utf-8"), [], [_row(bench)])


def test_every_script_is_run_and_every_goal_is_measured(bench: Any) -> None:
    scripts = {path.stem for path in FOLDER.glob("*.py")} - set(SHARED)
    assert scripts == set(bench.run.SCRIPTS)
    sources = "".join((FOLDER / f"{name}.py").read_text("utf-8") for name in scripts)
    for what in bench.goals.GOALS:
        assert f'"{what}"' in sources or what.startswith("Snapshot"), what


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, env=env)


def test_a_script_runs_alone_and_gives_rows() -> None:
    done = _run("refine_and_score.py", "--steps", "2000", "--repeats", "2", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["what"] for row in rows] == ["refine", "refine", "bound", "bound"]
    assert all(0 < row["ours"]["median"] < math.inf for row in rows)


@pytest.mark.parametrize(
    "words, message",
    [
        (("run.py", "nothing"), "NAME 'nothing': expected one of"),
        (("run.py", "bandits", "--write"), "--write"),
        (("refine_and_score.py", "--repeats", "1"), "--repeats 1"),
    ],
)
def test_mistakes_are_named(words: tuple[str, ...], message: str) -> None:
    done = _run(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("scheduler_step.py", "--groups", "1"),
        ("recorder.py", "--batch", "8"),
        ("rollback.py", "--batch", "8"),
        ("lr_search.py",),
        ("diffusion_sampler.py", "--steps", "3"),
        ("bandits.py", "--rounds", "200"),
        ("relaxation.py",),
    ],
)
def test_the_others_run_alone(words: tuple[str, ...]) -> None:
    done = _run(*words, "--repeats", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])
