"""AutoLRS: the learning rate searched while training, on state that is rolled back."""

from .forecast import Forecast, Forecaster, varpro
from .range_test import RangeTest, range_test
from .released import Released
from .replay import ReplayBuffer
from .search import RateSearch
from .snapshot import Snapshot

__all__ = [
    "Forecast",
    "Forecaster",
    "RangeTest",
    "RateSearch",
    "Released",
    "ReplayBuffer",
    "Snapshot",
    "range_test",
    "varpro",
]
