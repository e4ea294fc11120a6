from __future__ import annotations

import pytest

from tests.organizations.people import client_of, verified

pytestmark = pytest.mark.django_db


def test_founding() -> None:
    client = client_of(verified())
    made = client.post("/api/v1/orgs/", {"name": "Blue Fish Ltd"}, format="json")
    assert made.status_code == 201, made.json()
    slug = made.json()["slug"]
    assert slug == "blue-fish-ltd"
    assert len(client.get(f"/api/v1/orgs/{slug}/alert-rules/").json()["results"]) > 30
    assert client.get("/api/v1/orgs/").json()["results"] == [made.json()]
    changed = client.patch(f"/api/v1/orgs/{slug}/", {"slug": "green-fish", "email": "a@b.example"}, format="json")
    assert changed.status_code == 200, changed.json()
    moved = client.get(f"/api/v1/orgs/{slug}/sites/?a=b")
    assert (moved.status_code, moved["Location"]) == (308, "/api/v1/orgs/green-fish/sites/?a=b")
    assert client.delete("/api/v1/orgs/green-fish/").status_code == 204
    assert client.get("/api/v1/orgs/green-fish/").status_code == 404
    assert len(client.get("/api/v1/orgs/?deleted=true").json()["results"]) == 1
    assert client.post("/api/v1/orgs/green-fish/restore/").status_code == 200
    assert client.get("/api/v1/orgs/green-fish/").status_code == 200
    assert client.get("/api/v1/orgs/green-fish/members/").json()["results"][0]["is_you"]
