"""The staff's site: every address of it is closed to customers, whatever their role."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from organizations.models import Role
from tests.factories import MembershipFactory
from tests.tenancy.addresses import walk
from tests.tenancy.world import HERE, customer

pytestmark = pytest.mark.django_db

# Open to everybody: they ask who it is, or hold nothing.
OPEN = {"admin/login/", "admin/jsi18n/", "admin/logout/"}


def addresses() -> list[str]:
    """Each with something in place of its variable parts."""
    found = set()
    for path, _ in walk(get_resolver().url_patterns, ""):
        if path.startswith("admin/"):
            filled = re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]+>", "1", path)
            found.add(re.sub(r"[\^$]|\\Z|\(\?!.*?\)", "", filled))
    return sorted(found - OPEN)


def test_there_are_addresses() -> None:
    assert len(addresses()) > 60
    assert "admin/" in addresses()
    assert "admin/sensors/unit/" in addresses()


@pytest.mark.parametrize("who", [None, Role.OWNER, Role.STAFF])
def test_customers_are_shown_to_the_door(who: Any) -> None:
    ours = customer("Ours")
    client = Client()
    if who is not None:
        client.force_login(MembershipFactory(organization=ours.organization, role=who).user)
    for address in addresses():
        for ask in (client.get, client.post):
            response = ask(f"/{address}")
            assert response.status_code in (302, 403, 404, 405), address
            if response.status_code == 302:
                assert "/admin/login/" in response["Location"], address
            assert HERE not in response.content.decode(), address
