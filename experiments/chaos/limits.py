"""What is taken away from a process before its command begins."""

from __future__ import annotations

import ctypes
import os
import resource

_DAC_OVERRIDE = 1
_DROP_FROM_BOUND, _VERSION = 24, 0x20080522


def nothing() -> None:
    """Take nothing away."""


def small_files(size: int) -> None:
    """Let no file grow beyond a size: as on a full disk, a write fails in its middle.

    The error is EFBIG where a full disk gives ENOSPC.
    """
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def obedience() -> None:
    """Let permissions hold for root as well, which may write to read-only folders otherwise."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        header = (ctypes.c_uint32 * 2)(_VERSION, 0)
        # Effective, permitted, inheritable: twice, for the lower and the upper 32 capabilities.
        held = (ctypes.c_uint32 * 6)()
        _call(libc.capget(header, held))
        for i in range(3):
            held[i] &= ~(1 << _DAC_OVERRIDE)
        # Of a new program root would get it back from here.
        _call(libc.prctl(_DROP_FROM_BOUND, _DAC_OVERRIDE, 0, 0, 0))
        _call(libc.capset(header, held))


def _call(failed: int) -> None:
    if failed:
        raise OSError(ctypes.get_errno(), "capabilities cannot be changed")
