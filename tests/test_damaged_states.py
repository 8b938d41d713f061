"""Damaged states: a snapshot's file on disk, checkpoints, and the states inside them.

A state is taken whole or refused, by an error that names what is wrong and with nothing changed.
What has no checksum cannot know a flipped digit: a state's numbers are taken as they are, within
what they may be. A snapshot's copies are trusted as memory is; on disk their file has no name.
"""

import copy
import gc
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ritard.experiments.__main__ import run
from ritard.experiments.cli import _autolrs_run
from ritard.experiments.cli._autolrs_keep import Keep
from ritard.experiments.cli._autolrs_report import Found
from ritard.experiments.records import write_tensors
from ritard.experiments.settings import keep_settings
from ritard.experiments.trials.stop import Interrupted, Stop
from ritard.schedules import GradNormCallback, Schedule
from ritard.tuners import OnlineRefinement, OnlineRefinementCallback, Plateau
from ritard.tuners.autolrs import AutoLRS, Climb, Ledger, RateSearch, Snapshot
from test_tuners_autolrs_lightning import Module, T, fit, tuner
from wrong_calls import picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# ---- a snapshot's file ---------------------------------------------------------------------


def trained(width: int = 64) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = torch.nn.Linear(width, width)
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def update(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model(torch.ones(1, 64)).sum().backward()
    optimizer.step()


def test_a_snapshots_file_never_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So none can be opened, cut or deleted, and a kill at any moment leaves none."""
    named = list[list[str]]()
    reserve = os.posix_fallocate

    def look(handle: int, offset: int, size: int) -> None:
        named.append(os.listdir(tmp_path))
        reserve(handle, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", look)
    snapshot = Snapshot(*trained(), place="disk", folder=tmp_path)
    assert named == [[]] and os.listdir(tmp_path) == []
    assert snapshot.places == {"cpu": ["disk"]}


def test_without_fallocate_it_is_made_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    model, optimizer = trained()
    before = picture(model)
    with Snapshot(model, optimizer, place="disk", folder=tmp_path):
        update(model, optimizer)
    assert picture(model) == before


def test_processes_share_a_folder_and_need_it_no_more(tmp_path: Path) -> None:
    """A snapshot of another process in the same folder, and then the folder goes."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    model, optimizer = trained()
    before = picture(model)
    mine = Snapshot(model, optimizer, place="disk", folder=folder)
    text = (
        "import torch; from ritard.tuners.autolrs import Snapshot; m = torch.nn.Linear(64, 64)\n"
        f"s = Snapshot(m, place='disk', folder={str(folder)!r}); w = m.weight.clone()\n"
        "torch.nn.init.zeros_(m.weight); s.restore(); assert torch.equal(m.weight, w)"
    )
    subprocess.run([sys.executable, "-c", text], check=True, timeout=120)
    folder.rmdir()
    update(model, optimizer)
    mine.restore()
    assert picture(model) == before


@pytest.fixture
def small_disk():
    """No file may be larger than 4 KiB: what a full disk or a quota does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def shrink(size: int = 4096) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))

    yield shrink
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_turns_out_to_be_full(tmp_path: Path, small_disk: Any) -> None:
    model, optimizer = trained()
    before = picture([model, optimizer])
    gc.collect()  # what earlier tests have left open
    handles = len(os.listdir("/proc/self/fd"))
    small_disk()
    with pytest.raises(MemoryError, match=r"need 1\.66e-05 GB; .*; disk: .*File too large"):
        Snapshot(model, optimizer, place="disk", folder=tmp_path)
    gc.collect()
    assert os.listdir(tmp_path) == [] and len(os.listdir("/proc/self/fd")) == handles
    assert picture([model, optimizer]) == before


def test_tensors_that_a_full_disk_does_not_take_leave_the_old_file(
    tmp_path: Path, small_disk: Any
) -> None:
    path = tmp_path / "tensors.pt"
    write_tensors(path, {"x": torch.ones(3)})
    small_disk()
    with pytest.raises(OSError, match="File too large"):
        write_tensors(path, {"x": torch.ones(3000)})
    assert torch.load(path, weights_only=True)["x"].tolist() == [1.0] * 3
    assert os.listdir(tmp_path) == ["tensors.pt"]


def test_a_disk_that_is_full_when_the_state_has_grown(tmp_path: Path, small_disk: Any) -> None:
    model, optimizer = trained()
    before = picture(model)
    snapshot = Snapshot(model, optimizer, place="disk", folder=tmp_path)
    update(model, optimizer)  # there is momentum now
    small_disk()
    with pytest.raises(MemoryError, match=r"disk: .*File too large"):
        snapshot.capture()
    snapshot.restore()  # the one held before
    assert picture(model) == before and not optimizer.state


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    model, optimizer = trained()
    (tmp_path / "file").touch()
    with pytest.raises(MemoryError, match=r"disk: .*Not a directory"):
        Snapshot(model, optimizer, place="disk", folder=tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Snapshot(model, optimizer, place="disk", folder=tmp_path / "nowhere")


# ---- states --------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places inside JSON values."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = list[tuple[Any, ...]]()
    for key, part in inside:
        found.append((*path, key))
        if isinstance(part, dict | list | tuple):
            found += places(part, (*path, key))
    return found


def damaged(state: Any, path: tuple[Any, ...], how: str) -> Any:
    """A copy with something else at a place."""
    data = inside = copy.deepcopy(state)
    for key in path[:-1]:
        inside = inside[key]
    if how == "lost":
        del inside[path[-1]]
    elif how == "named otherwise":
        inside[f"{path[-1]}s"] = inside.pop(path[-1])
    else:
        inside[path[-1]] = {"text": "x", "a list": [[]], "a negative number": -7.5}[how]
    return data


def refused(holder: Any, state: Any) -> str:
    """Why a state is refused; with nothing changed."""
    before = picture(holder.state_dict())
    with pytest.raises(ValueError, match="state_dict") as error:
        holder.load_state_dict(state)
    assert picture(holder.state_dict()) == before
    assert len(str(error.value)) < 5_000
    return str(error.value)


def check_every_place(holder: Any, state: Any, signed: tuple[str, ...] = ()) -> None:
    """Whatever is lost, or of another type, or negative, is refused.

    Args:
        holder: Has ``load_state_dict``.
        state: Sound.
        signed: Names of entries whose numbers may be negative.
    """
    holder.load_state_dict(copy.deepcopy(state))
    for path in places(state):
        name = next((key for key in reversed(path) if isinstance(key, str)), "")
        refused(holder, damaged(state, path, "text"))
        refused(holder, damaged(state, path, "a list"))
        if name not in signed:
            refused(holder, damaged(state, path, "a negative number"))
        if isinstance(path[-1], str):
            refused(holder, damaged(state, path, "named otherwise"))
            assert name in refused(holder, damaged(state, path, "lost")) or len(path) <= 2
    for other in ({}, [], None, "x", {**state, "more": 1}):
        refused(holder, other)


def searched(faithful: bool = False) -> AutoLRS:
    """A run in the middle."""
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    given: tuple[Any, ...] = (model, optimizer, lambda x: model(x).square().mean(), 400)
    if faithful:
        made = AutoLRS.faithful(*given, lr_min=1e-3, lr_max=0.1, k=3, tau0=40, val_fn=lambda: 1.0)
    else:
        made = AutoLRS(*given, overhead=0.7, stages=2, candidates=3, scored=2)
    for _, _ in zip(range(90), made.train([torch.ones(4, 2)] * 400), strict=False):
        pass
    return made


SIGNED = ("score", "difference", "error", "gain", "overhead", "first_validation")
"""What may be negative: what is said of losses."""


@pytest.mark.parametrize("faithful", [False, True])
def test_every_place_of_a_searched_runs_state(faithful: bool) -> None:
    run = searched(faithful)
    state = json.loads(json.dumps(run.state_dict(), allow_nan=False))
    assert run.reports
    scheduler = state.pop("scheduler")

    class Searched:
        """The run, whose scheduler's state is tested where it is made."""

        state_dict = run.state_dict

        def load_state_dict(self, data: Any) -> None:
            run.load_state_dict(data | {"scheduler": scheduler} if isinstance(data, dict) else data)

    check_every_place(Searched(), state, SIGNED)
    refused(run, state)
    refused(run, state | {"scheduler": damaged(scheduler, ("budget", "unit"), "text")})


def test_every_place_of_small_tuners_states() -> None:
    plateau, climb, search = Plateau(), Climb(0.25, 4.0), RateSearch(1e-3, 1.0)
    for one in (plateau, climb, search):
        for cost in (1.0, 0.5, 0.8):
            one.tell(one.ask(), cost)
    search.ask()
    check_every_place(plateau, plateau.state_dict(), ("best",))
    check_every_place(climb, climb.state_dict(), ("asked", "costs"))
    check_every_place(search, search.state_dict(), ("costs",))
    check_every_place(Ledger(), Ledger(9, 3, 2, 1.0, 0.5).state_dict())


def test_every_place_of_a_learned_course() -> None:
    parameter = torch.nn.Parameter(torch.ones(1))
    run = OnlineRefinement(torch.optim.SGD([parameter], lr=0.1), 100).attach()
    for _ in range(30):
        parameter.grad = torch.ones(1)
        run.optimizer.step()
        run.step()
    whole = run.state_dict()

    class Refined:
        """The run, with what it has beside other schedulers."""

        def state_dict(self) -> Any:
            return run.state_dict()["refinement"]

        def load_state_dict(self, refinement: Any) -> None:
            run.load_state_dict(whole | {"refinement": refinement})

    check_every_place(Refined(), json.loads(json.dumps(whole["refinement"])))


# ---- checkpoints of a Trainer --------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run with a search and a recorder, after 130 of 240 updates: one stage is over."""
    folder = tmp_path_factory.mktemp("fits")
    trainer = fit(
        Module(), tuner(total_steps=T), GradNormCallback(folder / "n.jsonl"), max_steps=130
    )
    trainer.save_checkpoint(folder / "run.ckpt")
    return folder / "run.ckpt"


def part_of(checkpoint: Path, name: str) -> Any:
    saved = torch.load(checkpoint, weights_only=True)
    return next(state for key, state in saved["callbacks"].items() if name in key)


def test_every_place_of_a_callbacks_state(checkpoint: Path) -> None:
    search = part_of(checkpoint, "AutoLRS")
    assert len(search["search"]["reports"]) == 1
    check_every_place(tuner(), search, SIGNED)
    check_every_place(GradNormCallback("norms.jsonl"), part_of(checkpoint, "GradNorm"))


def test_a_checkpoint_before_the_first_update() -> None:
    callback = tuner()
    callback.load_state_dict(tuner().state_dict())
    assert callback.state_dict()["search"] is None
    recorder = GradNormCallback("norms.jsonl")
    recorder.load_state_dict(GradNormCallback("norms.jsonl").state_dict())
    assert recorder.state_dict() == {"updates": None, "steps": [], "norms": []}


@pytest.mark.parametrize("name", ["AutoLRS", "GradNorm"])
def test_a_trainer_refuses_a_damaged_part(name: str, checkpoint: Path, tmp_path: Path) -> None:
    """And the module is as it was made."""
    saved = torch.load(checkpoint, weights_only=True)
    (key,) = (key for key in saved["callbacks"] if name in key)
    saved["callbacks"][key] = {"other": 1}
    torch.save(saved, tmp_path / "damaged.ckpt")
    log = tmp_path / "norms.jsonl"
    module = Module()
    with pytest.raises(ValueError, match=f"state_dict: of another than {name}Callback, it holds"):
        fit(module, tuner(), GradNormCallback(log), ckpt=tmp_path / "damaged.ckpt")
    assert not module.rates and not log.exists()


def test_a_trainer_refuses_a_damaged_course(tmp_path: Path) -> None:
    trainer = fit(Module(), OnlineRefinementCallback(), max_steps=20)
    trainer.save_checkpoint(tmp_path / "run.ckpt")
    saved = torch.load(tmp_path / "run.ckpt", weights_only=True)
    del saved["lr_schedulers"][0]["refinement"]["course"]
    torch.save(saved, tmp_path / "run.ckpt")
    module = Module()
    with pytest.raises(ValueError, match=r"state_dict: refinement: .*course"):
        fit(module, OnlineRefinementCallback(), ckpt=tmp_path / "run.ckpt")
    assert not module.rates


# ---- the checkpoint and the report of ``ritard autolrs`` -------------------------------------

CALL = "autolrs --task digits --lr 0.002 --steps 200 --overhead 0.8 --json --out".split()


class Late(Stop):
    """Asks for the end after 150 updates, when a stage is over."""

    looks = 0

    def __call__(self) -> bool:
        self.looks += 1
        return self.looks > 150


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose run was stopped on its way."""
    folder = tmp_path_factory.mktemp("stopped")
    options = {"overhead": 0.8, "stages": None, "candidates": 5, "scored": 8}
    asked = _autolrs_run.Asked("digits", "sgd", 0.002, 200, "linear", 0, 1, options)
    keep_settings(asked.settings(), folder)
    with pytest.raises(Interrupted):
        _autolrs_run._run(asked, Schedule.parse("linear"), folder, Late())
    return folder


def test_a_checkpoint_that_was_cut_off_or_has_a_flipped_bit(stopped: Path, tmp_path: Path) -> None:
    """It is refused, or the tensors in it are those that were written."""
    path = tmp_path / "run.checkpoint"
    whole = (stopped / "run.checkpoint").read_bytes()
    exact = picture(torch.load(stopped / "run.checkpoint", weights_only=True))
    keep = Keep(tuner(), path, Stop())
    assert keep.found is None
    rng, refused = random.Random(0), 0
    cuts = [whole[: rng.randrange(len(whole))] for _ in range(30)]
    flips = [bytearray(whole) for _ in range(120)]
    for flipped in flips:
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    for damage in (b"", whole[:-1], *cuts, *map(bytes, flips)):
        path.write_bytes(damage)
        try:
            found = keep.found
        except ValueError as error:
            assert f"out={str(tmp_path)!r}: run.checkpoint is damaged: " in str(error)
            refused += 1
        else:
            assert picture(torch.load(found, weights_only=True)) == exact
    assert refused > 100


def test_the_command_refuses_it_and_leaves_it(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stopped / "run.checkpoint"
    whole = path.read_bytes()
    try:
        saved = torch.load(path, weights_only=True)
        del saved["callbacks"]["AutoLRSCallback"]["ledger"]
        torch.save(saved, tmp_path / "other")
        for damage, text in (
            (whole[: len(whole) // 2], "run.checkpoint is damaged: "),
            ((tmp_path / "other").read_bytes(), "state_dict: of another than AutoLRSCallback"),
        ):
            path.write_bytes(damage)
            assert run([*CALL, str(stopped)]) == 2
            out, err = capsys.readouterr()
            assert out == "" and "Traceback" not in err
            assert text in err.splitlines()[-1] and err.splitlines()[-1].startswith("error: ")
            assert path.read_bytes() == damage and not (stopped / "report.json").exists()
    finally:
        path.write_bytes(whole)
    assert run([*CALL, str(stopped)]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 200
    for name, lost in (("report.json", "stages"), ("schedule.json", "name")):
        text = (stopped / name).read_text()
        (stopped / name).write_text(text.replace(f'"{lost}"', '"other"'))
        assert run([*CALL, str(stopped)]) == 2
        assert f"{stopped / name} is damaged: " in capsys.readouterr().err
        (stopped / name).write_text(text)
    assert Found.load(stopped) is not None
