"""The command line ``ritard``: one file a command. Heavy imports wait until a command runs."""

from .app import app

__all__ = ["app"]
