"""What the rooms have to tell in a digest. Each offers a function, named in settings.DIGEST_SECTIONS.

A section is made of words only (freshtrack/sections.py), so that this room needn't know alerts or sensors. Whoever
makes one asks a bounded number of questions however many units there are, and looks at what the member may see only:
`site_ids`, None for all.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from freshtrack.sections import Section
from organizations.models import Organization

logger = logging.getLogger(__name__)


class Offer(Protocol):
    """What a room offers. None: it has nothing to say here. Called inside a transaction."""

    def __call__(
        self,
        *,
        organization: Organization,
        site_ids: Collection[UUID] | None,
        start: datetime,
        end: datetime,
        at: datetime,
        zone: ZoneInfo,
        unit: str,
    ) -> Section | None:
        """What happened from `start` to `end`, and how things are `at` this moment.

        `zone` and `unit` (c or f) are the reader's; what happened at a site is told by the site's clock.
        """


@dataclass(frozen=True)
class Told:
    """What the rooms told. `missing`: one of them couldn't, so nobody may say that all was quiet."""

    sections: list[Section]
    missing: bool


def of(
    *,
    organization: Organization,
    site_ids: Collection[UUID] | None,
    start: datetime,
    end: datetime,
    at: datetime,
    zone: ZoneInfo,
    unit: str,
) -> Told:
    """All sections in the order of the settings. One that fails is left out, so that people get the others.

    Call inside a transaction.
    """
    found, missing = [], False
    for path in settings.DIGEST_SECTIONS:
        offer = cast("Offer", import_string(path))
        try:
            with transaction.atomic():
                section = offer(
                    organization=organization, site_ids=site_ids, start=start, end=end, at=at, zone=zone, unit=unit
                )
        except Exception:
            logger.exception("a section of a digest could not be made: %s", path)
            missing = True
            continue
        if section is not None:
            found.append(section)
    return Told(found, missing)
