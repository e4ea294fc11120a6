"""Examples of real devices: in a folder beside the checkout, where it exists, and not part of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "data"


def files(pattern: str) -> list[Path]:
    """Files of the folder that match. Skips the test where the folder is absent."""
    found = sorted(FOLDER.glob(pattern))
    if not found:
        pytest.skip(f"The collected payloads ({pattern}) aren't beside this checkout; the project's own fixtures are.")
    return found


def lines(name: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON lines file."""
    for path in files(name):
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                yield json.loads(line)
