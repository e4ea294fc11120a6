"""The demonstration is made once and completed ever after, whatever visitors did to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest import seeding
from organizations import founding
from organizations.models import Organization
from tests.factories import as_system

pytestmark = pytest.mark.django_db


def test_a_renamed_demonstration_is_found_again(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    assert json.loads(seeding.seed().read_text())["org"] == "demo"
    with as_system():
        founding.change(organization=Organization.objects.get(slug="demo"), slug="our-kitchens")
    first = json.loads((tmp_path / "demo.json").read_text())
    again = json.loads(seeding.seed().read_text())
    assert again == {**first, "org": "our-kitchens"}
    with as_system():
        assert set(Organization.objects.values_list("slug", flat=True)) == {"our-kitchens", "demo-2"}
