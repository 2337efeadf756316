"""What the reading process gives up before it takes a file from a stranger. On Linux the kernel holds it to that."""

import ctypes
import errno
import platform
import resource
import signal
import struct
import sys
from typing import NamedTuple

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_FILTER_MODE = 2
_ALLOW, _KILL, _FORBID = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_LOAD, _EQUALS, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4  # bytes, in what the kernel shows of a call
_SECOND_AT, _THIRD_AT = 24, 32  # its arguments
_FOREIGN = 0x40000000  # calls in another way of counting begin here
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000  # flags of opening: to write, to read and write, to create, to empty


class _Calls(NamedTuple):
    """The numbers of system calls on one kind of machine."""

    machine: int
    denied: tuple[int, ...]
    opening: tuple[tuple[int, int], ...]  # allowed without _WRITES; with the place of the flags


# In this order: socket, socketpair, connect, bind, listen, sendto, sendmsg, io_uring_setup; execve, execveat, (fork,
# vfork); ptrace, process_vm_readv, process_vm_writev, pidfd_open, kill; (unlink), unlinkat, (rename), renameat,
# renameat2, mkdirat, truncate, (chmod), fchmodat, (creat), openat2.
_CALLS = {
    "x86_64": _Calls(
        0xC000003E,
        (
            *(41, 53, 42, 49, 50, 44, 46, 425, 59, 322, 57, 58, 101, 310, 311, 434, 62),
            *(87, 263, 82, 264, 316, 258, 76, 90, 268, 85, 437),
        ),
        ((2, _SECOND_AT), (257, _THIRD_AT)),
    ),
    "aarch64": _Calls(
        0xC00000B7,
        (*(198, 199, 203, 200, 201, 206, 211, 425, 221, 281, 117, 270, 271, 434, 129), *(35, 38, 276, 34, 45, 53, 437)),
        ((56, _THIRD_AT),),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def follow_parent() -> None:
    """End when the bot ends, however it ends."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit(memory: int) -> None:
    """No more address space than that, no core dumps, no files written, few opened."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def shut() -> None:
    """No network, no other programs, no writing, no hand on other processes: neither from Python nor from a library."""
    sys.addaudithook(_refuse)
    calls = _CALLS.get(platform.machine())
    if sys.platform != "linux" or calls is None:
        return
    steps = _filter(calls)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0:
        _prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program))


def _filter(calls: _Calls) -> list[tuple[int, int, int, int]]:
    """What the kernel does at each call: an operation, how far to jump if it holds and if not, and its value."""
    forbid, allow = (_RETURN, 0, 0, _FORBID), (_RETURN, 0, 0, _ALLOW)
    steps = [(_LOAD, 0, 0, _MACHINE_AT), (_EQUALS, 1, 0, calls.machine), (_RETURN, 0, 0, _KILL)]
    steps += [(_LOAD, 0, 0, _NUMBER_AT), (_AT_LEAST, 0, 1, _FOREIGN), forbid]
    for number in calls.denied:
        steps += [(_EQUALS, 0, 1, number), forbid]
    for number, flags_at in calls.opening:
        steps += [(_EQUALS, 0, 4, number), (_LOAD, 0, 0, flags_at), (_HAS_BIT, 0, 1, _WRITES), forbid, allow]
    return [*steps, allow]


def _prctl(option: int, *values: object) -> int:
    given = [*values, 0, 0, 0][:4]
    plain = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in given]
    return int(ctypes.CDLL(None).prctl(option, *plain))


def _refuse(event: str, _: object) -> None:
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn")):
        raise PermissionError(errno.EPERM, "the reading process may not do that")
