"""Every code block of README and docs is executed, as it stands."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("postgresql+psycopg://",)  # needs a server: its test is marked slow


def _blocks(language: str) -> list[pytest.param]:
    return [
        pytest.param(text, id=f"{page.stem}-{i}")
        for page in PAGES
        for i, (found, text) in enumerate(BLOCK.findall(page.read_text()))
        if found == language
    ]


def test_every_block_names_its_language() -> None:
    for page in PAGES:
        for found, text in BLOCK.findall(page.read_text()):
            assert found in ("python", "sh", "text"), f"{page.name}: {found!r} block: {text[:60]}"


@pytest.mark.parametrize("code", _blocks("python"))
def test_python_block(code: str, tmp_path: Path) -> None:
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # tests share the cores
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=one_thread, check=True)


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
