"""Every code block of README and docs is executed, as it stands."""

import multiprocessing
import os
import re
import shlex
import subprocess
import sys
import tomllib
import traceback
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import optimization as hf

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
FIGURE = re.compile(r"(?<![\d.])\d+\.\d+(?!\d|\.\d)")
HEAVY = ["torch", "lightning.pytorch", "ritard.schedules", "ritard.tuners.bandits"]
ELSEWHERE = ("postgresql+psycopg://",)  # needs a server: its test is marked slow


def _name(page: Path) -> str:
    """The page's path under the root without its suffix, as "docs/papers/rex"."""
    return page.relative_to(ROOT).with_suffix("").as_posix()


def _blocks(language: str) -> list[pytest.param]:
    return [
        pytest.param(text, id=f"{_name(page)}-{i}")
        for page in PAGES
        for i, (found, text) in enumerate(BLOCK.findall(page.read_text()))
        if found == language
    ]


def test_every_block_names_its_language() -> None:
    for page in PAGES:
        for found, text in BLOCK.findall(page.read_text()):
            assert found in ("python", "sh", "text"), f"{page.name}: {found!r} block: {text[:60]}"


def _anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page have on GitHub."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", LINK.sub(r"\1", text)).lower() for text in headings]
    return {text.strip().replace(" ", "-") for text in plain}


@pytest.mark.parametrize("page", sorted({*PAGES, *ROOT.glob("*.md")}), ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files and headings exist, and a file that stands for a name holds that name."""
    for text, path, anchor in LINK.findall(BLOCK.sub("", page.read_text())):
        if path.startswith(("https:", "mailto:")):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: [{text}]({path})"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: [{text}]({path}#{anchor})"
        if target.suffix == ".py" and text.startswith("`") and not text.endswith(".py`"):
            last = text.strip("`").removesuffix("()").rpartition(".")[2]
            assert re.search(rf"\b{last}\b", target.read_text()), f"{page.name}: {text} in {path}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "papers").glob("*.md")), ids=_name)
def test_measured_figures_stand_in_the_results(page: Path) -> None:
    """What a page says we measured, to the digit, is in RESULTS.md, so it cannot grow stale."""
    results = (ROOT / "RESULTS.md").read_text()
    measured = page.read_text().partition("\n## What we measured\n")[2].partition("\n## ")[0]
    assert measured, f"{page.name}: expected a section '## What we measured'"
    known = set(FIGURE.findall(results))
    for figure in FIGURE.findall(LINK.sub("", BLOCK.sub("", measured))):
        assert figure in known, f"{page.name}: {figure} is not in RESULTS.md"


def test_every_scheduler_elsewhere_has_its_row() -> None:
    """docs/moving.md names all of torch's and transformers', so a new one is seen."""
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "moving.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    peers = vars(torch.optim.lr_scheduler)
    theirs = {
        name for name in peers if re.fullmatch(r"[A-Z]\w*(LR|Plateau|Restarts|Scheduler)", name)
    }
    theirs |= {name for name in vars(hf) if re.fullmatch(r"get_\w+_schedule(_\w+)?", name)}
    assert len(theirs) > 25
    assert not theirs - {"LRScheduler"} - named


def _run(code: str, folder: Path) -> None:
    """Run a block as a script in a folder; leave a file there that says what went wrong."""
    os.chdir(folder)
    script = types.ModuleType("__main__")
    sys.modules["__main__"] = script
    try:
        exec(compile(code, "block", "exec"), script.__dict__)
    except BaseException:
        (folder / "error.txt").write_text(traceback.format_exc())
        raise


@pytest.fixture(scope="module")
def processes() -> Iterator[multiprocessing.context.ForkServerContext]:
    """Processes that start with the heavy packages imported: most of a block's time is that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # tests share the cores
        yield context


@pytest.mark.parametrize("code", _blocks("python"))
def test_python_block(
    code: str, tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    process = processes.Process(target=_run, args=(code, tmp_path))
    process.start()
    process.join(300)
    error = tmp_path / "error.txt"
    assert process.exitcode == 0, error.read_text() if error.exists() else process.exitcode


@pytest.mark.parametrize("commands", _blocks("sh"))
def test_shell_block(commands: str, tmp_path: Path) -> None:
    for line in commands.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "ritard":
            command = [sys.executable, "-m", "ritard.experiments", *words[1:]]
            if any(mark in line for mark in ELSEWHERE):
                command[3:] = [*words[1:], "--help"]
            subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
        elif words[:2] == ["pip", "install"]:
            extra = re.fullmatch(r"ritard(?:\[(\w+)\])?", words[2])
            config = tomllib.loads((ROOT / "pyproject.toml").read_text())
            assert extra, line
            assert extra[1] in (None, *config["project"]["optional-dependencies"])
        else:
            assert words[0] == "make", f"cannot check {line!r}"
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True)
