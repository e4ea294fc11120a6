"""What the machine is, what it was doing already, and who used its processors meanwhile. Reads /proc: Linux only."""

import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.figures import percentile

TICKS = os.sysconf("SC_CLK_TCK")
# Before we add to it: read when this module is imported.
LOAD_BEFORE = os.getloadavg()[0]
LIBRARIES = ("Django", "daphne", "uvicorn", "uvloop", "psycopg", "msgspec", "channels-redis", "djangorestframework")


def facts(home: Path, *, promises: dict[str, str], postgres: str) -> dict[str, Any]:
    """What a reader needs to compare these numbers with others."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _first("/proc/cpuinfo", "model name"),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "kernel": platform.release(),
        "load_before": round(LOAD_BEFORE, 2),
        "fdatasync_ms": round(_fdatasync_seconds(home) * 1000, 2),
        "python": platform.python_version(),
        "postgres": {"version": postgres, **promises},
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of all that it started, dead ones included."""
    parents: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(folder)
        if fields is not None:
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
            used[int(folder.name)] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
    total, waiting = 0.0, [pid]
    while waiting:
        process = waiting.pop()
        total += used.get(process, 0.0)
        waiting += parents.get(process, [])
    return total


def memory_mb(pid: int) -> float:
    """What a process holds in memory now (its resident set)."""
    return int(_first(f"/proc/{pid}/status", "VmRSS").split()[0]) / 1024


def memory_of_family_mb(pid: int) -> float:
    """What a process and its children hold in memory now; pages that they share are counted for each."""
    family = [pid]
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(folder)
        if fields is not None and int(fields[1]) == pid:
            family.append(int(folder.name))
    return sum(memory_mb(member) for member in family)


def load_average() -> float:
    """Of the last minute. Ours is in it."""
    return round(os.getloadavg()[0], 2)


def busy_seconds() -> float:
    """Processor time of everybody since the machine started, waiting for disks not counted."""
    user, nice, system, _idle, _waiting, irq, soft_irq, stolen = Path("/proc/stat").read_text().split()[1:9]
    return sum(int(ticks) for ticks in (user, nice, system, irq, soft_irq, stolen)) / TICKS


def yardstick_ms() -> float:
    """A fixed piece of Python. A machine that is shared runs it at another speed from one minute to the next."""
    samples = []
    for _ in range(5):
        began = perf_counter()
        sum(number * number for number in range(200_000))
        samples.append(perf_counter() - began)
    return round(percentile(samples, 0.5) * 1000, 1)


def parent_of(pid: int) -> int:
    """The process that started this one."""
    fields = _stat(Path("/proc") / str(pid))
    assert fields is not None
    return int(fields[1])


def _stat(folder: Path) -> list[str] | None:
    """The fields after the name (which may hold spaces): state, parent, …, user, system, and children's of both."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # it has ended


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"


def _fdatasync_seconds(home: Path) -> float:
    """What one durable write of a page costs on this disk: no commit can be quicker."""
    samples = []
    with tempfile.TemporaryFile(dir=home) as file:
        os.write(file.fileno(), bytes(8192))
        for _ in range(100):
            os.pwrite(file.fileno(), bytes(8192), 0)
            began = perf_counter()
            os.fdatasync(file.fileno())
            samples.append(perf_counter() - began)
    return percentile(samples, 0.5)
