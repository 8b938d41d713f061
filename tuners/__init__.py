"""Tuners: how the control is chosen from feedback."""

from typing import TYPE_CHECKING, Any

from .online_refinement import OnlineRefinement
from .plateau import Plateau
from .tuner import Tuner

if TYPE_CHECKING:
    from .online_callback import OnlineRefinementCallback as OnlineRefinementCallback

__all__ = ["OnlineRefinement", "Plateau", "Tuner"]


def __getattr__(name: str) -> Any:
    """Import the Lightning callback when it is first asked for: lightning is optional."""
    if name == "OnlineRefinementCallback":
        from .online_callback import OnlineRefinementCallback

        return OnlineRefinementCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
