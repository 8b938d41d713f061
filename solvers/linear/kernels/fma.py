"""One rounding for a product and a sum, asked for by name.

Left to itself, numba rounds twice, and ``fastmath`` would let each loop round as it likes: the
iteration counts of two kernels, or of two machines, could then differ. Named, the fused operation
is as fast as with ``fastmath`` and every count is reproducible.
"""
# pyright: basic, reportMissingTypeStubs=false
# numba ships no annotations.

from __future__ import annotations

from numba.core import types
from numba.extending import intrinsic


@intrinsic
def fma(typingctx, a, b, c):
    """A b + c of float64, rounded once."""
    del typingctx, a, b, c

    def codegen(context, builder, signature, args):
        del context, signature
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen
