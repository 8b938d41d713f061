"""AutoLRS: the learning rate searched while training, on state that is rolled back."""

from .forecast import Forecast, Forecaster, varpro
from .released import Released
from .replay import ReplayBuffer
from .search import RateSearch
from .snapshot import Snapshot

__all__ = ["Forecast", "Forecaster", "RateSearch", "Released", "ReplayBuffer", "Snapshot", "varpro"]
