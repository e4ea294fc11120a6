"""Invitations: sent, looked up, accepted once by the right person, and nothing else."""

from __future__ import annotations

import re

import pytest

from notifications.models import Notification
from organizations.models import Role
from tests.factories import MembershipFactory, as_system
from tests.organizations.people import base, client_of, verified

pytestmark = pytest.mark.django_db


def newest_token() -> str:
    """From the newest e-mail that was promised."""
    with as_system():
        text = Notification.objects.filter(event="invitation").latest("pk").text
    found = re.search(r"/invitation/(\S+)", text)
    assert found is not None
    return found[1]


def test_an_invited_person_joins_with_the_role_and_sites_that_were_offered() -> None:
    admin = MembershipFactory(role=Role.ADMIN)
    chef = verified(email="chef@example.com")
    made = client_of(admin.user).post(
        f"{base(admin)}invitations/", {"email": "Chef@Example.com", "role": "manager", "sites": None}, format="json"
    )
    assert made.status_code == 201, made.json()
    assert made.json()["state"] == "pending"
    shown = client_of(None).post("/api/v1/invitations/look-up/", {"token": newest_token()}, format="json")
    assert shown.status_code == 200, shown.json()
    accepted = client_of(chef).post("/api/v1/invitations/accept/", {"token": newest_token()}, format="json")
    assert accepted.status_code == 200, accepted.json()
    assert (accepted.json()["role"], accepted.json()["org"]["slug"]) == ("manager", admin.organization.slug)
