"""`python -m stack.unprivileged PROGRAM ARGUMENT…`: become PROGRAM as anybody but root.

PostgreSQL refuses to run as root. A user of its own would not do: it could not enter a checkout in root's home. So root
calls PROGRAM in a user namespace in which it goes by another number, or, where the kernel refuses that (in many
containers), as `nobody` with the right to pass by file permissions. Whoever is not root runs it as it is.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from pathlib import Path

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


def can_unshare() -> bool:
    """Return whether the kernel lets this user make a user namespace; tried out in a child process."""
    child = os.fork()
    if child == 0:
        os._exit(0 if _enter_namespace() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def owner() -> int | None:
    """Return the user id that must own PostgreSQL's files, or None where they may stay whose they are."""
    if os.geteuid() != 0:
        return None
    # Asked of a fresh process: one with threads, as a caller of ours may be, is refused every user namespace.
    probe = subprocess.run([sys.executable, "-m", "stack.unprivileged"], check=False)
    return None if probe.returncode == 0 else NOBODY


def main() -> None:
    """Replace this process by the program that the arguments name; with none, say by the status if it may."""
    command = sys.argv[1:]
    if not command:
        sys.exit(not can_unshare())
    if os.geteuid() == 0:
        if can_unshare():
            _enter_namespace()
        else:
            _become_nobody()
    os.execvp(command[0], command)  # noqa: S606 - no shell is what is wanted


def _enter_namespace() -> bool:
    uid, gid = os.geteuid(), os.getegid()
    if _libc().unshare(_CLONE_NEWUSER) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")
    except OSError:
        return False
    return os.geteuid() == 1000


def _become_nobody() -> None:
    libc = _libc()
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    mask = 1 << _CAP_DAC_OVERRIDE
    data = struct.pack("6I", mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable; low words, then high
    if (
        libc.capset(header, data) != 0
        or libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0) != 0
    ):
        sys.exit("PostgreSQL cannot be run by root here: call this as an ordinary user.")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main()
