"""Eight float64 numbers as one value of compiled code, for loops that numba does not vectorise.

``load`` and ``store`` move them between registers and the rows of an (n, 8) array; ``fma``, ``-``
and ``*`` work on all eight at once.
"""
# pyright: basic, reportMissingTypeStubs=false
# numba ships no annotations.

from __future__ import annotations

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

LANES = 8


class Vector(types.Type):
    """The type of eight float64 numbers."""

    def __init__(self):
        super().__init__(name="float64x8")


vector = Vector()


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(ir.DoubleType(), LANES))


@intrinsic
def load(typingctx, rows, p):
    """Row p of a C-contiguous float64 array of shape (n, 8)."""
    del typingctx

    def codegen(context, builder, signature, args):
        return builder.load(_address(context, builder, signature, args), align=8)

    return vector(rows, p), codegen


@intrinsic
def store(typingctx, rows, p, value):
    """Write row p."""
    del typingctx

    def codegen(context, builder, signature, args):
        builder.store(args[2], _address(context, builder, signature, args), align=8)
        return context.get_dummy_value()

    return types.void(rows, p, value), codegen


def _address(context, builder, signature, args):
    """The place of row p, as a pointer to a vector."""
    rows = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
    offset = builder.mul(args[1], ir.Constant(args[1].type, LANES))
    kind = ir.VectorType(ir.DoubleType(), LANES)
    return builder.bitcast(builder.gep(rows.data, [offset]), kind.as_pointer())


def _register(operation, instruction, arity):
    @intrinsic
    def one(typingctx, a):
        return vector(vector), lambda context, builder, signature, args: builder.fneg(args[0])

    @intrinsic
    def two(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return getattr(builder, instruction)(*args)

        return vector(vector, vector), codegen

    if arity == 1:
        overload(operation)(lambda a: (lambda a: one(a)) if a is vector else None)
    else:
        overload(operation)(lambda a, b: (lambda a, b: two(a, b)) if a is vector else None)


_register(operator.neg, "fneg", 1)
_register(operator.sub, "fsub", 2)
_register(operator.mul, "fmul", 2)
