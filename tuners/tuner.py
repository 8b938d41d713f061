"""The contract of a tuner: ask for a choice, tell what it cost."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

Choice = TypeVar("Choice")


class Tuner(Protocol[Choice]):
    """Chooses a control from feedback.

    Ask, use the choice, tell its cost; lower is better everywhere. ``ask`` may be called again
    before ``tell``. Seeds are arguments of the constructor; nothing global is read or changed.
    """

    def ask(self, context: Any = None) -> Choice:
        """The next choice, given what is known of the problem at hand."""
        ...

    def tell(self, choice: Choice, cost: float) -> None:
        """Report what a choice cost; NaN and infinity count as the worst."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What has been learned, as plain values."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError for the state of another tuner."""
        ...
