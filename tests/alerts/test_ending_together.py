"""A network that is back ends a thousand silences within a minute: they end as one by one, with a few statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import lifecycle, telling
from alerts.evaluation import Resolved
from alerts.models import Alert
from organizations.models import Role
from tests.alerts.people import HOUR, MINUTE, Cooler, cooler, messages, sweep, timeline
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    RuleFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Cooler:
    return cooler()


def some(place: Cooler, number: int, **rule: Any) -> list[Alert]:
    """Alerts of as many units, of which the owner was told."""
    opened = []
    for _ in range(number):
        unit = UnitFactory(area=place.unit.area)
        made = RuleFactory(organization=unit.organization, unit=unit, **{"severity": "critical", **rule})
        cause = lifecycle.cause_key(rule_id=made.pk, unit_id=unit.pk)
        opened.append(place.opens(rule=made, unit=unit, cause=cause))
    return opened


def end(alerts: list[Alert], *, peak: float = 9.5) -> int:
    """Readings of all of them are in order again, half an hour later."""
    over = NOON + 30 * MINUTE
    with as_system():
        return lifecycle.resolve_together(
            {alert.cause_key: Resolved(over.timestamp(), peak) for alert in alerts}, at=over
        )


def test_each_ends_as_it_would_alone(place: Cooler) -> None:
    together, alone = some(place, 2)
    assert end([together]) == 1
    with as_system():
        cause, resolved = alone.cause_key, Resolved((NOON + 30 * MINUTE).timestamp(), 9.5)
        lifecycle.resolve_cleared(cause=cause, resolved=resolved, at=NOON + 30 * MINUTE, soon=True)
    one, other = fresh(together), fresh(alone)
    for column in ("status", "resolved_at", "resolved_by_id", "tell_at", "snoozed_until", "peak"):
        assert getattr(one, column) == getattr(other, column), column
    assert timeline(together) == timeline(alone) == [("opened", "readings"), ("resolved", "readings")]
    assert {fresh(alert.unit).severity for alert in (together, alone)} == {""}


def test_people_hear_of_each_as_they_would_of_it_alone(place: Cooler) -> None:
    alerts = some(place, 3)
    assert end(alerts) == 3
    assert sweep(NOON + 31 * MINUTE) == 3
    over = [row for row in messages(user=place.owner.user) if row.event == "alert.resolved"]
    assert {row.about for row in over} == {f"alert:{alert.pk}" for alert in alerts}
    assert messages(user=place.cook.user) == []
    assert sweep(NOON + 31 * MINUTE) == 0


def test_twice_and_what_nobody_opened_is_nothing(place: Cooler) -> None:
    alerts = some(place, 2)
    assert (end(alerts), end(alerts)) == (2, 0)
    with as_system():
        assert lifecycle.resolve_together({}, at=NOON) == 0
        assert lifecycle.resolve_together({"unit:none:rule:none": Resolved(0.0, None)}, at=NOON) == 0


def test_who_was_told_of_some_hears_of_these(place: Cooler) -> None:
    elsewhere = SiteFactory(organization=place.unit.organization)
    (first,) = some(place, 1)
    late = MembershipFactory(organization=place.unit.organization, role=Role.MANAGER)
    ContactMethodFactory(user=late.user)
    (second,) = some(place, 1)
    gone = MembershipFactory(organization=place.unit.organization, role=Role.MANAGER, site_ids=[elsewhere.pk])
    ContactMethodFactory(user=gone.user)
    end([first, second])
    sweep(NOON + 31 * MINUTE)
    heard = {row.about for row in messages(user=late.user) if row.event == "alert.resolved"}
    assert heard == {f"alert:{second.pk}"}
    assert messages(user=gone.user) == []


def test_one_that_nobody_was_told_of_yet_is_told_whole(place: Cooler) -> None:
    alert = place.opens(soon=True)
    end([alert])
    sweep(NOON + 31 * MINUTE)
    assert [row.event for row in messages(user=place.owner.user)] == ["alert.opened", "alert.resolved"]


def test_what_they_covered_is_told_a_while_later(place: Cooler) -> None:
    critical = place.opens()
    warning = place.opens(rule=RuleFactory(organization=place.unit.organization, severity="warning", threshold=4.0))
    assert fresh(warning).tell_at is None
    end([critical])
    sweep(NOON + 31 * MINUTE)
    assert fresh(warning).tell_at == NOON + 31 * MINUTE + telling.GRACE
    (over,) = [row for row in messages(user=place.owner.user) if row.event == "alert.resolved"]
    assert "Still open at Walk-in cooler:" in over.text


def test_of_what_is_only_information_nobody_hears(place: Cooler) -> None:
    alerts = some(place, 2, severity="info")
    end(alerts)
    assert {fresh(alert).tell_at for alert in alerts} == {None}
    assert sweep(NOON + HOUR) == 0


def test_however_many_it_takes_the_same_statements(place: Cooler) -> None:
    ending, telling_of_it = [], []
    for number in (2, 8):
        alerts = some(place, number)
        with CaptureQueriesContext(connection) as asked:
            end(alerts)
        ending.append(len(asked))
        with as_system(), CaptureQueriesContext(connection) as asked:
            assert lifecycle.tell_due(at=NOON + 31 * MINUTE, most=50) == number
        telling_of_it.append(len(asked))
    assert ending[0] == ending[1]
    assert telling_of_it[0] == telling_of_it[1]
