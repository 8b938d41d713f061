"""Linear relaxation: SOR, SSOR and SSOR-CG, and what is known of their omega.

Importing is light: the compiled loops (numba, ``pip install "ritard[solvers]"``) are loaded at the
first solve, and without numba SuperLU's triangles take their place.
"""

from .adaptive import Adaptive
from .counts import count_sor
from .preconditioner import ssor_preconditioner
from .scipy_style import sor, ssor, ssor_cg
from .solution import Solution
from .solve import solve
from .splitting import Splitting
from .stencil import Stencil
from .theory import convergence_rate, jacobi_radius, optimal_omega, optimal_omega_cg

__all__ = [
    "Adaptive",
    "Solution",
    "Splitting",
    "Stencil",
    "convergence_rate",
    "count_sor",
    "jacobi_radius",
    "optimal_omega",
    "optimal_omega_cg",
    "solve",
    "sor",
    "ssor",
    "ssor_cg",
    "ssor_preconditioner",
]
