"""What holds for every test."""

from __future__ import annotations

import os
from typing import Any

from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

# A busy machine is no failure: properties are about values, the bench is about time.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def _empty_what_was_written(self: Any) -> None:
    """After a test that commits: as Django does, in a tenth of the time (EMPTY in tests/template.py)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tests.empty()")


# Servers that the environment names have no such function: there Django empties the tables.
if os.environ.get("TEST_DB_TEMPLATE"):
    TransactionTestCase._fixture_teardown = _empty_what_was_written
