"""Django's Redis cache for what may be forgotten: without Redis it remembers nothing instead of failing.

Rate limits live here. They are off while Redis is away: signing in and reading alerts matter more than fairness.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# What each operation answers when nothing is remembered.
_FORGETFUL: Final[dict[str, Callable[..., Any]]] = {
    "get": lambda key, default=None, version=None: default,
    "get_many": lambda keys, version=None: {},
    "set": lambda *args, **kwargs: None,
    "set_many": lambda *args, **kwargs: [],
    "add": lambda *args, **kwargs: True,
    "incr": lambda key, delta=1, version=None: delta,
    "touch": lambda *args, **kwargs: False,
    "has_key": lambda *args, **kwargs: False,
    "delete": lambda *args, **kwargs: False,
    "delete_many": lambda *args, **kwargs: None,
    "clear": lambda *args, **kwargs: False,
}


class ForgetfulRedisCache(RedisCache):
    """RedisCache whose operations answer as an empty cache does while Redis doesn't answer."""

    def __getattribute__(self, name: str) -> Any:
        operation = super().__getattribute__(name)
        forgetful = _FORGETFUL.get(name)
        return operation if forgetful is None else _guarded(operation, forgetful)

    def clear(self) -> None:
        """Forget what has this cache's prefix. Django's own empties all of Redis, the bells of workers included."""
        client = self._cache.get_client(write=True)
        prefix = re.sub(r"([*?\[\]\\])", r"\\\1", self.key_prefix)
        for key in client.scan_iter(match=f"{prefix}:*", count=1000):
            client.unlink(key)


def _guarded(operation: Callable[..., Any], forgetful: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(operation)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return operation(*args, **kwargs)
        except RedisError as error:
            logger.warning("the cache is away: %s", error)
            return forgetful(*args, **kwargs)

    return guarded
