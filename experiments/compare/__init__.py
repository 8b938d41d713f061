"""``ritard compare``: schedules on real tasks, at equal budgets, each at its best rate.

The protocol is that of the REX paper (arXiv:2107.04197): budgets in % of a task's steps, each a
run of its own; only the learning rate is tuned, in multiples of 3, separately for every schedule
and budget, by the mean validation metric of the last iterate over all seeds. The test split is
read once a run, after its last update, and chooses nothing.

    grid = Grid(schedules=(Linear(), REX()), budgets=(5, 25))
    report = make_report(grid, run_grid(grid, "sqlite:///runs.db"))
"""

from ..rules import Online, Rule
from ..trials.pool import Workers, WorkersDied
from .figures import draw_all, save_schedules
from .files import to_json, write_files
from .grid import Cell, Grid, Run, Setting
from .outcome import Outcome
from .report import Report, Score, make_report
from .runner import run_grid
from .tables import render

__all__ = [
    "Cell",
    "Grid",
    "Online",
    "Outcome",
    "Report",
    "Rule",
    "Run",
    "Score",
    "Setting",
    "Workers",
    "WorkersDied",
    "draw_all",
    "make_report",
    "render",
    "run_grid",
    "save_schedules",
    "to_json",
    "write_files",
]
