"""A filter of system calls: calls that submitted code does not need fail with EPERM.

The list names the calls with effects outside the process, on other processes, the network, modes and owners of files
(which Landlock does not cover), the machine's settings, and memory that no limit counts. A call that is newer than the
list fails with ENOSYS, as if the kernel did not have it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

__all__ = ["install"]

# The calls that always fail: name, number on x86_64, number on aarch64; "-" where there is no such call
_DENIED = """
socket 41 198, connect 42 203, accept 43 202, accept4 288 242, bind 49 200, listen 50 201, socketpair 53 199,
sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, sendmmsg 307 269, recvmmsg 299 243,
setsockopt 54 208, getsockopt 55 209,
fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, setsid 112 157, setpgid 109 154,
tkill 200 130, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240,
pidfd_send_signal 424 424, pidfd_open 434 434, pidfd_getfd 438 438,
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, kcmp 312 272, process_madvise 440 440,
process_mrelease 448 448, move_pages 279 239, migrate_pages 256 238, get_robust_list 274 100,
setpriority 141 140, ioprio_set 251 30, sched_setattr 314 274,
chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, chown 92 -, fchown 93 55, lchown 94 -,
fchownat 260 54, utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88,
setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16,
truncate 76 45, mknod 133 -, mknodat 259 33, memfd_create 319 279, memfd_secret 447 447,
setns 308 268, unshare 272 97, chroot 161 51, pivot_root 155 41, mount 165 40, umount2 166 39, move_mount 429 429,
open_tree 428 428, fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433, mount_setattr 442 442,
swapon 167 224, swapoff 168 225, reboot 169 142, sethostname 170 161, setdomainname 171 162, iopl 172 -,
ioperm 173 -, create_module 174 -, init_module 175 105, finit_module 313 273, delete_module 176 106,
get_kernel_syms 177 -, query_module 178 -, quotactl 179 60, quotactl_fd 443 443, nfsservctl 180 42,
kexec_load 246 104, kexec_file_load 320 294, acct 163 89, settimeofday 164 170, adjtimex 159 171,
clock_adjtime 305 266, clock_settime 227 112, syslog 103 116, uselib 134 -, personality 135 92, ustat 136 -,
sysfs 139 -, modify_ldt 154 -, vhangup 153 58, lookup_dcookie 212 18, _sysctl 156 -, vserver 236 -,
bpf 321 280, perf_event_open 298 241, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
userfaultfd 323 282, keyctl 250 219, add_key 248 217, request_key 249 218,
shmget 29 194, shmat 30 196, shmctl 31 195, shmdt 67 197, semget 64 190, semop 65 193, semctl 66 191,
semtimedop 220 192, msgget 68 186, msgsnd 69 189, msgrcv 70 188, msgctl 71 187,
mq_open 240 180, mq_unlink 241 181, mq_timedsend 242 182, mq_timedreceive 243 183, mq_notify 244 184,
mq_getsetattr 245 185, name_to_handle_at 303 264, open_by_handle_at 304 265, fanotify_init 300 262,
fanotify_mark 301 263, inotify_init 253 -, inotify_init1 294 26, inotify_add_watch 254 27, inotify_rm_watch 255 28,
setuid 105 146, setgid 106 144, setreuid 113 145, setregid 114 143, setresuid 117 147, setresgid 119 149,
setfsuid 122 151, setfsgid 123 152, setgroups 116 159, capset 126 91, seccomp 317 277, remap_file_pages 216 234,
sync 162 81, syncfs 306 267, statmount 457 457, listmount 458 458, lsm_set_self_attr 460 460
"""
# The calls whose arguments are checked, in the same notation
_WATCHED = """
clone 56 220, kill 62 129, tgkill 234 131, prlimit64 302 261, sched_setaffinity 203 122, sched_setscheduler 144 119,
sched_setparam 142 118, fcntl 72 25, ioctl 16 29, open 2 -, openat 257 56, clone3 435 435, openat2 437 437
"""
_NEWEST = 462  # mseal, the newest call when the list was made

_MACHINES = {"x86_64": (1, 0xC000003E), "aarch64": (2, 0xC00000B7)}  # column of the list, AUDIT_ARCH_... of the kernel
_KILL, _ALLOW, _ERROR = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06

_THREAD = 0x10000  # CLONE_THREAD
_NAMESPACES = 0x7E020000  # CLONE_NEW*
# Commands of fcntl: F_SETOWN, F_SETSIG, F_SETOWN_EX and F_NOTIFY send signals to other processes through a file, and
# F_SETLEASE makes other processes wait when they open a file
_FCNTL_REFUSED = (8, 10, 15, 1026, 1024)
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # allowed: is it a terminal, its size, bytes to read, flags
_ACCESS, _TRUNCATE = 0x3, 0x200  # flags of open: the access mode, and O_TRUNC

Step = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def install() -> None:
    """Filter the system calls of this process and its later threads. It must have one thread and no_new_privs.

    Raise NotImplementedError on a machine whose call numbers are not in the list, OSError if the kernel refuses.
    """
    steps = program(platform.machine(), os.getpid())
    packed = b"".join(
        code.to_bytes(2, "little") + bytes((yes, no)) + constant.to_bytes(4, "little")
        for code, yes, no, constant in steps
    )

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    number = _numbers(_DENIED, platform.machine())["seccomp"]
    library = ctypes.CDLL(None, use_errno=True)
    spec_allow = 4  # SECCOMP_FILTER_FLAG_SPEC_ALLOW: without it, older kernels slow down the whole process
    if library.syscall(number, 1, spec_allow, ctypes.byref(Program(len(steps), packed))):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def program(machine: str, pid: int) -> list[Step]:
    """Return the filter for this kind of machine and the process with this ID."""
    if machine not in _MACHINES:
        raise NotImplementedError(f"the filter of system calls knows {' and '.join(_MACHINES)}; this is {machine}")
    denied, watched = _numbers(_DENIED, machine), _numbers(_WATCHED, machine)
    refuse, missing = _error(errno.EPERM), _error(errno.ENOSYS)
    steps: list[Step] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _MACHINES[machine][1]), (_RETURN, 0, 0, _KILL)]
    steps += [(_LOAD, 0, 0, 0), (_GREATER, 0, 1, _NEWEST), missing]
    for number in denied.values():
        steps += _if_equal(number, [refuse])
    rules = {
        "clone": [_argument(0), (_ANY_BIT, 0, 1, _NAMESPACES), refuse, (_ANY_BIT, 1, 0, _THREAD), refuse],
        "clone3": [missing],  # a filter cannot see its flags, which are in memory; libraries then use clone
        "openat2": [missing],
        "kill": _allow_only(0, (pid,)),
        "tgkill": _allow_only(0, (pid,)),
        **{name: _allow_only(0, (0, pid)) for name in ("prlimit64", "sched_setaffinity")},
        **{name: _allow_only(0, (0, pid)) for name in ("sched_setscheduler", "sched_setparam")},
        "ioctl": _allow_only(1, _IOCTLS),
        "fcntl": [_argument(1), *(step for value in _FCNTL_REFUSED for step in _if_equal(value, [refuse]))],
        "open": _no_read_only_truncation(1),
        "openat": _no_read_only_truncation(2),
    }
    for name, number in watched.items():
        steps += _if_equal(number, [*rules[name], (_RETURN, 0, 0, _ALLOW)])
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _numbers(table: str, machine: str) -> dict[str, int]:
    column = _MACHINES[machine][0]
    rows = [row.split() for row in table.replace("\n", " ").split(",")]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def _error(number: int) -> Step:
    return _RETURN, 0, 0, _ERROR | number


def _argument(index: int) -> Step:
    """Load the lower half of an argument: for the kernel, process IDs, commands and flags have 32 bits."""
    return _LOAD, 0, 0, 16 + 8 * index


def _if_equal(value: int, then: list[Step]) -> list[Step]:
    return [(_EQUAL, 0, len(then), value), *then]


def _allow_only(index: int, values: tuple[int, ...]) -> list[Step]:
    """Refuse the call unless the argument with this index is one of `values`."""
    allowed: list[Step] = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_argument(index), *allowed, _error(errno.EPERM)]


def _no_read_only_truncation(index: int) -> list[Step]:
    """Refuse to open a file with O_TRUNC in a read-only mode: before ABI 3, Landlock allows this truncation."""
    refuse = _error(errno.EPERM)
    return [
        _argument(index),
        (_AND, 0, 0, _ACCESS | _TRUNCATE),
        *_if_equal(_TRUNCATE, [refuse]),
        *_if_equal(_TRUNCATE | _ACCESS, [refuse]),
    ]
