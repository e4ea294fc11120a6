"""Become another program that ends when its parent does, perhaps as another user.

Runs as a script before the server: `launcher.py SIGNAL PARENT UID GID CAPABILITY program argument...` (-1: none).
A program of its own rather than a function between fork and exec, because there a process with threads may deadlock.
Imports nothing but the standard library, so that it starts in a few milliseconds.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522


def die_with_parent(sign: int) -> None:
    """Ask the kernel to send this process `sign` when the thread that started it ends. Linux only; else nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sign, 0, 0, 0)


def become(uid: int, gid: int, capability: int) -> None:
    """Change to another account. At most one of root's capabilities stays, for the program that comes next as well."""
    libc = ctypes.CDLL(None, use_errno=True)
    # The change of user must not take the capability away, neither from us nor from access(2), with which PostgreSQL
    # looks for its own files.
    if capability >= 0 and libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refused to keep capabilities")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability < 0:
        return
    bits = 1 << capability
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable; first for the low, then for the high 32 capabilities
    sets = (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)
    if libc.capset(header, sets) or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refused capability", str(capability))


def main() -> None:
    sign, parent, uid, gid, capability = (int(word) for word in sys.argv[1:6])
    program = sys.argv[6:]
    try:
        if uid >= 0:
            become(uid, gid, capability)
        # After the change of account, which clears it.
        die_with_parent(sign)
        if os.getppid() != parent:
            # Our parent died before the line above: nobody would ever send the signal.
            sys.exit(1)
        os.execv(program[0], program)  # noqa: S606 (that is the purpose)
    except OSError as error:
        sys.exit(f"launcher: error: {program[0]} can't be started: {error}")


if __name__ == "__main__":
    main()
