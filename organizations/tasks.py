"""The timetable of this room (settings.CELERY_BEAT_SCHEDULE names the times)."""

from celery import shared_task
from django.utils import timezone

from organizations.idempotency import forget_answers
from organizations.models import Beat
from organizations.purging import purge

__all__ = ["forget_answers", "heartbeat", "purge"]


@shared_task(name="organizations.heartbeat")
def heartbeat() -> None:
    """Sent by beat, run by a worker: a fresh row proves that both are alive. Safe to run twice."""
    Beat.objects.update_or_create(name="worker", defaults={"at": timezone.now()})
