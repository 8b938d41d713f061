"""Damaged files, a full disk, a folder that may not be written to.

A file that was cut off or of which a bit flipped is read exactly or refused, by an error that
names it. What has no checksum cannot know a flipped digit: that is so for all that is text (JSON,
JSON Lines), which people may edit; NPZ files have one (CRC-32 of each array).
"""

import errno
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from bandit_tables import TUNERS
from ritard.experiments.relax.heat import plain_total
from ritard.experiments.relax.study import Protocol, read_scores, run_study
from ritard.experiments.relax.tabulate import Solver, tabulate
from ritard.schedules import GradNormRecorder, GradNorms, _atomic
from ritard.solvers.diffusion import SolverSchedule, VPLinear, dpmpp_2m, grids
from ritard.solvers.linear import Stencil
from ritard.solvers.linear.gallery import Heat
from ritard.tuners.bandits import SequenceError, SequenceReport, tune_sequence
from ritard.tuners.solver_search import Cost, Scores, SearchResult
from wrong_calls import picture

NORMS = GradNorms.of([4.0, 2.5, 1.0, 0.5, 0.25], meta={"run": "a"})
SOLVER = dpmpp_2m(VPLinear(), grids.uniform_lambda(VPLinear(), 4))
RESULT = SearchResult(
    4, SOLVER, "search", Scores(1.5, 1.25, 1.0), 1.0, "ddim", SOLVER, Scores(2.0, 2.0, 2.0),
    {"search": Cost(3, 12)}, ((1, 2.0), (3, 1.0)),
)  # fmt: skip
SYSTEMS = [(Stencil.laplacian(3, 3), np.ones(9), 0.1 * i) for i in range(4)]


def solved(path, systems=SYSTEMS):
    """A sequence with its checkpoint."""
    return tune_sequence(systems, TUNERS["TsallisINF"](), checkpoint=path)


def timeless(report):
    return {name: column for name, column in report.columns().items() if name != "seconds"}


def tabulated(path):
    """A table of costs; one that is there is read."""
    *_, table = tabulate(Heat(4, 6, 0.03), Solver(), [1.0, 1.4], path, "heat")
    return table.counts, table.contexts


def studied(path):
    """A trial of the synthetic task; one that is there is read."""
    protocol = Protocol(trials=1, steps=8)
    *_, (done, _) = run_study(protocol, path.parent, jobs=1)
    assert done == 2
    return read_scores(protocol, path.parent, "low")


REPORT = solved(None)
WRITERS = {
    "norms.jsonl": NORMS.save,
    "norms.npz": NORMS.save,
    "solver.json": SOLVER.save,
    "result.json": RESULT.save,
    "report.json": REPORT.save,
    "report.csv": REPORT.save,
    "checkpoint.npz": solved,
}
READERS = {
    "norms.jsonl": GradNorms.load,
    "norms.npz": GradNorms.load,
    "solver.json": SolverSchedule.load,
    "result.json": lambda path: SearchResult.load(path).to_dict(),
    "report.json": SequenceReport.load,
    # Resumed at its end: what it gives is what the file holds.
    "checkpoint.npz": lambda path: timeless(solved(path)),
}
KEPT = {
    "table.npz": tabulated,
    "low-000.json": studied,
    "totals.json": lambda path: plain_total(Heat(4, 6, 0.03), "cg", 1.0, False, path),
}
"""What studies keep and go on from: the same call writes it and reads it."""
READERS |= KEPT
CHECKED = ("norms.npz", "checkpoint.npz", "table.npz")
"""Formats with a checksum: read exactly or refused, always."""


def written(name, folder):
    path = folder / name
    (WRITERS | KEPT)[name](path)
    return path


def outcome(name, path, data):
    """What the reader makes of other bytes; None where it refuses them as it should."""
    path.write_bytes(data)
    try:
        return picture(READERS[name](path))
    except (ValueError, OSError) as error:
        assert path.name in str(error)
        assert len(str(error)) < 5_000
        return None


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_was_cut_off(name, tmp_path):
    path = written(name, tmp_path)
    whole, exact = path.read_bytes(), picture(READERS[name](path))
    places = sorted({0, 1, 2, len(whole) - 1, *random.Random(0).sample(range(len(whole)), 60)})
    for place in places:
        found = outcome(name, path, whole[:place])
        if name == "norms.jsonl" and found is not None:  # whole lines before the cut
            lines = max(whole[:place].count(b"\n") - 1, 0)
            assert found == picture(GradNorms.of(NORMS.norms[:lines], meta=NORMS.meta))
        else:
            assert found in (None, exact)
            assert found is None or place == len(whole) - 1  # a last newline, at most


@pytest.mark.parametrize("name", READERS)
def test_a_file_with_a_flipped_bit(name, tmp_path):
    path = written(name, tmp_path)
    whole, exact = path.read_bytes(), picture(READERS[name](path))
    rng = random.Random(0)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        found = outcome(name, path, bytes(data))
        refused += found is None
        if name in CHECKED:
            assert found in (None, exact)
    assert refused > 30


def test_a_log_goes_on_after_it_was_cut_off_and_not_after_other_damage(tmp_path):
    path = tmp_path / "log.jsonl"
    NORMS.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    with GradNormRecorder([weight], "l2", path, start=4) as recorder:
        recorder.record()
    assert GradNorms.load(path).norms.tolist() == [4.0, 2.5, 1.0, 0.5, 1.0]
    path.write_bytes(b"x" + whole[1:])
    with pytest.raises(ValueError, match=r"log\.jsonl"):
        GradNormRecorder([weight], "l2", path)
    assert path.read_bytes() == b"x" + whole[1:]


@pytest.mark.parametrize("name", [name for name in READERS if not name.endswith(".npz")])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "\ufeff{}", "1" * 5000, "null"])
def test_hostile_json(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=name):
        READERS[name](path)


# ---- a full disk, and a folder that may not be written to ------------------------------------


def full(path, *_, **__):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def no_handle(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied")


FAULTS = {
    "full": lambda patch: patch.setattr(os, "replace", full),
    "full while writing": lambda patch: [
        patch.setattr(Path, "write_text", full),
        patch.setattr(np, "savez", full),
        patch.setattr(np, "savez_compressed", full),
    ],
    "read-only": lambda patch: patch.setattr(_atomic.tempfile, "mkstemp", no_handle),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    name, fault, tmp_path, monkeypatch
):
    path = written(name, tmp_path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        FAULTS[fault](patch)
        with pytest.raises((OSError, SequenceError), match=r"No space left|Permission denied"):
            WRITERS[name](path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [name]
    WRITERS[name](path)  # and once there is room it works


def test_states_are_json():
    """So that any of them can be kept in a file of the kinds above."""
    for make in TUNERS.values():
        assert json.loads(json.dumps(make().state_dict())) == make().state_dict()
