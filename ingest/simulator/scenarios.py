"""What goes wrong in the demo, and when: excursions staged slot by slot, so that each start tells the same story."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.simulator.model import Excursion, Span
from ingest.simulator.roster import DemoSite, DemoUnit

FIRST_AFTER: Final = timedelta(seconds=5)
# The show unit is above 8 °C some 15 s after its door opens; its critical rule waits 20 s. It is below 7 °C again some
# 20 s after the door was shut, and the rule wants that for 10 s.
DOOR_OPEN: Final = timedelta(seconds=35)
PROBE_FAULT: Final = timedelta(seconds=60)
# A sensor is offline after three expected intervals of a minute, so it shows as offline for a minute or two.
GATEWAY_SILENCE: Final = timedelta(minutes=5)
# Long enough for the default rules, which wait 15 to 45 minutes, to speak; a visitor meets it after an hour or so.
COMPRESSOR_FAILURE: Final = timedelta(hours=3)
COMPRESSOR_SLOT: Final = 12
COMPRESSOR_EVERY: Final = 72  # slots


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """An excursion of a unit, of the probes of a unit, or (without unit) of the site's gateway."""

    span: Span
    unit: DemoUnit | None


def slot(site: DemoSite, *, number: int, at: datetime, every: timedelta) -> list[Staged]:
    """Return what goes wrong at `site` in one slot, which begins `at` and lasts `every`.

    The show unit's door in every slot; now and then, and half a slot apart from it, a torn probe, a silent gateway, or
    a compressor that fails for good.
    """
    staged = [_staged(Excursion.DOOR_LEFT_OPEN, at, DOOR_OPEN, unit=unit) for unit in site.units if unit.show]
    later = at + every / 2
    for unit in site.units:
        if unit.kind == "prep_table" and number % 3 == 1:
            staged.append(_staged(Excursion.PROBE_FAULT, later, PROBE_FAULT, unit=unit))
        if unit.kind == "reach_in_fridge" and not unit.show and number % COMPRESSOR_EVERY == COMPRESSOR_SLOT:
            staged.append(_staged(Excursion.COMPRESSOR_FAILURE, later, COMPRESSOR_FAILURE, unit=unit))
    if site.kind == "pharmacy" and number % 5 == 2:
        staged.append(_staged(Excursion.GATEWAY_SILENCE, later, GATEWAY_SILENCE))
    return staged


def _staged(kind: Excursion, at: datetime, length: timedelta, *, unit: DemoUnit | None = None) -> Staged:
    return Staged(span=Span(kind=kind, start=at, end=at + length), unit=unit)
