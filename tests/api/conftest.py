"""Nobody asks as fast as these tests."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def unlimited(settings: Any) -> None:
    rates = {scope: "1000000/min" for scope in settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
