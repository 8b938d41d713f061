"""Lightning's Callback, from whichever of its two packages is installed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.pytorch import Callback
else:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as error:
            raise ImportError(
                'the callbacks need Lightning: pip install "ritard[lightning]"'
            ) from error

__all__ = ["Callback"]
