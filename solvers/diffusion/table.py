"""The coefficient table: any sampler as rows that a short executor runs."""

import math
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

from torch import Tensor

from ...schedules._checks import one_of, whole
from . import _json
from ._brief import brief
from ._scalar import Scalar, as_float
from .noise import Node, NoiseSchedule, as_noise
from .step import KINDS, Kind

First = Literal["network", "zero", "unit", "mean"]
FIRSTS: tuple[str, ...] = ("network", "zero", "unit", "mean")
ROLES: tuple[str, ...] = ("predict", "correct")


class Row(NamedTuple):
    """x[target] = scale x[base] + sum_j c_j m[j], m the noise or the data predicted at node j.

    ``evaluate`` says that the network is called at the target afterwards. A correcting row
    overwrites the state of its target.
    """

    target: int
    base: int
    kind: Kind
    scale: Scalar
    terms: tuple[tuple[int, Scalar], ...]
    role: Literal["predict", "correct"] = "predict"
    evaluate: bool = True


@dataclass(frozen=True)
class CoefficientTable:
    """A sampler lowered to numbers: nodes, and rows in the order in which they run.

    It depends on nothing but the lambdas and the decisions: the same rows, in x / alpha, serve
    every noise schedule. Coefficients are floats, or float64 tensors where they are learned.

    Args:
        noise: The noise schedule it is for.
        nodes: Places where states live; node 0 is the start. Two may share one lambda (Heun).
        rows: One per step, and one more where a step is corrected.
        first: Where the output at node 0 comes from: the network, or an analytic first step that
            saves its call: data predicted as 0 ("zero") or as the model's ``mean``, or from a
            prior of unit variance ("unit").

    Raises:
        TypeError: a row whose parts are of another kind than a :class:`Row`'s.
        ValueError: a row that refers to what is not known when it runs, naming row and value.

    Source: the unified form of arXiv:2312.07243; analytic first step: arXiv:2210.05475.
    """

    noise: NoiseSchedule
    nodes: tuple[Node, ...]
    rows: tuple[Row, ...]
    first: First = "network"
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        """Check the rows, unless they come from :func:`lower`."""
        if not checked:
            check_rows(self)

    def __repr__(self) -> str:
        """Whole for up to 16 nodes and as many rows."""
        return brief(self)

    @property
    def nfe(self) -> int:
        """Number of network evaluations of a run."""
        return len(self.evaluations)

    @cached_property
    def evaluations(self) -> tuple[int, ...]:
        """The nodes at which the network is called, in that order."""
        first = (0,) if self.first == "network" else ()
        return (*first, *(row.target for row in self.rows if row.evaluate))

    @property
    def steps(self) -> int:
        """Number of predicting rows."""
        return sum(row.role == "predict" for row in self.rows)

    @cached_property
    def requires_grad(self) -> bool:
        """Whether some coefficient is a tensor that is being learned."""
        numbers = [n for node in self.nodes for n in node]
        numbers += [n for row in self.rows for n in (row.scale, *(c for _, c in row.terms))]
        return any(isinstance(n, Tensor) and n.requires_grad for n in numbers)

    @cached_property
    def kinds(self) -> tuple[tuple[Kind, ...], ...]:
        """Which outputs are used of each node: noise, data, both, or neither."""
        used: list[set[Kind]] = [set() for _ in self.nodes]
        for row in self.rows:
            for node, _ in row.terms:
                used[node].add(row.kind)
        return tuple(tuple(sorted(kinds)) for kinds in used)

    @cached_property
    def last_base(self) -> tuple[int, ...]:
        """The last row that starts from each node's state; -1 where none does."""
        last = [-1] * len(self.nodes)
        for i, row in enumerate(self.rows):
            last[row.base] = i
        return tuple(last)

    @cached_property
    def last_use(self) -> dict[tuple[int, Kind], int]:
        """The last row that uses each output."""
        return {(node, row.kind): i for i, row in enumerate(self.rows) for node, _ in row.terms}

    def detach(self) -> "CoefficientTable":
        """The same table with plain numbers."""
        return replace(
            self,
            nodes=tuple(Node(*map(as_float, node)) for node in self.nodes),
            rows=tuple(
                row._replace(
                    scale=as_float(row.scale), terms=tuple((j, as_float(c)) for j, c in row.terms)
                )
                for row in self.rows
            ),
        )

    def on(self, noise: NoiseSchedule) -> "CoefficientTable":
        """The same sampler at the same lambdas under another noise schedule, as plain numbers.

        The samples, divided by alpha, are the same. ValueError where a lambda is out of range.
        """
        as_noise(noise)
        old = self.detach()
        nodes = tuple(_moved(node, self.noise, noise) for node in old.nodes)
        ratios = [
            as_float(n.alpha) / as_float(o.alpha) for n, o in zip(nodes, old.nodes, strict=True)
        ]
        rows = tuple(
            row._replace(
                scale=row.scale * ratios[row.target] / ratios[row.base],
                terms=tuple((j, c * ratios[row.target]) for j, c in row.terms),
            )
            for row in old.rows
        )
        return replace(self, noise=noise, nodes=nodes, rows=rows)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values (lambda of a clean end as the word "inf")."""
        table = self.detach()
        nodes = [[_json.number_out(as_float(n)) for n in node] for node in table.nodes]
        rows = [_row_out(row) for row in table.rows]
        return _json.headed(
            "table", noise=self.noise.to_dict(), nodes=nodes, rows=rows, first=self.first
        )

    @staticmethod
    def from_dict(data: Any) -> "CoefficientTable":
        """From :meth:`to_dict`; ValueError names what is wrong with it."""
        data = _json.body("table", data)
        with _json.reading("coefficient table"):
            nodes = tuple(Node(*(_json.number_in(n) for n in node)) for node in data["nodes"])
            rows = tuple(
                Row._make((*row[:4], tuple((j, c) for j, c in row[4]), *row[5:]))
                for row in data["rows"]
            )
            noise, first = NoiseSchedule.from_dict(data["noise"]), data["first"]
            return CoefficientTable(noise, nodes, rows, first)


def _moved(node: Node, old: NoiseSchedule, new: NoiseSchedule) -> Node:
    """The place of the same lambda; the time, which may be apart from it, by its own lambda."""
    if as_float(node.alpha) == 0:
        raise ValueError(f"t={as_float(node.t):g}: lambda is infinite; it has no other time")
    if math.isinf(as_float(node.lam)):
        return new.node(new.clean)
    time = new.time_at(old.lambda_at(node.t))
    return Node(new.node(time).t, node.lam, *new.alpha_sigma(node.lam))


def _row_out(row: Row) -> list[Any]:
    """A row as JSON values; node numbers may be NumPy's."""
    terms = [[int(j), c] for j, c in row.terms]
    return [int(row.target), int(row.base), row.kind, row.scale, terms, row.role, row.evaluate]


def check_rows(table: CoefficientTable) -> None:
    """Refuse a table that could not run: see :class:`CoefficientTable`."""
    one_of("first", table.first, FIRSTS)
    if not table.rows:
        raise ValueError("rows: expected at least one")
    for i, node in enumerate(table.nodes):
        _check_node(f"node {i}", node)
    states, outputs = {0}, {0}
    for i, row in enumerate(table.rows):
        _check_row(f"row {i}", row, len(table.nodes), states, outputs)
        states.add(row.target)
        if row.evaluate:
            outputs.add(row.target)
    if table.rows[-1].evaluate:
        raise ValueError(f"row {len(table.rows) - 1}: evaluates after the last step, for nothing")


def _check_node(where: str, node: Node) -> None:
    t, lam, alpha, sigma = map(as_float, node)
    if not (math.isfinite(t) and 0 <= alpha < math.inf and 0 <= sigma < math.inf):
        raise ValueError(f"{where}: t, alpha and sigma are {t}, {alpha}, {sigma}")
    if math.isnan(lam):
        raise ValueError(f"{where}: lambda is nan")


def _check_row(where: str, row: Row, count: int, states: set[int], outputs: set[int]) -> None:
    """Refuse a row that could not run after those that made these states and outputs."""
    if row.kind not in KINDS or row.role not in ROLES:
        raise ValueError(f"{where}: kind={row.kind!r}, role={row.role!r}: unknown")
    if not isinstance(row.evaluate, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{where}: evaluate={row.evaluate!r}: expected True or False")
    if whole(f"{where}: target", row.target, low=1) >= count:
        raise ValueError(f"{where}: target={row.target}: expected 1 to {count - 1}")
    if whole(f"{where}: base", row.base) not in states:
        raise ValueError(f"{where}: base={row.base}: its state is not known there")
    if row.role == "correct" and row.target not in outputs:
        raise ValueError(f"{where}: corrects node {row.target}, which was not evaluated")
    used = [whole(f"{where}: node", node) for node, _ in row.terms]
    for node, c in (*row.terms, (row.base, row.scale)):
        if not math.isfinite(as_float(c)):
            raise ValueError(f"{where}: coefficient {c} of node {node}: expected a finite one")
    for i, node in enumerate(used):
        if node not in outputs:
            raise ValueError(f"{where}: uses the output at node {node}, which is not known")
        if node in used[:i]:
            raise ValueError(f"{where}: uses the output at node {node} twice")
