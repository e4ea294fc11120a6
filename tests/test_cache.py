"""The cache without Redis remembers nothing, and nobody is turned away for it."""

from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.test import Client

from freshtrack.cache import ForgetfulRedisCache
from organizations import counting
from tests.factories import PASSWORD, UserFactory


@pytest.fixture
def forgetful(tmp_path: Any) -> ForgetfulRedisCache:
    """A cache whose Redis isn't there."""
    return ForgetfulRedisCache(f"unix://{tmp_path}/nowhere.sock", {})


def test_without_redis_everything_is_as_if_forgotten(forgetful: ForgetfulRedisCache) -> None:
    forgetful.set("key", 1)
    assert forgetful.get("key", "nothing") == "nothing"
    assert forgetful.add("key", 1)
    assert forgetful.get_many(["a", "b"]) == {}
    assert forgetful.incr("count") == 1
    assert not forgetful.delete("key")
    assert "key" not in forgetful


def test_with_redis_it_remembers() -> None:
    cache = caches["default"]
    cache.set("test_cache", "remembered")
    assert cache.get("test_cache") == "remembered"
    cache.delete("test_cache")


def test_clearing_it_leaves_what_is_not_the_caches() -> None:
    """The same Redis holds the bells of workers, and may hold another installation's."""
    cache, client = caches["default"], counting.client()
    other = ForgetfulRedisCache(settings.REDIS_URL, {"KEY_PREFIX": "test-other:cache"})
    bell = f"{settings.REDIS_PREFIX}:test-bell"
    try:
        cache.set("test_cache", 1)
        other.set("test_cache", 2)
        client.set(bell, "rings")
        cache.clear()
        assert (cache.get("test_cache"), other.get("test_cache"), client.get(bell)) == (None, 2, "rings")
        other.clear()
        assert other.get("test_cache") is None
    finally:
        client.delete(bell)


@pytest.mark.django_db
def test_signing_in_works_without_redis(settings: Any, tmp_path: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "freshtrack.cache.ForgetfulRedisCache", "LOCATION": f"unix://{tmp_path}/nowhere.sock"}
    }
    user = UserFactory()
    with_address = user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    assert with_address.pk
    answer = Client().post(
        "/_allauth/browser/v1/auth/login",
        {"email": user.email, "password": PASSWORD},
        content_type="application/json",
    )
    assert answer.status_code == 200, answer.content
