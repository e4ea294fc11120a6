"""Reading the output of set-up jobs: how far they are, and why one failed."""

import re
from pathlib import Path

APPLYING = re.compile(r"^ +Applying (\S+)\.\.\.", re.MULTILINE)


def migration_progress(output: str) -> str:
    """How far freshtrack.up.migrations is, from its output so far: `37 of 212, djstripe.0002_2_10`."""
    planned = re.match(r"plan (\d+)", output)
    applying = APPLYING.findall(output)
    if planned is None or not applying:
        return "comparing"
    return f"{len(applying)} of {planned[1]}, {applying[-1]}"


def read_from(path: Path, start: int) -> str:
    """What was written to a log since it had the size `start`."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def last_lines(text: str, count: int = 12) -> str:
    """The end of an output, indented, for a message about what failed."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line[:300]}" for line in lines[-count:])
