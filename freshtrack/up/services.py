"""The processes of FreshTrack on one machine, and the commands that start them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# What only set-up needs: a process that answers strangers has no business with the owner's login.
SETUP_ONLY = ("MIGRATION_DATABASE_URL",)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process: its name for people, the stem of its log, its command, and what it logs when it is ready."""

    name: str
    log: str
    command: tuple[str, ...]
    ready_words: str = ""


def web(port: int) -> Service:
    return Service(
        name="The web server",
        log="web",
        command=(
            *(sys.executable, "-m", "freshtrack.up.daphne", "-b", "127.0.0.1", "-p", str(port)),
            *("-v", "0"),  # no line for each request: links from e-mails end with a secret
            "freshtrack.asgi:application",
        ),
    )


QUEUES = ("urgent", "default", "bulk")


def worker(*queues: str, log: str = "worker", name: str = "The worker", concurrency: int = 2) -> Service:
    """A worker of these queues; without any, of all three."""
    # Alone on its broker: nobody to synchronise with, and each of the two costs seconds at the start.
    alone = ("--without-mingle", "--without-gossip")
    return Service(
        name=name,
        log=log,
        command=(
            *(sys.executable, "-m", "celery", "-A", "freshtrack", "worker", "--hostname", f"{log}@%h"),
            *("--loglevel", "INFO", "--concurrency", str(concurrency), "--queues", ",".join(queues or QUEUES), *alone),
        ),
        ready_words=" ready.",
    )


def workers() -> tuple[Service, ...]:
    """Two are enough on a developer's machine: what wakes a person waits for nothing else."""
    return (
        worker("urgent", log="worker-urgent", name="The urgent worker", concurrency=1),
        worker("default", "bulk"),
    )


def beat() -> Service:
    return Service(
        name="The scheduler (beat)",
        log="beat",
        # No pid file: it would be left by a kill, and two copies would share it.
        command=(sys.executable, "-m", "celery", "-A", "freshtrack", "beat", "--loglevel", "INFO", "--pidfile="),
        ready_words="beat: Starting",
    )


def simulator() -> Service:
    return Service(name="The simulated gateways", log="simulator", command=(sys.executable, "manage.py", "simulate"))


def environment_of_services(environment: Mapping[str, str]) -> dict[str, str]:
    """What running processes see of the environment that set-up has."""
    kept = {name: value for name, value in environment.items() if name not in SETUP_ONLY}
    # Logs are read while they are written, and a process that hangs says where.
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
