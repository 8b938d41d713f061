"""Wrong calls of what is imported from ritard.experiments; its commands have their own tests."""

import pytest
from ritard.experiments.compare import Grid, Online, Workers
from ritard.experiments.convex import Protocol, run_set
from ritard.experiments.data import dataset, fetch, find, libsvm, locate, spd_matrix
from ritard.experiments.tasks import get_task
from ritard.experiments.testbeds import get_testbed
from ritard.schedules import Linear
from wrong_calls import Wrong, check

TABLE = [
    Wrong("get_task", ("'digit'", "did you mean 'digits'"), lambda: get_task("digit")),
    Wrong("get_task", ("'logreg:none'", "logreg:SET"), lambda: get_task("logreg:none")),
    Wrong("get_testbed", ("'digit'", "did you mean 'digits'"), lambda: get_testbed("digit")),
    Wrong("dataset", ("'mnis'",), lambda: dataset("mnis")),
    Wrong("locate", ("'mnis'",), lambda: locate("mnis")),
    Wrong("find", ("'mnis'",), lambda: find("mnis")),
    Wrong("fetch", ("'mnis'",), lambda: fetch("mnis")),
    Wrong("libsvm", ("'libsvm/none'",), lambda: libsvm("none")),
    Wrong("spd_matrix", ("'none'",), lambda: spd_matrix("none")),
    Wrong("Grid", ("budgets", "0"), lambda: Grid((Linear(),), budgets=(0.0,))),
    Wrong("Grid", ("seeds=0",), lambda: Grid((Linear(),), seeds=0)),
    Wrong("Grid", ("schedules: expected at least one",), lambda: Grid(())),
    Wrong("Grid", ("'digit'",), lambda: Grid((Linear(),), tasks=("digit",))),
    Wrong("Online", ("smoothing=0",), lambda: Online(0)),
    Wrong("Workers", ("jobs=0",), lambda: Workers(0)),
    Wrong("Protocol", ("steps=0",), lambda: Protocol(steps=0)),
    Wrong("run_set", ("'logreg:none'",), lambda: run_set("none", Protocol())),
]


@pytest.mark.parametrize("wrong", TABLE, ids=str)
def test_it_is_refused(wrong):
    check(wrong)
