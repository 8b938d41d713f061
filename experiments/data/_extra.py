"""Optional packages: imported where they are used, with the install line in the error."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def extra() -> Generator[None]:
    """Around an import: a missing package becomes an ImportError with the line to run."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is not installed; run: pip install 'ritard[experiments]'"
        ) from error
