"""Tiny Shakespeare: 1.1 MB of plays, one file of text."""

from .registry import dataset
from .store import find


def tinyshakespeare() -> str:
    """The text: 1,115,394 characters, 65 distinct, ASCII.

    Raises:
        ValueError, FileNotFoundError, OSError: as :func:`~ritard.experiments.data.find`.
    """
    name = "tinyshakespeare"
    return (find(name) / dataset(name).files[0].name).read_bytes().decode("ascii")
