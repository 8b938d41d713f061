"""Rows of a table made anew: at other places, or with other weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from ...solvers.diffusion import CoefficientTable, Node, Row
from ...solvers.diffusion._scalar import Scalar, as_float


def consistent(row: Row, nodes: Sequence[Node]) -> tuple[Scalar, Scalar]:
    """Scale of the state and sum of the weights of a step that is exact for a constant output."""
    s, t = nodes[row.base], nodes[row.target]
    if row.kind == "noise":
        scale = t.alpha / s.alpha
        return scale, t.sigma - scale * s.sigma
    scale = t.sigma / s.sigma
    return scale, t.alpha - scale * s.alpha


def anchor_of(row: Row) -> int:
    """The output whose weight balances the others' changes: the base's, where the row uses it."""
    own = [j for j, _ in row.terms]
    return row.base if row.base in own else own[0]


def usable(table: CoefficientTable, history: int | None) -> list[list[int]]:
    """For each row the outputs it may use, but for its anchor: the most recent, and its own."""
    known, found = [0], list[list[int]]()
    finite = [math.isfinite(as_float(node.lam)) for node in table.nodes]
    for row in table.rows:
        recent = known if history is None else known[-history:]
        used = {j for j, _ in row.terms} | {j for j in recent if finite[j]}
        found.append(sorted(used - {anchor_of(row)}))
        if row.evaluate and row.target not in known:
            known.append(row.target)
    return found


def moved(
    table: CoefficientTable, places: Sequence[int], lambdas: Sequence[Tensor]
) -> CoefficientTable:
    """The table with its nodes elsewhere; rows in the same ratio to a consistent step's.

    Args:
        table: The table.
        places: Of each node, 1 + which of ``lambdas`` it has; 0 where it stays.
        lambdas: Where they are to be.
    """
    noise, nodes = table.noise, list[Node]()
    for node, place in zip(table.nodes, places, strict=True):
        if not place:
            nodes.append(node)
            continue
        lam = lambdas[place - 1]
        told = noise.lambda_at(node.t) - node.lam + lam  # what was told apart stays apart
        nodes.append(Node(noise.time_at(told), lam, *noise.alpha_sigma(lam)))
    rows: list[Row] = []
    for row in table.rows:
        (scale, total), (new_scale, new_total) = (
            consistent(row, where) for where in (table.nodes, nodes)
        )
        terms = tuple((j, c / total * new_total) for j, c in row.terms)
        ratio = row.scale / scale if as_float(scale) else 1.0
        rows.append(row._replace(scale=new_scale * ratio, terms=terms))
    return replace(table, nodes=tuple(nodes), rows=tuple(rows), checked=True)


def reweighted(
    table: CoefficientTable,
    others: Sequence[Sequence[int]],
    offsets: Iterator[Tensor],
    sums: Sequence[Scalar],
) -> CoefficientTable:
    """The table with other weights, all changes relative to a consistent row's sum.

    Args:
        table: The table.
        others: For each row the outputs whose weights change, each at the anchor's expense.
        offsets: Their changes, row by row.
        sums: The change of each row's sum.
    """
    rows: list[Row] = []
    for row, more, extra in zip(table.rows, others, sums, strict=True):
        total = consistent(row, table.nodes)[1]
        terms: dict[int, Scalar] = dict(row.terms)
        anchor = anchor_of(row)
        terms[anchor] = terms[anchor] + total * extra
        for j in more:
            shift = total * next(offsets)
            terms[j] = terms.get(j, 0.0) + shift
            terms[anchor] = terms[anchor] - shift
        rows.append(row._replace(terms=tuple(terms.items())))
    return replace(table, rows=tuple(rows), checked=True)
