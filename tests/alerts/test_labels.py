"""Defrosts, open doors and the product temperature of a unit, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.evaluation import Point, product
from alerts.past import labels
from organizations.models import Organization
from sensors.models import Reading, Sensor, Unit
from tests.factories import NOON, OrganizationFactory, SensorFactory, UnitFactory, as_system
from tests.sensors.readings import store
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db

MINUTES_5: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def unit(api: Api) -> Unit:
    return UnitFactory(area__site__organization=api.organization, kind="walk_in_freezer", product_tau_s=3600)


@pytest.fixture
def sensor(unit: Unit) -> Sensor:
    return SensorFactory(unit=unit)


def span(start: datetime, end: datetime) -> dict[str, str]:
    return {"from": start.isoformat(), "to": end.isoformat()}


def freeze(
    sensor: Sensor, *, days: int, start: datetime = NOON, air: Callable[[datetime], float], every: timedelta = MINUTES_5
) -> None:
    count = days * timedelta(days=1) // every
    store(sensor, *[air(start + number * every) for number in range(count)], every=every, start=start)


def with_defrosts(at: datetime) -> float:
    """A saw-tooth, and two defrosts a day that reach -12 °C: at 2 and at 14 o'clock."""
    minutes = at.hour % 12 * 60 + at.minute - 120
    heat = max(0.0, 8.0 * (1 - abs(minutes - 25) / 25))
    return round(-22 + 2.5 * (at.timestamp() / 2700 % 1) + heat, 2)


def doors(sensor: Sensor, states: Sequence[bool | None], *, start: datetime = NOON, every: timedelta) -> None:
    with as_system():
        Reading.objects.bulk_create(
            Reading(
                sensor=sensor,
                organization=sensor.organization,
                recorded_at=start + number * every,
                delay_s=0,
                temperature=number % 100 + 0.5,
                door=None if state is None else int(state),
            )
            for number, state in enumerate(states)
        )


class TestDefrosts:
    def test_are_labelled_with_their_peak(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        freeze(sensor, days=5, air=with_defrosts)
        day = NOON + timedelta(days=3)
        found = api.read(f"units/{unit.pk}/labels/", **span(day, day + timedelta(days=1)))
        assert found["left_out"] == 0
        assert [label["kind"] for label in found["results"]] == ["defrost", "defrost"]
        for label, hour in zip(found["results"], (14, 2), strict=True):
            begin, end = (datetime.fromisoformat(label[name]) for name in ("from", "to"))
            assert (begin + timedelta(minutes=25)).hour == hour
            assert timedelta(minutes=30) <= end - begin <= timedelta(minutes=75)
            assert -14 < label["peak"] < -10
            assert label["sensor"] == str(sensor.public_id)

    def test_the_days_before_the_range_are_learnt_from(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        freeze(sensor, days=4, air=with_defrosts)
        begin = NOON + timedelta(days=3, hours=1)
        found = api.read(f"units/{unit.pk}/labels/", **span(begin, begin + 3 * HOUR))
        assert len(found["results"]) == 1

    def test_readings_stay_as_they_are(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        freeze(sensor, days=4, air=with_defrosts)
        range_ = span(NOON + timedelta(days=3), NOON + timedelta(days=4))
        before = api.read(f"units/{unit.pk}/readings/", **range_, max_points=2000)["results"]
        assert api.read(f"units/{unit.pk}/labels/", **range_)["results"]
        assert api.read(f"units/{unit.pk}/readings/", **range_, max_points=2000)["results"] == before
        assert max(reading["temperature"] for reading in before) > -14

    def test_what_keeps_food_hot_has_none(self, api: Api, sensor: Sensor, unit: Unit) -> None:
        unit.kind = "hot_holding"
        with as_system():
            unit.save(update_fields=["kind"])
        freeze(sensor, days=4, air=with_defrosts)
        found = api.read(f"units/{unit.pk}/labels/", **span(NOON, NOON + timedelta(days=4)))
        assert found["results"] == []

    def test_a_unit_without_sensors_has_none(self, api: Api, unit: Unit) -> None:
        assert api.read(f"units/{unit.pk}/labels/") == {"results": [], "left_out": 0}


class TestTheDefrostThatIsGoingOn:
    def until(self, unit: Unit, sensor: Sensor, at: datetime, **kwargs: int) -> datetime | None:
        with as_system():
            sensors = list(unit.sensors.all())
            return labels.defrost_until(unit=unit, sensors=sensors, sensor=sensor, at=at, **kwargs)

    def test_is_over_soon_by_what_was_known_then(self, unit: Unit, sensor: Sensor) -> None:
        freeze(sensor, days=5, air=with_defrosts)
        due = NOON + timedelta(days=3, hours=2)
        until = self.until(unit, sensor, due + timedelta(minutes=20))
        assert until is not None
        assert due + timedelta(minutes=40) < until < due + 2 * HOUR
        assert self.until(unit, sensor, due + 5 * HOUR) is None
        assert self.until(unit, sensor, due - timedelta(days=2) + timedelta(minutes=20)) is None  # nothing learnt yet

    def test_is_nothing_that_others_wait_for(self, unit: Unit, sensor: Sensor) -> None:
        freeze(sensor, days=5, air=with_defrosts)
        moment = NOON + timedelta(days=3, hours=2, minutes=20)
        assert self.until(unit, sensor, moment, most=500) is None
        unit.kind = "room"
        assert self.until(unit, sensor, moment) is None


class TestDoors:
    def ask(self, api: Api, sensor: Sensor, **query: Any) -> list[dict[str, Any]]:
        query = {**span(NOON, NOON + 6 * HOUR), **query}
        return list(api.read(f"units/{sensor.unit_id}/labels/", **query)["results"])

    def test_a_door_is_open_until_the_reading_that_says_it_is_closed(self, api: Api, sensor: Sensor) -> None:
        doors(sensor, [False, True, True, False, False, True, False], every=timedelta(minutes=1))
        assert self.ask(api, sensor) == [
            {
                **{"kind": "door_open", "from": "2026-11-20T12:01:00Z", "to": "2026-11-20T12:03:00Z"},
                **{"sensor": str(sensor.public_id), "peak": 3.5},
            },
            {
                **{"kind": "door_open", "from": "2026-11-20T12:05:00Z", "to": "2026-11-20T12:06:00Z"},
                **{"sensor": str(sensor.public_id), "peak": 6.5},
            },
        ]

    def test_a_door_that_is_open_still_is_open_until_its_last_reading(self, api: Api, sensor: Sensor) -> None:
        doors(sensor, [False, True, True], every=timedelta(minutes=1))
        assert [(label["from"], label["to"]) for label in self.ask(api, sensor)] == [
            ("2026-11-20T12:01:00Z", "2026-11-20T12:02:00Z")
        ]

    def test_nobody_knows_about_a_pause_of_the_readings(self, api: Api, sensor: Sensor) -> None:
        doors(sensor, [True, True], every=timedelta(minutes=15))
        doors(sensor, [True, False], every=timedelta(minutes=5), start=NOON + timedelta(minutes=31))
        assert [(label["from"], label["to"]) for label in self.ask(api, sensor)] == [
            ("2026-11-20T12:00:00Z", "2026-11-20T12:15:00Z"),
            ("2026-11-20T12:31:00Z", "2026-11-20T12:36:00Z"),
        ]

    def test_readings_without_a_contact_say_nothing(self, api: Api, sensor: Sensor) -> None:
        doors(sensor, [True, None, True, False], every=timedelta(minutes=5))
        assert len(self.ask(api, sensor)) == 1
        other = SensorFactory(unit=sensor.unit)
        doors(other, [None, None, None], every=timedelta(minutes=5))
        assert len(self.ask(api, sensor)) == 1

    def test_what_overlaps_the_range_comes_whole(self, api: Api, sensor: Sensor) -> None:
        doors(sensor, [True] * 24 + [False], every=MINUTES_5)
        (label,) = self.ask(api, sensor, **span(NOON + HOUR, NOON + HOUR + MINUTES_5))
        assert (label["from"], label["to"]) == ("2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z")
        assert self.ask(api, sensor, **span(NOON + 3 * HOUR, NOON + 4 * HOUR)) == []

    def test_of_too_many_the_shortest_are_left_out_and_counted(self, api: Api, sensor: Sensor) -> None:
        states = [False, True] * (labels.MOST_LABELS + 3) + [True, False]
        doors(sensor, states, every=timedelta(seconds=2))
        answer = api.read(f"units/{sensor.unit_id}/labels/", **span(NOON, NOON + 6 * HOUR))
        assert (len(answer["results"]), answer["left_out"]) == (labels.MOST_LABELS, 3)
        longest = answer["results"][-1]
        moments = [datetime.fromisoformat(longest[name]) for name in ("from", "to")]
        assert moments[1] - moments[0] == timedelta(seconds=4)

    def test_open_doors_are_no_defrosts(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        freeze(sensor, days=4, air=with_defrosts)
        contact = SensorFactory(unit=unit, serial="contact")
        states = [with_defrosts(NOON + number * MINUTES_5) > -19 for number in range(4 * 288)]
        doors(contact, states, every=MINUTES_5)
        with as_system():
            Reading.objects.filter(sensor=contact).update(temperature=None)
        kinds = {label["kind"] for label in self.ask(api, sensor, **span(NOON, NOON + timedelta(days=4)))}
        assert kinds == {"door_open"}


class TestProductTemperature:
    def read(self, api: Api, unit: Unit, **query: Any) -> dict[str, Any]:
        return dict(api.read(f"units/{unit.pk}/product-temperature/", **query))

    def test_follows_the_air_as_rules_see_it(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        values = [4.0] * 12 + [14.0] * 12
        store(sensor, *values)
        answer = self.read(api, unit, **span(NOON, NOON + 3 * HOUR))
        assert answer["tau_s"] == 3600
        points = [Point(number * 300.0, 1, value, 900.0) for number, value in enumerate(values)]
        expected = [round(point.value, 2) for point in product(points, 3600)]
        assert [one["product_temperature"] for one in answer["results"]] == expected
        assert 4 < expected[-1] < 14
        assert answer["results"][0] == {
            "at": "2026-11-20T12:00:00Z",
            "sensor": str(sensor.public_id),
            "product_temperature": 4.0,
        }

    def test_what_was_before_the_range_counts(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        store(sensor, *[20.0] * 144, *[4.0] * 12)
        later = NOON + 12 * HOUR
        (first, *_), (whole, *_) = (
            self.read(api, unit, **span(later, later + HOUR))["results"],
            [
                one
                for one in self.read(api, unit, **span(NOON, later + HOUR))["results"]
                if one["at"] == "2026-11-21T00:00:00Z"
            ],
        )
        assert first == whole
        assert first["product_temperature"] > 18

    def test_a_unit_without_a_time_constant_of_its_own_has_that_of_its_kind(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization, kind="walk_in_cooler")
        store(SensorFactory(unit=unit), 3.0)
        assert self.read(api, unit, **span(NOON, NOON + HOUR))["tau_s"] == labels.tau_of(unit) > 0

    def test_thinning_keeps_the_extremes_of_each_sensor(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        other = SensorFactory(unit=unit)
        wave = [4 + 6 * float(np.sin(number / 9)) for number in range(576)]
        store(sensor, *wave)
        store(other, *[10 + value for value in wave])
        range_ = span(NOON, NOON + timedelta(days=2))
        whole = self.read(api, unit, **range_, max_points=2000)["results"]
        thin = self.read(api, unit, **range_, max_points=40)["results"]
        assert len(whole) == 1152
        assert 20 < len(thin) <= 40
        assert [one["at"] for one in thin] == sorted(one["at"] for one in thin)
        assert all(one in whole for one in thin)
        for public_id in (str(sensor.public_id), str(other.public_id)):
            mine, kept = (
                [one["product_temperature"] for one in some if one["sensor"] == public_id] for some in (whole, thin)
            )
            assert (min(mine), max(mine)) == (min(kept), max(kept))
        assert len(self.read(api, unit, **range_, max_points=1)["results"]) == 1

    def test_a_reading_that_came_late_is_in_it_at_once(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        store(sensor, 4.0, start=NOON)
        store(sensor, 4.0, start=NOON + HOUR)
        range_ = span(NOON, NOON + 2 * HOUR)
        assert self.read(api, unit, **range_)["results"][-1]["product_temperature"] == 4.0
        store(sensor, 20.0, start=NOON + HOUR / 2)
        assert self.read(api, unit, **range_)["results"][-1]["product_temperature"] > 5.0


class TestRanges:
    PATHS = ("labels", "product-temperature")

    @pytest.mark.parametrize("path", PATHS)
    def test_at_most_a_hundred_days(self, api: Api, unit: Unit, path: str) -> None:
        end = NOON + timedelta(days=100)
        api.read(f"units/{unit.pk}/{path}/", **span(NOON, end))
        problem = api.read(f"units/{unit.pk}/{path}/", status=400, **span(NOON, end + timedelta(seconds=1)))
        assert problem["errors"][0]["field"] == "from"

    @pytest.mark.parametrize("path", PATHS)
    def test_impossible_ranges_are_refused_and_strange_ones_are_empty(self, api: Api, unit: Unit, path: str) -> None:
        for wrong in ({"from": "yesterday"}, span(NOON, NOON), span(NOON + HOUR, NOON)):
            api.read(f"units/{unit.pk}/{path}/", status=400, **wrong)
        for strange in (
            ("0001-01-02T00:00:00Z", "0001-02-01T00:00:00Z"),
            ("9998-01-01T00:00:00Z", "9998-02-01T00:00:00Z"),
        ):
            assert (
                api.read(f"units/{unit.pk}/{path}/", **dict(zip(("from", "to"), strange, strict=True)))["results"] == []
            )

    def test_points_are_limited(self, api: Api, unit: Unit) -> None:
        for wrong in (0, 2001, "many"):
            api.read(f"units/{unit.pk}/product-temperature/", status=400, max_points=wrong)

    @pytest.mark.parametrize("path", PATHS)
    def test_the_plan_hides_what_is_older_than_it_shows(self, api: Api, unit: Unit, sensor: Sensor, path: str) -> None:
        now = datetime.now(tz=NOON.tzinfo)
        doors(sensor, [True, False] * 6, every=MINUTES_5, start=now - timedelta(days=20))
        doors(sensor, [True, False] * 6, every=MINUTES_5, start=now - timedelta(days=2))
        range_ = span(now - timedelta(days=30), now)
        everything = len(api.read(f"units/{unit.pk}/{path}/", **range_)["results"])
        with as_system():
            Organization.objects.filter(pk=api.organization.pk).update(history_days=7)
        assert len(api.read(f"units/{unit.pk}/{path}/", **range_)["results"]) == everything / 2 > 0
        assert (
            api.read(f"units/{unit.pk}/{path}/", **span(now - timedelta(days=30), now - timedelta(days=9)))["results"]
            == []
        )

    def test_more_readings_than_a_chart_could_show_are_refused(self, unit: Unit, sensor: Sensor) -> None:
        doors(sensor, [True] * 6, every=MINUTES_5)
        of = {"unit": unit, "sensors": [sensor], "start": NOON, "end": NOON + HOUR}
        with as_system():
            assert len(labels.labels_of(**of, most=6).rows) == 1
            assert len(labels.product_series(**of, max_points=10, most=6)) == 6
            for ask in (labels.labels_of, lambda **kwargs: labels.product_series(**kwargs, max_points=10)):
                with pytest.raises(labels.TooManyReadings):
                    ask(**of, most=5)

    @pytest.mark.parametrize("path", PATHS)
    def test_the_number_of_statements_does_not_grow_with_sensors(self, api: Api, unit: Unit, path: str) -> None:
        def statements() -> int:
            store(SensorFactory(unit=unit), 3.0, 4.0)
            with CaptureQueriesContext(
                connection,
            ) as captured:
                api.read(f"units/{unit.pk}/{path}/", **span(NOON, NOON + HOUR))
            return len(captured)

        statements()
        once = statements()
        assert statements() == statements() == once

    @pytest.mark.parametrize("path", PATHS)
    def test_units_of_others_do_not_exist(self, api: Api, path: str) -> None:
        api.read(f"units/{UnitFactory().pk}/{path}/", status=404)
