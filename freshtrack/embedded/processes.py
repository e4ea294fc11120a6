"""Start servers that die with us, under an account that may run them."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freshtrack.embedded import launcher

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8

# PostgreSQL and Redis append to their logs for ever; a demo machine has no log rotation.
LOG_KEPT_BYTES = 10 * 1024 * 1024


class EmbeddedError(Exception):
    """The embedded servers can't be had. The message is one sentence for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user that a server runs as, because PostgreSQL refuses to run as root.

    `capability` is the one that lets the account pass through folders which only root may enter (a checkout below
    /root, a temporary folder made by root); None where it isn't needed.
    """

    uid: int
    gid: int
    capability: int | None = None


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: int = signal.SIGKILL,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str | Path = "/",
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, with its output appended to `log`, so that it can't outlive us.

    Call it from the main thread: the kernel sends `death_signal` when the calling *thread* ends.
    """
    # -I and -S: neither the environment nor the folder decides what the launcher imports.
    prefix = [sys.executable, "-I", "-S", launcher.__file__, int(death_signal), os.getpid()]
    prefix += (
        [account.uid, account.gid, -1 if account.capability is None else account.capability] if account else [-1] * 3
    )
    with open_log(log) as output:
        return subprocess.Popen(  # noqa: S603 (commands are ours)
            [str(part) for part in (*prefix, *command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], *signals: tuple[int, float]) -> None:
    """Send each signal in turn, waiting the given seconds after each, until the process has ended; SIGKILL is last."""
    for sign, seconds in (*signals, (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            return
        process.send_signal(sign)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def open_log(path: Path) -> Any:
    """Open a log file for appending, putting a big one aside first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_KEPT_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        return path.open("ab")
    except OSError as error:
        raise EmbeddedError(f"The log {path} can't be written: {error.strerror}.") from error


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask again and again until `condition` holds (True) or the time is over (False)."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def server_account(*, data: Path, must_reach: Iterable[Path]) -> Account | None:
    """Who runs the servers: ourselves (None), or another account when we are root.

    Data that already belongs to an ordinary user stays theirs, so that they can start it again without root.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and this machine has no account 'nobody': "
            "start FreshTrack as an ordinary user."
        ) from error
    blocked = [path for path in must_reach if not _may_reach(path, uid=entry.pw_uid, gid=entry.pw_gid)]
    capability = _passing_capability(blocked[0], entry.pw_name) if blocked else None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, capability=capability)


def _may_reach(path: Path, *, uid: int, gid: int) -> bool:
    for folder in (path, *path.parents):
        try:
            status = folder.stat()
        except FileNotFoundError:
            continue
        needed = stat.S_IXOTH
        if status.st_uid == uid:
            needed = stat.S_IXUSR
        elif status.st_gid == gid:
            needed = stat.S_IXGRP
        if folder.is_dir() and not status.st_mode & needed:
            return False
    return True


def _passing_capability(path: Path, name: str) -> int:
    """The least power that opens root's folders to the account: to search and read, else (containers) to override."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    ours = next((int(line.split()[1], 16) for line in lines if line.startswith("CapPrm:")), 0)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        # CAP_SETPCAP is what the launcher needs to keep one of the others.
        if ours & (1 << capability) and ours & (1 << CAP_SETPCAP):
            return capability
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the account '{name}' that runs it instead can't enter {path}: "
        "start FreshTrack as an ordinary user, or move the checkout to a folder that everybody may enter."
    )
