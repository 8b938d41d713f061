"""Models to sample from: exact ones, and a small network trained by a script.

To add one: a file with a function that makes the :class:`Testbed`, and a row in the table below.
"""

from collections.abc import Callable, Mapping
from functools import cache

from ..names import unknown
from .digits import digits
from .fashion_pca import fashion_pca
from .mixture import mixture
from .mixture_image import mixture_image
from .testbed import Testbed
from .unet import unet

__all__ = ["TESTBEDS", "Testbed", "get_testbed"]

_MAKERS: Mapping[str, Callable[[], Testbed]] = {
    "digits": digits,
    "mixture": mixture,
    "mixture-image": mixture_image,
    "fashion-pca": fashion_pca,
    "unet": unet,
}
TESTBEDS: tuple[str, ...] = tuple(_MAKERS)
"""The names of all testbeds."""


@cache
def get_testbed(name: str) -> Testbed:
    """The testbed of a name, made on first use and kept for the process.

    Raises:
        ValueError: there is no such testbed; the message lists those there are.
        ImportError: a package that it needs is not installed; the message has the line to run.
        FileNotFoundError, OSError: its data or trained weights are not there.

    Example:
        >>> get_testbed("digits").shape
        (64,)
    """
    if name not in _MAKERS:
        raise unknown("testbed", name, TESTBEDS)
    return _MAKERS[name]()
