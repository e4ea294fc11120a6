"""The timetable of this room (settings.TIMETABLE names the times); what workers tell of themselves."""

from celery import shared_task
from django.utils import timezone

from organizations import counting, inspecting
from organizations.failures import forget_failures
from organizations.idempotency import forget_answers
from organizations.models import Beat
from organizations.purging import purge

__all__ = ["counting", "forget_answers", "forget_failures", "heartbeat", "inspecting", "purge"]


@shared_task(name="organizations.heartbeat")
def heartbeat(queue: str) -> None:
    """Sent by beat to each queue, run by a worker of it: a fresh row proves that both live. Safe to run twice."""
    Beat.objects.update_or_create(name=f"worker:{queue}", defaults={"at": timezone.now()})
