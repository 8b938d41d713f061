"""GradNorms and their files: what is written is read back, and nothing breaks an old log."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ritard.schedules import GradNormRecorder, GradNorms, predicted_gain, refine

WEIGHT = torch.nn.Parameter(torch.zeros(2))


def recorder(path: Path, norm: Any = "l2", **options: Any) -> GradNormRecorder:
    return GradNormRecorder([WEIGHT], norm, path, **options)


def record(path: Path, values: list[float], start: int = 0, block: int = 4) -> None:
    """A run that records these norms from this step on."""
    with recorder(path, start=start, block=block) as found:
        for value in values:
            WEIGHT.grad = torch.tensor([value, 0.0])
            found.record()


def pairs(norms: GradNorms) -> list[tuple[int, float]]:
    return list(zip(norms.steps.tolist(), norms.norms.tolist(), strict=True))


# ---- the log ----------------------------------------------------------------------------


def test_a_step_that_64_bits_do_not_hold_is_refused() -> None:
    for bad in ([2**63], np.array([0, 2**63], dtype=np.uint64)):
        with pytest.raises(ValueError, match=r"steps=.*: expected ints from 0 to 9223372036854"):
            GradNorms.of([1.0] * len(bad), steps=bad)
    assert GradNorms.of([1.0], steps=[2**63 - 1]).steps.tolist() == [2**63 - 1]


def test_the_later_of_repeated_steps_counts_and_steps_ascend() -> None:
    norms = GradNorms.of([1, 2, 3, 4], steps=[5, 2, 5, 3])
    assert pairs(norms) == [(2, 2.0), (3, 4.0), (5, 3.0)]


def test_gaps_and_non_finite_norms_are_interpolated() -> None:
    norms = GradNorms.of([np.nan, 2, np.inf, 4, np.nan], steps=[0, 1, 2, 3, 6])
    assert norms.filled().tolist() == [2, 2, 3, 4, 4, 4, 4]
    assert len(norms) == 5


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_nothing_finite_is_a_clear_error(values: list[float]) -> None:
    for use in (refine, predicted_gain):
        with pytest.raises(ValueError, match=rf"norms: none of {len(values)} is finite"):
            use(GradNorms.of(values))


def test_at_length_keeps_the_ends() -> None:
    norms = GradNorms.of([1, 2, 3], steps=[10, 11, 12])
    assert norms.at_length(5).tolist() == [1, 1.5, 2, 2.5, 3]
    assert norms.at_length(3).tolist() == [1, 2, 3]


def test_trimming_leaves_out_entries_at_both_ends() -> None:
    norms = GradNorms.of([9, 8, 1, 2, 7, 6], "l1", [3, 4, 5, 8, 9, 10], "AdamW", {"run": 1})
    found = norms.trimmed()
    assert pairs(found) == [(5, 1), (8, 2)]
    assert (found.norm, found.optimizer, found.meta) == ("l1", "AdamW", {"run": 1})
    assert pairs(norms.trimmed(0)) == pairs(norms)
    assert refine(found) == refine(GradNorms.of([1, 2], "l1", [5, 8]))
    assert len(norms) == 6
    with pytest.raises(ValueError, match="count=3: the log has 6 entries; none would be left"):
        norms.trimmed(3)
    with pytest.raises(ValueError, match="count=-1: expected an int >= 0"):
        norms.trimmed(-1)


# ---- files ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jsonl", ".npz", ""])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str) -> None:
    meta = {"task": "digits", "batch": 64}
    norms = GradNorms.of([0.1, np.nan, np.inf, 1e-300], "l1", [0, 3, 4, 9], "AdamW", meta)
    norms.save(tmp_path / f"log{suffix}")
    found = GradNorms.load(tmp_path / f"log{suffix}")
    finite = np.isfinite(norms.norms)
    assert found.steps.tolist() == norms.steps.tolist()
    assert found.norms[finite].tolist() == norms.norms[finite].tolist()  # bit for bit
    assert not np.isfinite(found.norms[~finite]).any()
    assert (found.norm, found.optimizer, found.meta) == ("l1", "AdamW", meta)
    assert found.steps.dtype == np.int64


@pytest.mark.parametrize(
    "text",
    [
        "0,4\n1,2\n3,1\n",
        "step,norm\n0,4.0\n1,2.0\n3,1.0\n",
        '"step","run - grad_norm"\r\n0,4\r\n1,2\r\n3,1\r\n',
        "\ufeffstep, norm\n0, 4\n1, 2\n3, 1\n",
        "# step norm\n0 4\n\n1\t2\n3   1e0\n",
        "3,1\n0,4\n1,9\n1,2",
    ],
    ids=["bare", "header", "quoted header", "byte-order mark", "blanks", "disordered"],
)
def test_two_columns(tmp_path: Path, text: str) -> None:
    path = tmp_path / "norms.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert pairs(GradNorms.load(path)) == [(0, 4), (1, 2), (3, 1)]
    assert GradNorms.load(path).norm == "l2"
    assert GradNorms.load(path, "l1").norm == "l1"


def test_two_columns_hold_nan_and_inf(tmp_path: Path) -> None:
    (tmp_path / "norms.csv").write_text("0,nan\n1,inf\n2,1\n")
    assert GradNorms.load(tmp_path / "norms.csv").filled().tolist() == [1, 1, 1]


HEAD = '{"ritard": "grad-norms", "format": 1, "norm": "l2", "optimizer": "SGD", "meta": {}}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"0,1\n1,2,3\n", r"line 2: '1,2,3\\n'; expected two columns"),
        (b"step,norm\n0,one\n", "line 2: .*expected two columns"),
        (b"0,1\n1.5,2\n", "line 2: .*expected two columns"),
        (b"0,-1\n", "norms: -1.0 at step 0"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "line 2: .*expected two columns"),
        (b"PK\x03\x04 and no more", "not an NPZ log"),
        (b'{"loss": 1.0, "step": 0}\n', "line 1: .*expected a log of gradient norms"),
        (b'{"ritard": "grad-norms", "format": 1}\n', "line 1: .*expected a log of gradient"),
        (b'{"ritard": "grad-norms", "format": 2, "norm": "l2"}\n', "format 1"),
        (b"[0, 1.0]\n", "its first line is missing"),
        (HEAD.encode()[:40], "its first line is missing"),
        (HEAD.encode() + b"[0, 1.0\n", "line 2: not an entry"),
        (HEAD.encode() + b"[0, 1.0, 2.0]\n", "line 2: not an entry"),
        (HEAD.encode() + b"[0.5, 1.0]\n", "line 2: not an entry"),
        (HEAD.encode() + b"[0, -1.0]\n", "norms: -1.0 at step 0"),
        (HEAD.encode() + b"17\n", "line 2: not an entry"),
        ((HEAD + HEAD.replace("l2", "l1")).encode(), "goes on with l1 norms after l2 norms"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_foreign_and_broken_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        GradNorms.load(path)
    assert str(path) in str(error.value)


def test_a_truncated_npz_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    GradNorms.of(np.ones(1000)).save(path)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match="not an NPZ log of gradient norms"):
        GradNorms.load(path)
    np.savez(path, other=np.ones(3))
    with pytest.raises(ValueError, match="not an NPZ log of gradient norms"):
        GradNorms.load(path)


def test_a_log_of_the_other_norm_is_refused(tmp_path: Path) -> None:
    for name in ("log.jsonl", "log.npz"):
        GradNorms.of([1, 2], "l1").save(tmp_path / name)
        with pytest.raises(ValueError, match=r"norm='l2': .* is a log of l1 norms"):
            GradNorms.load(tmp_path / name, "l2")


def test_a_last_line_cut_anywhere_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    GradNorms.of([1, 2, 0.123456]).save(path)
    whole = path.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2)]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    GradNorms.of([1, 2]).save(path)
    with pytest.raises(TypeError):
        GradNorms.of([3], meta={"not JSON": object()}).save(path)
    assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2)]
    assert len(list(tmp_path.iterdir())) == 1


# ---- growing ----------------------------------------------------------------------------


def test_a_resumed_run_appends_and_what_it_repeats_counts(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    record(path, [1, 2, 3, 4, 5])
    record(path, [40, 50, 60], start=3)
    assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2), (2, 3), (3, 40), (4, 50), (5, 60)]


def test_a_shorter_second_attempt_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    record(path, [1, 2, 3, 4, 5])
    record(path, [30], start=2)
    assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2), (2, 30)]
    record(path, [7, 8])
    assert pairs(GradNorms.load(path)) == [(0, 7), (1, 8)]
    assert path.read_text().count("[4, 5.0]") == 1  # the file still holds it


def test_a_run_that_ends_at_once_supersedes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    record(path, [1, 2])
    record(path, [])
    assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_log_cut_in_its_first_line_begins_anew(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(HEAD[:cut])
    record(path, [1, 2])
    assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2)]


def test_a_cut_line_is_removed_before_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    record(path, [1, 2, 3])
    with path.open("a") as file:
        file.write("[3, 0.5" + "\0" * 200_000)  # blocks that a power cut left empty
    record(path, [4, 5], start=3)
    assert pairs(GradNorms.load(path)) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    assert "\0" not in path.read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD.replace("l2", "l1"), "norm='l2': .* is a log of l1 norms"),
        ("step,norm\n0,1\n", "cannot be continued"),
        ("notes without a newline", "cannot be continued"),
        ("{", None),
        ('{"other": 1}\n', "expected a log of gradient norms"),
        (HEAD.replace(": 1", ": 2"), "format 1"),
    ],
    ids=["norm", "csv", "text", "cut", "json", "format"],
)
def test_nothing_else_is_appended_to(tmp_path: Path, content: str, message: str | None) -> None:
    path = tmp_path / "log"
    path.write_text(content)
    if message is None:
        recorder(path).close()
        return
    with pytest.raises(ValueError, match=message):
        recorder(path)
    assert path.read_text() == content


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        recorder(tmp_path)
    with pytest.raises(FileNotFoundError):
        recorder(tmp_path / "missing" / "log.jsonl")
    with pytest.raises(ValueError, match=r"expected another suffix, such as \.jsonl"):
        recorder(tmp_path / "log.npz")
    assert not list(tmp_path.iterdir())


def test_reading_and_going_on_take_memory_for_the_numbers_alone(tmp_path: Path) -> None:
    path, n = tmp_path / "log.jsonl", 100_000
    path.write_text(HEAD + "".join(f"[{i}, {0.1 + i}]\n" for i in range(n)))
    tracemalloc.start()
    recorder(path).close()
    going_on = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert len(GradNorms.load(path)) == n
    reading = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert going_on < 300_000  # whatever the length: one chunk from the end
    assert reading < 200 * n  # a few arrays of 8-byte numbers; Python objects take 4 times that


def test_memory_does_not_grow_with_a_path(tmp_path: Path) -> None:
    with recorder(tmp_path / "log.jsonl", block=16) as found:
        WEIGHT.grad = torch.ones(2)
        for _ in range(100):
            found.record()
        assert len(found._pending) < 16
        assert not found._log.steps


# ---- trouble ----------------------------------------------------------------------------

FULL = """
import resource, signal, sys, warnings
from pathlib import Path
import torch
from ritard.schedules import GradNormRecorder
weight, path = torch.nn.Parameter(torch.zeros(1)), Path(sys.argv[1])
weight.grad = torch.ones(1)
recorder = GradNormRecorder([weight], "l2", path, block=10)
for _ in range(10):
    recorder.record()
size = path.stat().st_size
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 25, hard))  # full in the midst of a line
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(20):
        recorder.record()
assert len(caught) == 2 and "wait in memory" in str(caught[0].message), caught
assert path.stat().st_size == size, "the half line was not taken back"
for method in (recorder.flush, recorder.norms, recorder.close):
    try:
        method()
    except OSError as error:
        assert str(path) in str(error), error
    else:
        raise SystemExit(f"{method} said nothing")
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))  # room again
recorder.record()
recorder.close()
print(len(recorder.norms()))
"""


def _run(code: str, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **(pipes | options))


def test_a_full_disk_ends_no_training_and_loses_nothing(tmp_path: Path) -> None:
    assert hasattr(resource, "RLIMIT_FSIZE")
    process = _run(FULL, tmp_path / "log.jsonl")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.strip() == "31"
    assert GradNorms.load(tmp_path / "log.jsonl").steps.tolist() == list(range(31))


KILLED = """
import sys, torch
from ritard.schedules import GradNormRecorder
weight = torch.nn.Parameter(torch.zeros(1))
weight.grad = torch.full((1,), 1 / 3)
recorder = GradNormRecorder([weight], "l2", sys.argv[1], block=1)
while True:
    recorder.record()
"""


def test_a_killed_run_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    process = _run(KILLED, path)
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline and (not path.exists() or path.stat().st_size < 10_000):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])  # as if the kill had come within the last write
    done = len(GradNorms.load(path))
    assert done >= 100
    record(path, [1.0, 2.0], start=done)
    found = GradNorms.load(path)
    assert found.steps.tolist() == list(range(done + 2))
    assert found.norms[-3:].tolist() == [float(np.float32(1 / 3)), 1.0, 2.0]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_an_interrupt_within_a_write_leaves_no_half_line(tmp_path: Path) -> None:
    """Ctrl-C between two parts of a block; closing afterwards must not write behind a half."""
    path = tmp_path / "log.jsonl"
    found = recorder(path, block=100)
    WEIGHT.grad = torch.ones(2)
    found.record()
    file: Any = found._log._file

    class Interrupted:
        def __init__(self) -> None:
            self.calls = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

        def write(self, data: Any) -> int:
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            return file.write(data[:7])

    found._log._file = Interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        found.flush()
    found._log._file = file
    found.close()
    assert pairs(GradNorms.load(path)) == [(0, pytest.approx(2**0.5))]
