"""/health/live: the process answers. /health/ready: what it needs answers too. No detail that helps an attacker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from organizations.models import Beat

# Beat sends a heartbeat every 10 s; three may be lost.
HEARTBEAT_GRACE: Final = timedelta(seconds=40)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _redis() -> bool:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    with client:
        return bool(client.ping())


def _workers() -> bool:
    return Beat.objects.filter(name="worker", at__gt=timezone.now() - HEARTBEAT_GRACE).exists()


def _answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        return False


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when readings can be stored and people told; 503 names what doesn't answer.

    Without workers or Redis readings are still stored and alerts still open, so those two make it "degraded" with 503
    only for the one who watches; a load balancer should look at /health/live.
    """
    checks = {"database": _answers(_database), "redis": _answers(_redis), "workers": False}
    checks["workers"] = checks["database"] and _answers(_workers)
    healthy = all(checks.values())
    body = {
        "status": "ok" if healthy else "unavailable",
        "checks": {k: "ok" if v else "down" for k, v in checks.items()},
    }
    return JsonResponse(body, status=200 if healthy else 503)
