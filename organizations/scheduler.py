"""Beat: lays its timetable when it starts, and shows that it lives as long as it rings."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from django.db import Error, close_old_connections
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

from organizations import timetable
from organizations.models import Beat

logger = logging.getLogger(__name__)

SIGN_EVERY_S: Final = 5.0
NAME: Final = "beat"


class Scheduler(DatabaseScheduler):
    """Two of them ring twice, which every task bears; each shows its life under the same name."""

    _signed = -SIGN_EVERY_S

    def setup_schedule(self) -> None:
        """Rows first: whoever starts beat needs no other command."""
        timetable.lay()
        super().setup_schedule()

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Ring for one that is due."""
        self._sign()
        return super().tick(*args, **kwargs)

    def _sign(self) -> None:
        if time.monotonic() - self._signed < SIGN_EVERY_S:
            return
        self._signed = time.monotonic()
        try:
            close_old_connections()
            Beat.objects.update_or_create(name=NAME, defaults={"at": timezone.now()})
        except Error as error:
            # Beat outlives its database; that nobody reads a sign then is what the sign is for.
            logger.warning("beat can't show that it lives: %s", error)
