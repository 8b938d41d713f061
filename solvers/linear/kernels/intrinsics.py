# type: ignore  # Compiled by numba, which ships no annotations.
"""What numba does not offer by itself: a fused product and sum, a promise, eight numbers at once.

Left to itself, numba rounds a product and a sum twice, and ``fastmath`` would let each loop round
as it likes: the iteration counts of two kernels, or of two machines, could then differ. Asked for
by name, the fused operation is as fast and every count is reproducible.

A ``Vector`` holds eight float64 numbers in a register: one of each lane, row p of an (n, 8) array.
``get`` and ``put`` read and write numbers of an (n,) array and Vectors of an (n, 8) array alike, so
that one source serves one solve and eight.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
KIND = ir.VectorType(ir.DoubleType(), LANES)


class Vector(types.Type):
    """The type of eight float64 numbers."""

    def __init__(self):
        super().__init__(name="float64x8")


vector = Vector()


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, KIND)


@intrinsic
def assume(typingctx, condition):
    """Promise the compiler what it cannot see (that a position is not negative)."""
    del typingctx

    def codegen(context, builder, signature, args):
        del signature
        builder.assume(args[0])
        return context.get_dummy_value()

    return types.void(condition), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """A b + c, rounded once; of numbers or Vectors, mixed as need be."""
    del typingctx
    kind = vector if vector in (a, b, c) else types.float64

    def codegen(context, builder, signature, args):
        pairs = zip(signature.args, args, strict=True)
        args = [_spread(context, builder, *pair, kind) for pair in pairs]
        name = "llvm.fma.f64" if kind == types.float64 else f"llvm.fma.v{LANES}f64"
        function = ir.FunctionType(args[0].type, [args[0].type] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return kind(a, b, c), codegen


@intrinsic
def load(typingctx, rows, p):
    """Numbers 8 p to 8 p + 7 of a C-contiguous array of float64: row p if it is (n, 8)."""
    del typingctx

    def codegen(context, builder, signature, args):
        return builder.load(_address(context, builder, signature, args), align=8)

    return vector(rows, p), codegen


@intrinsic
def store(typingctx, rows, p, value):
    """Write what ``load`` reads."""
    del typingctx

    def codegen(context, builder, signature, args):
        builder.store(args[2], _address(context, builder, signature, args), align=8)
        return context.get_dummy_value()

    return types.void(rows, p, value), codegen


@intrinsic
def splat(typingctx, value):
    """Eight times the same number."""
    del typingctx

    def codegen(context, builder, signature, args):
        return _spread(context, builder, signature.args[0], args[0], vector)

    return vector(value), codegen


@intrinsic
def total(typingctx, value):
    """The sum of a Vector's numbers, from the first to the last."""
    del typingctx

    def codegen(context, builder, signature, args):
        del context, signature
        lanes = [builder.extract_element(args[0], ir.IntType(32)(k)) for k in range(LANES)]
        result = lanes[0]
        for lane in lanes[1:]:
            result = builder.fadd(result, lane)
        return result

    return types.float64(value), codegen


def compiled_only(declared: Callable[..., Any]) -> Callable[..., Any]:
    """A name that loops may use; numba's ``overload`` says what it does for which types.

    Raises:
        TypeError: at a call from Python, which has no answer.
    """

    @wraps(declared)
    def refuse(*args: Any) -> Any:
        raise TypeError(
            f"{declared.__name__}: called from Python; it exists in compiled code alone"
        )

    return refuse


@compiled_only
def get(x, p) -> Any:
    """The number x[p], or of an (n, 8) array the Vector x[p]."""


@compiled_only
def put(x, p, value) -> Any:
    """Write what ``get`` reads."""


@compiled_only
def nought(x) -> Any:
    """Zero of the kind that ``get(x, p)`` gives."""


@overload(get)
def _get(x, p):
    return (lambda x, p: load(x, p)) if x.ndim == 2 else lambda x, p: x[p]


@overload(put)
def _put(x, p, value):
    def number(x, p, value):
        x[p] = value

    return (lambda x, p, value: store(x, p, value)) if x.ndim == 2 else number


@overload(nought)
def _nought(x):
    return (lambda x: splat(0.0)) if x.ndim == 2 else lambda x: 0.0


def _spread(context, builder, kind, value, wanted):
    """A number as float64 or as a Vector; a Vector as it is."""
    if kind is vector or kind == vector:
        return value
    number = context.cast(builder, value, kind, types.float64)
    if wanted is not vector:
        return number
    one = builder.insert_element(ir.Constant(KIND, ir.Undefined), number, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(KIND, ir.Undefined), mask)


def _address(context, builder, signature, args):
    """The place of row p, as a pointer to a vector."""
    rows = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
    offset = builder.mul(args[1], ir.Constant(args[1].type, LANES))
    return builder.bitcast(builder.gep(rows.data, [offset]), KIND.as_pointer())


def _register(operation, instruction):
    """Let an operator take two Vectors, or a Vector and a number."""

    @intrinsic
    def apply(typingctx, a, b):
        del typingctx

        def codegen(context, builder, signature, args):
            pairs = zip(signature.args, args, strict=True)
            args = [_spread(context, builder, *pair, vector) for pair in pairs]
            return getattr(builder, instruction)(*args)

        return vector(a, b), codegen

    def choose(a, b):
        return (lambda a, b: apply(a, b)) if vector in (a, b) else None

    overload(operation)(choose)


@intrinsic
def _negative(typingctx, a):
    del typingctx
    return vector(a), lambda context, builder, signature, args: builder.fneg(args[0])


@overload(operator.neg)
def _neg(a):
    return (lambda a: _negative(a)) if a == vector else None


_register(operator.add, "fadd")
_register(operator.sub, "fsub")
_register(operator.mul, "fmul")
