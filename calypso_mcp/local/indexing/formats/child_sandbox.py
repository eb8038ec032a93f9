"""Takes the network from the reading child, and bounds its memory and time."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

#: Linux: `prctl` and seccomp (linux/prctl.h, linux/seccomp.h, linux/filter.h).
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000 | 13  # with EACCES
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_OFFSET, _MACHINE_OFFSET = 0, 4
#: The numbers of the machine and of its `socket` call, by name of the machine.
_SOCKET_CALLS = {"x86_64": (0xC000_003E, 41), "aarch64": (0xC000_00B7, 198)}
#: On every machine: `io_uring_setup`, because rings open sockets, too, and `pidfd_getfd`, which takes them
#: from another process.
_RING_CALL, _TAKING_CALL = 425, 438
#: From here on x86_64 numbers the same calls once more (x32).
_SECOND_NUMBERS = 0x4000_0000
_NEW_USER, _NEW_NETWORK = 0x1000_0000, 0x4000_0000


def give_up_network() -> bool:
    """Take the network away from this process, for good; call before it starts threads.

    Linux only: a filter refuses new sockets; where the kernel takes no filter, the process moves into a
    network namespace of its own, which holds nothing. Returns whether either worked; reading goes on without.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if _refuse_sockets(libc):
        return True
    return any(libc.unshare(flags) == 0 for flags in (_NEW_NETWORK, _NEW_USER | _NEW_NETWORK))


def _refuse_sockets(libc: ctypes.CDLL) -> bool:
    known = _SOCKET_CALLS.get(platform.machine())
    if known is None:
        return False
    machine, socket_call = known
    # (operation, jump if true, jump if false, operand); a jump counts from the next one.
    steps = (
        (_LOAD_WORD, 0, 0, _MACHINE_OFFSET),
        (_JUMP_IF_EQUAL, 0, 6, machine),
        (_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        (_JUMP_IF_AT_LEAST, 4, 0, _SECOND_NUMBERS),
        (_JUMP_IF_EQUAL, 3, 0, socket_call),
        (_JUMP_IF_EQUAL, 2, 0, _RING_CALL),
        (_JUMP_IF_EQUAL, 1, 0, _TAKING_CALL),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    return (
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        and libc.prctl(_SET_SECCOMP, _FILTER_MODE, program, 0, 0) == 0
    )


def set_limits(memory_bytes: int, cpu_s: int) -> None:
    """Bound the address space of this process, and its processor time from now on, where the system can."""
    try:
        import resource
    except ImportError:
        return  # Windows: the parent's wall clock is the limit there
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    wanted = (
        ("RLIMIT_AS", memory_bytes),
        ("RLIMIT_CPU", spent + cpu_s),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    )
    for name, most in wanted:
        kind: int | None = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):
            continue  # macOS refuses some of them


def lower_priority() -> None:
    """Let other processes go first."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, 10)
