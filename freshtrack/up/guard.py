"""Kill what a killed supervisor leaves behind, grandchildren included.

Runs as a script beside the supervisor and reads process groups from its standard input: `+GROUP` and `-GROUP`, one a
line. The end of the input means that the supervisor is gone, however it went; the groups that it still had are killed.
(Each child dies with the supervisor anyway; this is for the processes that a child started, such as Celery's pool.)
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
