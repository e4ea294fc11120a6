"""Fixtures of the ingest tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingest.stand_in import Platform, running


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A stand-in for the platform that runs for one test."""
    with running() as server:
        yield server
