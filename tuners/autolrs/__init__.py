"""AutoLRS: the learning rate searched while training, on state that is rolled back."""

from typing import TYPE_CHECKING, Any

from ._improved_settings import Options
from ._stage import AllDiverged
from .autolrs import AutoLRS
from .climb import Climb
from .forecast import Forecast, Forecaster, varpro
from .ledger import Ledger
from .range_test import RangeTest, range_test
from .released import Released
from .replay import ReplayBuffer
from .report import Report
from .search import RateSearch
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .callback import AutoLRSCallback as AutoLRSCallback

__all__ = [
    "AllDiverged",
    "AutoLRS",
    "Climb",
    "Forecast",
    "Forecaster",
    "Ledger",
    "Options",
    "RangeTest",
    "RateSearch",
    "Released",
    "ReplayBuffer",
    "Report",
    "Snapshot",
    "range_test",
    "varpro",
]


def __getattr__(name: str) -> Any:
    """Import the Lightning callback when it is first asked for: lightning is optional."""
    if name == "AutoLRSCallback":
        from .callback import AutoLRSCallback

        return AutoLRSCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
