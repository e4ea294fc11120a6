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

# Beat shows itself every 5 s and sends each queue a heartbeat every 10 s; three may be lost.
HEARTBEAT_GRACE: Final = timedelta(seconds=40)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _redis() -> bool:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    with client:
        return bool(client.ping())


BEAT: Final = "beat"


def signs_of_life() -> dict[str, str]:
    """What /health/ready calls each process that shows itself -> its name in the table of signs."""
    return {BEAT: "beat", **{f"workers_{queue}": f"worker:{queue}" for queue in settings.QUEUES}}


def _background() -> dict[str, str]:
    """ok or down; nobody sends heartbeats while beat is away, so that workers may be there all the same: unknown."""
    fresh = Beat.objects.filter(at__gt=timezone.now() - HEARTBEAT_GRACE)
    names = set(fresh.values_list("name", flat=True))
    states = {check: "ok" if name in names else "down" for check, name in signs_of_life().items()}
    if states[BEAT] == "down":
        states = {check: "unknown" if state == "down" and check != BEAT else state for check, state in states.items()}
    return states


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

    Without workers, beat or Redis readings are still stored and alerts still open, so those make it 503 only for the
    one who watches; a load balancer should look at /health/live.
    """
    checks = {name: "ok" if _answers(check) else "down" for name, check in (("database", _database), ("redis", _redis))}
    try:
        checks.update(_background())
    except Exception:
        checks.update(dict.fromkeys(signs_of_life(), "unknown"))
    healthy = set(checks.values()) == {"ok"}
    body = {"status": "ok" if healthy else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if healthy else 503)
