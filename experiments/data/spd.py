"""Real symmetric positive definite matrices, from the SuiteSparse collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..names import unknown
from .registry import dataset
from .store import find

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SET, ENDING = "spd_matrices", ".mtx.gz"


def spd_names() -> list[str]:
    """The names of the matrices, sorted.

    Example:
        >>> spd_names()[:3]
        ['1138_bus', '494_bus', '662_bus']
    """
    return sorted(file.name.removesuffix(ENDING) for file in dataset(SET).files)


def spd_matrix(name: str) -> csr_array:
    """A matrix (n, n), whole and float64.

    Stiffness matrices (bcsstk*, nos3), power networks (*_bus), a nine-point Laplacian (gr_30_30),
    an acoustic bar (LFAT5). There is no public copy in this form to download: the collection
    itself packs them as archives. They are looked for as other data sets are.

    Raises:
        ValueError: no matrix has this name.
        FileNotFoundError, OSError: as :func:`~ritard.experiments.data.find`.
    """
    from ...solvers.linear.gallery import read_matrix

    if name not in spd_names():
        raise unknown("matrix", name, spd_names())
    return read_matrix(find(SET) / f"{name}{ENDING}")
