"""Tables in the terminal: one look and one printer for all of them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDTH = 160
"""Of what is printed into a pipe or a file, where there is no width to fit into."""

Titled = tuple[Text, Table]
"""A table and the line above it, which rich would fold to the width of the table."""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], left: Collection[str] = ()
) -> Table:
    """A table whose first column is of names, at the left, and the others of figures, at the right.

    Args:
        columns: Their heads.
        rows: Their fields; text in rich's markup.
        left: Further columns at the left.
    """
    made = Table(columns[0])
    for name in columns[1:]:
        made.add_column(name, justify="left" if name in left else "right")
    for row in rows:
        made.add_row(*row)
    return made


def titled(title: str, table: Table) -> Titled:
    """A table under a line of text, which holds no markup."""
    return Text(title), table


def show(parts: Iterable[RenderableType]) -> None:
    """Print tables and text on stdout."""
    console = _Printer(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    for part in parts:
        console.print(part)


class _Printer(Console):
    def on_broken_pipe(self) -> None:
        """Let the command line end, where rich would end the process."""
        raise BrokenPipeError
