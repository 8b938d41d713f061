"""A sampler without its first steps, for runs that start in the middle (img2img)."""

from __future__ import annotations

from dataclasses import replace

from .lower import lower, order_one
from .saved import Sampler
from .schedule import SolverSchedule
from .table import CoefficientTable, Row


def tail(made: Sampler, begin: int) -> CoefficientTable:
    """The table that starts at node ``begin``.

    A schedule's orders are capped by the history that is left, its own warm-up steps first. In
    a table made directly a row that needs what lies before becomes a step of order 1.

    Raises:
        ValueError: a node that is not there, or an analytic first step, which only knows what
            to do at the start.
    """
    if begin and made.first != "network":
        raise ValueError(
            f"begin={begin}: an analytic first step (first={made.first!r}) needs the start; "
            "use a schedule whose first is 'network'"
        )
    if isinstance(made, SolverSchedule):
        return lower(made.tail(begin))
    if not 0 <= begin < len(made.nodes) - 1:
        raise ValueError(f"begin={begin}: expected 0 to {len(made.nodes) - 2}")
    nodes = made.nodes[begin:]
    rows = [_moved(row, begin) for row in made.rows if row.target > begin]
    rows = [row if _known(row) else _restart(row, made, begin) for row in rows]
    return replace(made, nodes=nodes, rows=tuple(rows)) if begin else made


def _moved(row: Row, begin: int) -> Row:
    terms = tuple((j - begin, c) for j, c in row.terms)
    return row._replace(target=row.target - begin, base=row.base - begin, terms=terms)


def _known(row: Row) -> bool:
    return row.base >= 0 and all(j >= 0 for j, _ in row.terms)


def _restart(row: Row, table: CoefficientTable, begin: int) -> Row:
    """A first-order step to the same target from the node before it."""
    fresh = order_one(row.target, row.target - 1, table.nodes[begin:])
    return fresh._replace(evaluate=row.evaluate)
