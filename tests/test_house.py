"""The rules of the house: what imports what, what is packaged, what is light."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "schedules": {"schedules"},
    "solvers": {"schedules", "solvers"},
    "tuners": {"schedules", "solvers", "tuners"},
    "experiments": {"schedules", "solvers", "tuners", "experiments"},
}
SCRIPTS = (
    "examples",
    "benchmarks",
    "results",
)  # run as programs by a user: they import the installed name


def _modules(room: str) -> list[Path]:
    return [
        path
        for path in sorted((ROOT / room).rglob("*.py"))
        if not set(SCRIPTS) & set(path.relative_to(ROOT).parts)
    ]


def _imports(path: Path) -> list[tuple[str, int]]:
    """Every imported name as an absolute dotted path below the top of the tree, with its level."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((node.module or "", 0))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                found.append((".".join([*base, name]), node.level))
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_it_may(room: str) -> None:
    for path in _modules(room):
        for name, level in _imports(path):
            target = name.partition(".")[0]
            if level == 0:
                assert target not in MAY_IMPORT, f"{path}: bare import of room {name}"
                assert target != "ritard", f"{path}: {name}: rooms import each other relatively"
            else:
                assert target in MAY_IMPORT[room], f"{path}: {room} may not import {target}"


def test_every_subpackage_is_packaged() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = config["tool"]["setuptools"]["packages"]
    found = {
        "ritard." + ".".join(path.parent.relative_to(ROOT).parts)
        for room in MAY_IMPORT
        for path in _modules(room)
    }
    assert found == set(packages)
    for room in MAY_IMPORT:
        assert (ROOT / room / "py.typed").exists()


def test_schedules_import_is_light() -> None:
    """Numpy and torch only: nothing optional comes along."""
    code = (
        "import sys, ritard.schedules; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"lightning", "pytorch_lightning", "optuna", "matplotlib", "numba", "diffusers"}
    assert not heavy & set(out.stdout.split())


def test_tests_and_scripts_use_the_installed_name() -> None:
    for folder in ("tests", "experiments/examples", "experiments/benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for name, level in _imports(path):
                assert level == 0, f"{path}: relative import"
                assert name.partition(".")[0] not in MAY_IMPORT, f"{path}: bare import of {name}"


def test_no_script_refuses_to_be_given_no_names():
    """With ``nargs="*"`` argparse checks the empty list against ``choices``."""
    for path in (ROOT / "experiments").rglob("*.py"):
        for call in re.findall(r"add_argument\((?:[^()]|\([^()]*\))*\)", path.read_text()):
            assert not ('nargs="*"' in call and "choices=" in call), path
