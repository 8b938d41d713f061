"""Real data sets: found in ``RITARD_DATA``, in the cache, or downloaded; always checked."""

from .cifar import cifar10
from .idx import images
from .libsvm import libsvm
from .registry import DataSet, File, dataset, names
from .shakespeare import tinyshakespeare
from .spd import spd_matrix, spd_names
from .store import ChecksumError, fetch, find, locate

__all__ = [
    "ChecksumError",
    "DataSet",
    "File",
    "cifar10",
    "dataset",
    "fetch",
    "find",
    "images",
    "libsvm",
    "locate",
    "names",
    "spd_matrix",
    "spd_names",
    "tinyshakespeare",
]
