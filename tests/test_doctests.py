"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil
import sys

import pytest

ROOMS = ("schedules", "solvers", "tuners", "experiments")


def _modules() -> list[str]:
    names: list[str] = []
    for room in ROOMS:
        package = importlib.import_module(f"ritard.{room}")
        names.append(package.__name__)
        for info in pkgutil.walk_packages(package.__path__, f"ritard.{room}."):
            if not {"examples", "benchmarks", "results", "__main__"} & set(info.name.split(".")):
                names.append(info.name)
    return names


@pytest.mark.parametrize("name", _modules())
def test_doctests(name: str) -> None:
    module = importlib.import_module(name)
    assert sys.modules[name] is module
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
