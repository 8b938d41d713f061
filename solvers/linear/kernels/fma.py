"""One rounding for a product and a sum, asked for by name.

Left to itself, numba rounds twice, and ``fastmath`` would let each loop round as it likes: the
iteration counts of two kernels, or of two machines, could then differ. Named, the fused operation
is as fast as with ``fastmath`` and every count is reproducible.
"""
# pyright: basic, reportMissingTypeStubs=false
# numba ships no annotations.

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def fma(typingctx, a, b, c):
    """A b + c, rounded once; of float64 numbers, or of ``vectors.Vector``."""
    del typingctx, b, c
    kind = types.float64 if isinstance(a, types.Number) else a

    def codegen(context, builder, signature, args):
        value = args[0].type
        name = "llvm.fma.f64" if kind == types.float64 else f"llvm.fma.v{value.count}f64"
        function = ir.FunctionType(value, [value] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return kind(kind, kind, kind), codegen
