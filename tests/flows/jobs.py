"""Jobs for tests of workers: `celery worker --include tests.flows.jobs`. They tell what happens to them in a file."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from celery import shared_task

logger = logging.getLogger(__name__)


class NotYet(Exception):
    """What the failing job waits for isn't there."""


def _tell(folder: Path, word: str) -> None:
    with (folder / "told").open("a") as told:
        told.write(f"{word} {os.getpid()}\n")


@shared_task(name="tests.linger")
def linger(folder: str) -> None:
    """Runs until there is a file "enough"."""
    place = Path(folder)
    _tell(place, "began")
    while not (place / "enough").exists():
        time.sleep(0.02)
    _tell(place, "ended")


@shared_task(name="tests.fail")
def fail(folder: str, organization_id: str | None = None) -> None:
    """Fails until there is a file "enough"."""
    logger.info("the job says something")
    if not (Path(folder) / "enough").exists():
        raise NotYet("sent to /verify-email/026160 in vain")
    _tell(Path(folder), "ended")
