"""Smoke test of an installed wheel; run it from another directory: ``python smoke.py PART``."""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path


def core() -> None:
    """The required dependencies alone: a schedule drives an optimizer, SuperLU solves a system."""
    import ritard.solvers
    import ritard.tuners
    import torch
    from ritard.schedules import Schedule, ScheduleLR

    assert "site-packages" in str(Path(ritard.solvers.__file__))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = ScheduleLR(optimizer, Schedule.parse("rex+warmup(2)"), 10)
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == [0.0]
    try:
        from ritard.schedules import ScheduleCallback  # noqa: F401
    except ImportError as error:
        assert 'pip install "ritard[lightning]"' in str(error)
    else:
        raise AssertionError("lightning came along with the required dependencies")
    _without_numba()


def _without_numba() -> None:
    """Solvers and bandits work, and say what would make them fast."""
    import numpy as np
    from ritard.solvers.linear import Stencil
    from ritard.tuners.bandits import TsallisINF, tune_sequence

    systems = [(Stencil.laplacian(5, 5), np.ones(25))] * 3
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        report = tune_sequence(systems, TsallisINF((1.0, 1.5), seed=0))
    assert report.converged.all()
    assert any('pip install "ritard[solvers]"' in str(warning.message) for warning in said)


def experiments() -> None:
    """The experiments extra: the command line compares two schedules on bundled data."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "ritard.experiments", "compare", "--task", "digits"]
        command += ["--schedules", "linear,rex", "--budgets", "1", "--seeds", "2"]
        subprocess.run([*command, "--lr-grid", "0.1", "--out", out], check=True)
        assert (Path(out) / "report.json").exists()


{"core": core, "experiments": experiments}[sys.argv[1]]()
print(f"smoke test of {sys.argv[1]}: passed")
