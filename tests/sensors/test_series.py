"""Series of readings over HTTP: raw, thinned, by hour and day, in pages, with versions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from organizations.models import Organization
from sensors import series
from sensors.models import Reading, Sensor
from tests.factories import NOON, OrganizationFactory, SensorFactory, as_system
from tests.sensors.readings import Measured, keep, roll, store
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def sensor(api: Api) -> Sensor:
    return SensorFactory(unit__area__site__organization=api.organization)


def every_page(api: Api, page: dict[str, Any], direction: str = "next") -> list[list[Any]]:
    pages = [page["results"]]
    while page[direction]:
        response = api.get(page[direction])
        assert response.status_code == 200, response.content
        page = response.json()
        pages.append(page["results"])
    return pages


class TestSeries:
    def readings(self, api: Api, sensor: Sensor, **query: Any) -> dict[str, Any]:
        end = (NOON + timedelta(hours=12)).isoformat()
        return api.read(f"units/{sensor.unit_id}/readings/", **{"from": NOON.isoformat(), "to": end, **query})

    def test_raw_readings_come_ascending_with_their_sensor(self, api: Api, sensor: Sensor) -> None:
        store(sensor, 3.4, 3.5)
        answer = self.readings(api, sensor)
        assert answer["resolution"] == "raw"
        assert answer["results"][0] == {
            "recorded_at": "2026-11-20T12:00:00Z",
            "sensor": str(sensor.public_id),
            "temperature": 3.4,
            "humidity": None,
            "battery": None,
            "signal": None,
            "door_open": None,
        }
        assert [r["temperature"] for r in answer["results"]] == [3.4, 3.5]

    def test_from_is_inclusive_and_to_exclusive(self, api: Api, sensor: Sensor) -> None:
        store(sensor, 1, 2, 3)
        answer = self.readings(api, sensor, to=(NOON + timedelta(minutes=10)).isoformat())
        assert [r["temperature"] for r in answer["results"]] == [1, 2]

    def test_raw_readings_come_in_pages(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(7))
        page = self.readings(api, sensor, page_size=3)
        values = [r["temperature"] for r in page["results"]]
        while page["next"]:
            page = api.get(page["next"]).json()
            values += [r["temperature"] for r in page["results"]]
        assert values == list(range(7))

    def test_thinning_keeps_every_buckets_extremes(self, api: Api, sensor: Sensor) -> None:
        values = [3.0] * 140
        values[50], values[77] = 11.0, -2.0
        store(sensor, *values)
        answer = self.readings(api, sensor, max_points=20)
        kept = [r["temperature"] for r in answer["results"]]
        assert len(kept) <= 20
        assert {11.0, -2.0} <= set(kept)
        assert kept == sorted(kept, key=lambda _: 0)

    def test_few_readings_are_not_thinned(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(10))
        assert len(self.readings(api, sensor, max_points=10)["results"]) == 10

    def test_hours_have_min_avg_max_and_count(self, api: Api, sensor: Sensor) -> None:
        store(sensor, 2, 4, 6, every=timedelta(minutes=20))
        answer = self.readings(api, sensor, resolution="hour")
        assert answer["resolution"] == "hour"
        assert answer["results"] == [
            {
                **{"at": "2026-11-20T12:00:00Z", "min": 2, "avg": 4, "max": 6, "count": 3, "first": 2, "last": 6},
                **{"humidity_min": None, "humidity_avg": None, "humidity_max": None},
            }
        ]

    def test_days_are_the_sites_days(self, api: Api) -> None:
        sensor = SensorFactory(
            unit__area__site__organization=api.organization, unit__area__site__timezone="Asia/Kathmandu"
        )
        store(sensor, *range(24), every=timedelta(hours=1))
        answer = self.readings(api, sensor, resolution="day", to=(NOON + timedelta(days=1)).isoformat())
        # Midnight in Kathmandu is 18:15 UTC.
        assert [(b["at"], b["count"]) for b in answer["results"]] == [
            ("2026-11-19T18:15:00Z", 7),
            ("2026-11-20T18:15:00Z", 17),
        ]

    def test_a_bucket_that_overlaps_the_range_comes_whole(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(24), every=timedelta(minutes=5))
        half_past = NOON + timedelta(minutes=30)
        query = {"from": half_past.isoformat(), "to": (half_past + timedelta(minutes=1)).isoformat()}
        assert [b["count"] for b in self.readings(api, sensor, resolution="hour", **query)["results"]] == [12]

    def test_auto_chooses_by_the_length_of_the_range(self, api: Api, sensor: Sensor) -> None:
        for days, chosen in ((1, "raw"), (30, "hour"), (365, "day")):
            start = (NOON - timedelta(days=days)).isoformat()
            answer = self.readings(api, sensor, **{"from": start, "to": NOON.isoformat()}, resolution="auto")
            assert answer["resolution"] == chosen

    def test_it_is_the_same_under_the_sensor(self, api: Api, sensor: Sensor) -> None:
        store(sensor, 3.4)
        query = {"from": NOON.isoformat(), "to": (NOON + timedelta(hours=1)).isoformat()}
        assert len(api.read(f"sensors/{sensor.public_id}/readings/", **query)["results"]) == 1

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"from": "yesterday"}, "from"),
            ({"resolution": "minute"}, "resolution"),
            ({"max_points": "2001"}, "max_points"),
            ({"from": "2027-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ],
    )
    def test_a_wrong_parameter_is_named(self, api: Api, sensor: Sensor, query: dict[str, str], field: str) -> None:
        problem = api.read(f"units/{sensor.unit_id}/readings/", status=400, **query)
        assert problem["errors"][0]["field"] == field


def readings_of(api: Api, sensor: Sensor, days: float = 1, **query: Any) -> dict[str, Any]:
    end = (NOON + timedelta(days=days)).isoformat()
    return api.read(f"units/{sensor.unit_id}/readings/", **{"from": NOON.isoformat(), "to": end, **query})


class TestPages:
    def test_buckets_come_in_pages_both_ways(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(10), every=timedelta(hours=1))
        first = readings_of(api, sensor, resolution="hour", page_size=4)
        forth = every_page(api, first)
        assert [[bucket["min"] for bucket in page] for page in forth] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        last = api.get(api.get(first["next"]).json()["next"]).json()
        back = every_page(api, last, "previous")
        assert [[bucket["min"] for bucket in page] for page in back[::-1]] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    def test_pages_of_a_long_range_with_a_long_gap_leave_nothing_out(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(5), every=timedelta(days=40))
        page = readings_of(api, sensor, days=365, resolution="hour", page_size=2)
        assert [[bucket["min"] for bucket in page] for page in every_page(api, page)] == [[0, 1], [2, 3], [4]]

    def test_raw_pages_of_several_sensors_show_each_reading_once(self, api: Api, sensor: Sensor) -> None:
        other = SensorFactory(organization=api.organization, unit=sensor.unit, site_id=sensor.site_id)
        store(sensor, *range(7))
        store(other, *range(100, 107))
        first = readings_of(api, sensor, page_size=3)
        expected = [value + extra for value in range(7) for extra in (0, 100)]
        assert [r["temperature"] for page in every_page(api, first) for r in page] == expected
        last = api.get(first["next"]).json()
        back = every_page(api, last, "previous")
        assert [r["temperature"] for page in back[::-1] for r in page] == expected[:6]

    def test_following_pages_stay_with_the_resolution_that_auto_chose(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(20), every=timedelta(hours=10))
        page = readings_of(api, sensor, days=30, resolution="auto", page_size=15)
        assert page["resolution"] == "hour"
        following = api.get(page["next"]).json()
        assert (following["resolution"], len(following["results"])) == ("hour", 5)

    @pytest.mark.parametrize(
        "place",
        [
            ["day", "after", "2026-11-20T12:00:00+00:00", 0],
            ["hour", "beside", "2026-11-20T12:00:00+00:00", 0],
            ["hour", "after", "2026-11-20T12:00:00", 0],
            ["hour", "after", "0001-01-01T00:00:00+00:00", 0],
            ["hour", "after", "2026-11-20T12:00:00+00:00", -1],
            ["hour", "after", 7, 0],
            {},
        ],
    )
    def test_a_cursor_of_another_list_is_refused(self, api: Api, sensor: Sensor, place: Any) -> None:
        cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
        problem = api.read(f"units/{sensor.unit_id}/readings/", status=400, resolution="hour", cursor=cursor)
        assert problem["errors"][0]["field"] == "cursor"


class TestMaxPoints:
    def test_it_is_an_upper_bound_for_every_resolution(self, api: Api, sensor: Sensor) -> None:
        other = SensorFactory(organization=api.organization, unit=sensor.unit, site_id=sensor.site_id)
        store(sensor, *[index % 17 for index in range(300)], every=timedelta(minutes=30))
        store(other, *[index % 13 for index in range(300)], every=timedelta(minutes=30))
        for resolution in ("raw", "hour", "day", "auto"):
            for most in (1, 2, 3, 5, 100):
                found = readings_of(api, sensor, days=7, resolution=resolution, max_points=most)
                assert 0 < len(found["results"]) <= most, (resolution, most)
                assert found["next"] is None

    def test_merged_hours_keep_extremes_counts_and_means(self, api: Api, sensor: Sensor) -> None:
        values = [3.0] * 200
        values[77], values[150] = 25.0, -12.0
        store(sensor, *values, every=timedelta(hours=1))
        for _ in ("noted", "summed up"):
            found = readings_of(api, sensor, days=10, resolution="hour", max_points=30)
            assert (found["resolution"], found["merged"]) == ("hour", 7)
            assert len(found["results"]) == 29
            assert max(bucket["max"] for bucket in found["results"]) == 25
            assert min(bucket["min"] for bucket in found["results"]) == -12
            assert sum(bucket["count"] for bucket in found["results"]) == 200
            spike = found["results"][11]
            assert (spike["at"], spike["count"], spike["avg"]) == (
                "2026-11-23T17:00:00Z",
                7,
                round((6 * 3 + 25) / 7, 2),
            )
            roll()

    def test_what_fits_is_not_merged(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(10), every=timedelta(days=1))
        found = readings_of(api, sensor, days=100, resolution="hour", max_points=10)
        assert (found["merged"], len(found["results"])) == (1, 10)

    def test_merged_days_stay_within_the_bound_where_clocks_change(self, api: Api) -> None:
        sensor = SensorFactory(
            unit__area__site__organization=api.organization, unit__area__site__timezone="Europe/Berlin"
        )
        store(sensor, *[index % 30 for index in range(400)], every=timedelta(days=1))
        roll()
        for most in (2, 7, 133, 399):
            found = readings_of(api, sensor, days=400, resolution="day", max_points=most)
            assert len(found["results"]) <= most
            assert sum(bucket["count"] for bucket in found["results"]) == 400
        assert readings_of(api, sensor, days=400, resolution="day", max_points=400)["merged"] == 1

    def test_thinning_keeps_extremes_of_humidity_where_nothing_else_is_measured(self, api: Api, sensor: Sensor) -> None:
        damp = [5000] * 100
        damp[31], damp[64] = 9100, 1200
        keep(sensor, [Measured(NOON + index * timedelta(minutes=5), None, value) for index, value in enumerate(damp)])
        found = [r["humidity"] for r in readings_of(api, sensor, max_points=10)["results"]]
        assert len(found) <= 10
        assert {91, 12} <= set(found)

    def test_auto_takes_days_where_hours_would_be_too_many(self, api: Api, sensor: Sensor) -> None:
        for days, most, chosen in ((30, 2000, "hour"), (30, 100, "day"), (365, 1000, "day"), (1, 10, "raw")):
            found = readings_of(api, sensor, days=days, resolution="auto", max_points=most)
            assert found["resolution"] == chosen

    def test_auto_takes_hours_where_readings_are_too_many(self, sensor: Sensor) -> None:
        with as_system():
            Reading.objects.bulk_create(
                (
                    Reading(
                        sensor=sensor,
                        organization=sensor.organization,
                        recorded_at=NOON + index * timedelta(seconds=10),
                        delay_s=0,
                        temperature=3,
                    )
                    for index in range(20_001)
                ),
                batch_size=5000,
            )
            for days, chosen in ((1, "raw"), (2.2, "raw"), (3, "hour")):
                end = NOON + timedelta(days=days)
                assert series.choose_resolution(sensors=[sensor], start=NOON, end=end, max_points=500) == chosen


class TestBuckets:
    def test_a_unit_sums_up_all_its_sensors(self, api: Api, sensor: Sensor) -> None:
        other = SensorFactory(organization=api.organization, unit=sensor.unit, site_id=sensor.site_id)
        store(sensor, 2, 4)
        roll()
        store(other, 9)
        (bucket,) = readings_of(api, sensor, resolution="hour")["results"]
        assert (bucket["min"], bucket["avg"], bucket["max"], bucket["count"]) == (2, 5, 9, 3)
        assert (bucket["first"], bucket["last"]) == (None, None)

    def test_late_readings_are_in_the_answer_at_once(self, api: Api, sensor: Sensor) -> None:
        store(sensor, 2, 4)
        roll()
        store(sensor, 9, start=NOON + timedelta(minutes=1))
        for resolution in ("hour", "day"):
            (bucket,) = readings_of(api, sensor, resolution=resolution)["results"]
            assert (bucket["count"], bucket["max"], bucket["last"]) == (3, 9, 4)

    def test_a_year_comes_from_the_summaries_alone(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(12), every=timedelta(days=30))
        roll()
        with as_system():
            Reading.objects.all().delete()
        assert len(readings_of(api, sensor, days=365, resolution="hour")["results"]) == 12
        assert len(readings_of(api, sensor, days=365, resolution="day")["results"]) == 12

    def test_many_scattered_late_hours_are_read_as_one_stretch(self, api: Api, sensor: Sensor) -> None:
        store(sensor, *range(60), every=timedelta(days=5))
        roll()
        store(sensor, *range(60), every=timedelta(days=5), start=NOON + timedelta(minutes=10))
        for resolution in ("hour", "day"):
            found = readings_of(api, sensor, days=300, resolution=resolution)["results"]
            assert [bucket["count"] for bucket in found] == [2] * 60

    def test_more_sensors_and_hours_cost_no_more_statements(self, api: Api, sensor: Sensor) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as caught:
                readings_of(api, sensor, days=3, resolution="hour")
            return len(caught)

        store(sensor, 1)
        statements()  # the first request of a token also writes when it was last used
        one = statements()
        for _ in range(5):
            other = SensorFactory(organization=api.organization, unit=sensor.unit, site_id=sensor.site_id)
            store(other, *range(48), every=timedelta(hours=1))
        assert statements() == one


class TestVersions:
    def ask(self, api: Api, sensor: Sensor, tag: str | None = None, **query: Any) -> Any:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        query = {"from": start.isoformat(), "to": (start + timedelta(days=3)).isoformat(), **query}
        extra = {"HTTP_IF_NONE_MATCH": tag} if tag else {}
        return api.get(api.path(f"units/{sensor.unit_id}/readings/"), query, **extra)

    @pytest.mark.parametrize("query", [{}, {"resolution": "hour"}, {"resolution": "day"}, {"max_points": "2"}])
    def test_a_past_range_has_a_version_until_a_late_reading_comes(
        self, api: Api, sensor: Sensor, query: dict[str, str]
    ) -> None:
        start = datetime(2026, 1, 1, 12, tzinfo=UTC)
        store(sensor, 1, 2, start=start)
        first = self.ask(api, sensor, **query)
        assert "private" in first.headers["Cache-Control"]
        again = self.ask(api, sensor, first.headers["ETag"], **query)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        roll()
        assert self.ask(api, sensor, first.headers["ETag"], **query).status_code == 304
        store(sensor, 9, start=start - timedelta(minutes=1))
        late = self.ask(api, sensor, first.headers["ETag"], **query)
        assert late.status_code == 200
        assert late.headers["ETag"] != first.headers["ETag"]

    def test_a_range_that_has_not_ended_has_no_version(self, api: Api, sensor: Sensor) -> None:
        answer = api.get(api.path(f"units/{sensor.unit_id}/readings/"))
        assert "ETag" not in answer.headers
        assert "private" in answer.headers["Cache-Control"]


class TestWhatThePlanShows:
    def test_older_readings_are_hidden_and_the_answer_says_from_when(
        self, api: Api, sensor: Sensor, organization_with_days: Callable[[Organization, int], None]
    ) -> None:
        now = datetime.now(UTC)
        store(sensor, *range(20), every=timedelta(days=1), start=now - timedelta(days=20, minutes=-5))
        organization_with_days(api.organization, 7)
        query = {"from": (now - timedelta(days=30)).isoformat()}
        for resolution in ("raw", "hour"):
            found = api.read(f"units/{sensor.unit_id}/readings/", resolution=resolution, **query)
            assert len(found["results"]) == 7
            shown = datetime.fromisoformat(found["shown_from"])
            assert abs(shown - (now - timedelta(days=7))) < timedelta(minutes=1)
        past = {**query, "to": (now - timedelta(days=10)).isoformat()}
        assert api.read(f"units/{sensor.unit_id}/readings/", **past)["results"] == []
        assert api.read(f"units/{sensor.unit_id}/readings/statistics/", **past)["count"] == 0

    @pytest.fixture
    def organization_with_days(self) -> Callable[[Organization, int], None]:
        def change(organization: Organization, days: int) -> None:
            with as_system():
                Organization.objects.filter(pk=organization.pk).update(history_days=days)

        return change

    def test_without_a_limit_nothing_is_hidden(self, api: Api, sensor: Sensor) -> None:
        assert readings_of(api, sensor)["shown_from"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
    ],
)
def test_impossible_times_are_only_empty(api: Api, sensor: Sensor, query: dict[str, str]) -> None:
    for resolution in ("raw", "hour", "day", "auto"):
        assert api.read(f"units/{sensor.unit_id}/readings/", resolution=resolution, **query)["results"] == []
