"""AutoLRS: the learning rate searched while training, on state that is rolled back."""

from ._stage import AllDiverged
from .autolrs import AutoLRS
from .forecast import Forecast, Forecaster, varpro
from .ledger import Ledger
from .range_test import RangeTest, range_test
from .released import Released
from .replay import ReplayBuffer
from .report import Report
from .search import RateSearch
from .snapshot import Snapshot

__all__ = [
    "AllDiverged",
    "AutoLRS",
    "Forecast",
    "Forecaster",
    "Ledger",
    "RangeTest",
    "RateSearch",
    "Released",
    "ReplayBuffer",
    "Report",
    "Snapshot",
    "range_test",
    "varpro",
]
