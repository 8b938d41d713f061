"""The table of methods. To add one: a function that trains a problem, and a row here."""

from ...schedules import Constant, Cosine, Linear
from .method import Method, scheduled, table
from .peers import greedy, mechanic, prodigy, schedule_free
from .searched import faithful, improved, range_tested

AROUND = (1.0, 0.1, 10.0)
"""Starts of a method that claims not to need a good one."""

METHODS = table(
    Method("linear", scheduled(Linear()), tuned=True),
    Method("cosine", scheduled(Cosine()), tuned=True),
    Method("wsd", scheduled(Constant().cooldown(0.2, "linear")), tuned=True),
    Method("schedule-free", schedule_free),
    Method("prodigy", prodigy),
    Method("mechanic", mechanic),
    Method("greedy", greedy),
    Method("range test", range_tested),
    Method("autolrs faithful", faithful),
    Method("autolrs", improved, starts=AROUND),
)
"""Every method by its name, in the order of the tables."""
