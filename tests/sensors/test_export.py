"""Readings as files: everything of any range, in order, in a form that other programs read without guessing."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow.parquet
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.cache import cache
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organizations.exports import ExportEnded
from organizations.models import AccessToken, Membership, Organization, Role, SecurityEvent
from sensors.exporting.pages import PAGE_ROWS
from sensors.models import Reading, Sensor, Unit
from tests.factories import MembershipFactory, SensorFactory, SiteFactory, UnitFactory, as_system, token_of
from tests.organizations.people import base, client_of
from tests.sensors.exports import BEGIN, HEADER, fill, written_by_hand

pytestmark = pytest.mark.django_db

END = BEGIN + timedelta(days=400)


class Exports:
    """Files of readings, as a member gets them."""

    def __init__(self, member: Membership) -> None:
        self.member, self.client = member, client_of(member.user)

    def ask(self, what: Unit | Sensor, form: str = "csv", headers: Any = None, **query: Any) -> Any:
        path = f"units/{what.pk}" if isinstance(what, Unit) else f"sensors/{what.public_id}"
        query = {"from": BEGIN.isoformat(), "to": END.isoformat(), "format": form, **query}
        return self.client.get(f"{base(self.member)}{path}/readings/", query, headers=headers)

    def file(self, what: Unit | Sensor, **query: Any) -> bytes:
        answer = self.ask(what, **query)
        assert answer.status_code == 200, answer.content
        return b"".join(answer)

    def rows(self, what: Unit | Sensor, **query: Any) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.file(what, **query).decode(), newline="")))

    def parquet(self, what: Unit | Sensor, **query: Any) -> Any:
        return pyarrow.parquet.read_table(io.BytesIO(self.file(what, form="parquet", **query)))


@pytest.fixture
def unit() -> Unit:
    return UnitFactory(name="Walk-in, back")


@pytest.fixture
def organization(unit: Unit) -> Organization:
    return unit.organization


@pytest.fixture
def exports(organization: Organization) -> Exports:
    return Exports(MembershipFactory(organization=organization))


def two_of(unit: Unit, *, many: int) -> list[Sensor]:
    """Two probes of one unit that report at the same and at other times."""
    sensors = [SensorFactory(unit=unit, channel="0"), SensorFactory(unit=unit, channel="left")]
    fill(sensors[0], many=many)
    fill(sensors[1], many=many, every=timedelta(minutes=10))
    return sensors


class TestCsv:
    def test_is_what_a_plain_loop_over_the_readings_writes(self, exports: Exports, unit: Unit) -> None:
        sensors = two_of(unit, many=3000)
        assert exports.file(unit) == written_by_hand(sensors, start=BEGIN, end=END)
        assert exports.file(sensors[1]) == written_by_hand(sensors[1:], start=BEGIN, end=END)

    def test_holds_every_value_that_can_be_stored(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        values = [-20_000, -101, -100, -99, -1, 0, 1, 99, 100, 20_000, None]
        with as_system():
            Reading.objects.bulk_create(
                Reading(
                    sensor=sensor,
                    recorded_at=BEGIN + timedelta(minutes=number),
                    organization=sensor.organization,
                    delay_s=(-600, 0, 2_000_000_000)[number % 3],
                    temperature=None if value is None else value / 100,
                    humidity=None if value is None else abs(value) / 200,
                    battery=None if value is None else abs(value) // 200,
                    signal=None if value is None else -abs(value) // 100,
                    door=None if value is None else number % 2,
                )
                for number, value in enumerate(values)
            )
        assert exports.file(unit) == written_by_hand([sensor], start=BEGIN, end=END)
        shown = [row["temperature"] for row in exports.rows(unit)]
        assert shown == ["-200.00", "-1.01", "-1.00", "-0.99", "-0.01", "0.00", "0.01", "0.99", "1.00", "200.00", ""]

    def test_the_range_begins_with_its_start_and_ends_before_its_end(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        fill(sensor, many=10)
        times = [row["recorded_at"] for row in exports.rows(unit)]
        begin, end = times[2], times[5]
        assert [row["recorded_at"] for row in exports.rows(unit, **{"from": begin, "to": end})] == times[2:5]

    def test_has_a_name_a_type_and_its_length(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        fill(sensor, many=7)
        answer = exports.ask(unit)
        name = f"freshtrack-walk-in-back-{BEGIN:%Y-%m-%d}-{END:%Y-%m-%d}.csv"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (answer.headers["X-Total-Rows"], answer.headers["X-Total-Rows-Exact"]) == ("7", "true")
        assert b"".join(answer).count(b"\r\n") == 8

    def test_its_headers_can_be_had_without_it(self, exports: Exports, unit: Unit) -> None:
        fill(SensorFactory(unit=unit), many=7)
        path = f"{base(exports.member)}units/{unit.pk}/readings/"
        with CaptureQueriesContext(connection) as captured:
            answer = exports.client.head(f"{path}?format=csv&from={BEGIN:%Y-%m-%d}T00:00:00Z")
            assert b"".join(answer) == b""
        assert (answer.status_code, answer.headers["X-Total-Rows"]) == (200, "7")
        assert not any("timestamptz_send" in query["sql"] for query in captured)

    def test_is_chosen_by_accept_too(self, exports: Exports, unit: Unit) -> None:
        path = f"{base(exports.member)}units/{unit.pk}/readings/"
        answer = exports.client.get(path, headers={"Accept": "text/csv"})
        assert b"".join(answer) == ",".join(HEADER).encode() + b"\r\n"
        assert exports.client.get(path).json()["results"] == [], "without it, a page"

    def test_has_no_cell_that_a_spreadsheet_would_calculate(self, exports: Exports) -> None:
        for begin in ("=", "+", "-", "@", "＝", " ="):
            unit = UnitFactory(area__site__organization=exports.member.organization, name=f'{begin}1,"x"')
            sensor = SensorFactory(unit=unit, serial=f"{begin}S", channel=f"{begin}2")
            fill(sensor, many=3)
            assert exports.file(unit) == written_by_hand([sensor], start=BEGIN, end=END)
            row = exports.rows(unit)[0]
            assert (row["unit"], row["serial"], row["channel"]) == (f'\'{begin}1,"x"', f"'{begin}S", f"'{begin}2")
            assert row["temperature"] == "", "numbers below zero stay numbers"
            assert exports.rows(unit)[1]["temperature"] == "-199.63"

    def test_of_a_probe_that_nobody_claimed(self, exports: Exports) -> None:
        sensor = SensorFactory(unclaimed=True, organization=exports.member.organization, serial="NEW")
        fill(sensor, many=20)
        assert exports.file(sensor) == written_by_hand([sensor], start=BEGIN, end=END)

    def test_of_nothing_is_a_header(self, exports: Exports, unit: Unit) -> None:
        for _ in range(2):
            assert exports.rows(unit) == []
            assert exports.parquet(unit).num_rows == 0
            SensorFactory(unit=unit)

    def test_comes_packed_to_who_takes_that(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        fill(sensor, many=20_000)
        plain = exports.file(unit)
        for accepted in ("gzip", "deflate, gzip;q=0.5, br"):
            answer = exports.ask(unit, headers={"Accept-Encoding": accepted})
            packed = b"".join(answer)
            assert answer.headers["Content-Encoding"] == "gzip"
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert gzip.decompress(packed) == plain
            assert len(packed) < len(plain) / 4
        for refused in ("identity", "gzip;q=0, *", "br"):
            answer = exports.ask(unit, headers={"Accept-Encoding": refused})
            assert "Content-Encoding" not in answer.headers
            assert b"".join(answer) == plain

    def test_hours_and_days_are_those_of_the_chart(self, exports: Exports, unit: Unit) -> None:
        fill(SensorFactory(unit=unit), many=5000)
        for resolution in ("hour", "day"):
            query = {
                "resolution": resolution,
                "from": BEGIN.isoformat(),
                "to": (BEGIN + timedelta(days=17)).isoformat(),
            }
            page = exports.ask(unit, form="json", page_size=2000, **query).json()["results"]
            rows = exports.rows(unit, **query)
            assert len(page) == len(rows) > 16
            for shown, row in zip(page, rows, strict=True):
                for name, text in row.items():
                    value = shown[name]
                    assert text == ("" if value is None else str(value)), name
            assert exports.parquet(unit, **query).column("max").to_pylist() == [row["max"] for row in page]

    @pytest.mark.parametrize(
        "query", [{"from": "yesterday"}, {"resolution": "week"}, {"from": END.isoformat(), "to": BEGIN.isoformat()}]
    )
    @pytest.mark.parametrize("form", ["csv", "parquet"])
    def test_what_cannot_be_asked_is_told_in_words(
        self, exports: Exports, unit: Unit, form: str, query: dict[str, str]
    ) -> None:
        answer = exports.ask(unit, form=form, **query)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
        assert answer.json()["errors"][0]["field"] == next(iter(query))


class TestLongRanges:
    def test_come_in_order_over_many_pages_whatever_the_pace(self, exports: Exports, unit: Unit) -> None:
        """Stretches of seconds, minutes and silence, of two probes that overlap."""
        first, second = SensorFactory(unit=unit), SensorFactory(unit=unit)
        fill(first, many=90_000, every=timedelta(seconds=1))
        fill(first, many=3000, begin=BEGIN + timedelta(days=40), every=timedelta(hours=1))
        fill(second, many=60_000, begin=BEGIN + timedelta(hours=6), every=timedelta(seconds=5))
        fill(second, many=10, begin=BEGIN + timedelta(days=380))
        query = {"from": "2000-01-01T00:00:00Z"}
        answer = exports.ask(unit, **query)
        assert (answer.headers["X-Total-Rows"], answer.headers["X-Total-Rows-Exact"]) == ("153010", "true")
        assert b"".join(answer) == written_by_hand([first, second], start=BEGIN, end=END)

    def test_more_than_can_be_counted_quickly_are_estimated(self, exports: Exports, unit: Unit) -> None:
        fill(SensorFactory(unit=unit), many=210_000, every=timedelta(seconds=30))
        answer = exports.ask(unit)
        assert answer.headers["X-Total-Rows-Exact"] == "false"
        assert int(answer.headers["X-Total-Rows"]) > 200_000

    def test_cost_a_handful_of_statements_a_page(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        fill(sensor, many=4 * PAGE_ROWS, every=timedelta(seconds=60))
        with CaptureQueriesContext(connection) as captured:
            assert exports.file(unit).count(b"\n") == 4 * PAGE_ROWS + 1
        asked = [query["sql"] for query in captured if " FROM " in query["sql"]]
        assert len(asked) < 45

    def test_late_readings_neither_shift_nor_repeat_rows(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        fill(sensor, many=3 * PAGE_ROWS, every=timedelta(seconds=60))
        before = written_by_hand([sensor], start=BEGIN, end=END).splitlines()
        parts = iter(exports.ask(unit))
        got = next(parts) + next(parts)
        fill(sensor, many=50, begin=BEGIN + timedelta(seconds=30), every=timedelta(seconds=60))
        fill(sensor, many=50, begin=BEGIN + timedelta(days=104, seconds=30), every=timedelta(seconds=60))
        lines = (got + b"".join(parts)).splitlines()
        after = written_by_hand([sensor], start=BEGIN, end=END).splitlines()
        assert len(lines) == len(set(lines))
        assert set(before) <= set(lines) <= set(after)
        assert len(lines) == len(before) + 50, "those that the download hasn't passed yet are in it"
        # The text of a moment without milliseconds is "greater" than with: compare moments.
        times = [datetime.fromisoformat(line.split(b",")[0].decode()) for line in lines[1:]]
        assert all(one <= other for one, other in pairwise(times))


class TestParquet:
    def test_says_the_same_as_csv_in_types(self, exports: Exports, unit: Unit) -> None:
        two_of(unit, many=2000)
        table, rows = exports.parquet(unit), exports.rows(unit)
        assert table.column_names == list(HEADER)
        types = {field.name: str(field.type) for field in table.schema}
        assert types["recorded_at"] == types["received_at"] == "timestamp[ms, tz=UTC]"
        assert types["serial"] == "dictionary<values=string, indices=int32, ordered=0>"
        assert (types["temperature"], types["battery"], types["door_open"]) == ("double", "int16", "bool")
        assert [_as_text(row) for row in table.to_pylist()] == rows

    def test_a_group_is_about_as_large_as_a_page(self, exports: Exports, unit: Unit) -> None:
        fill(SensorFactory(unit=unit), many=5 * PAGE_ROWS, every=timedelta(seconds=60))
        file = exports.file(unit, form="parquet")
        whole = pyarrow.parquet.ParquetFile(io.BytesIO(file))
        assert whole.metadata.num_rows == 5 * PAGE_ROWS
        groups = [whole.metadata.row_group(n).num_rows for n in range(whole.metadata.num_row_groups)]
        assert all(PAGE_ROWS <= rows <= 3 * PAGE_ROWS for rows in groups[:-1]), groups
        assert len(file) < 5 * PAGE_ROWS * 20

    def test_has_a_type_and_a_name(self, exports: Exports, unit: Unit) -> None:
        path = f"{base(exports.member)}units/{unit.pk}/readings/"
        for answer in (
            exports.ask(unit, form="parquet", headers={"Accept-Encoding": "gzip"}),
            exports.client.get(path, headers={"Accept": "application/vnd.apache.parquet"}),
        ):
            assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
            assert answer.headers["Content-Disposition"].endswith('.parquet"')
            assert "Content-Encoding" not in answer.headers, "it is packed already"
            assert b"".join(answer)[:4] == b"PAR1"

    def test_without_its_library_the_answer_says_so(self) -> None:
        """In a process of its own, which has no pyarrow."""
        program = """
import sys
sys.modules["pyarrow"] = None
import django
django.setup()
from types import SimpleNamespace
from sensors.exporting import downloads
request = SimpleNamespace(accepted_renderer=downloads.ParquetRenderer())
try:
    downloads.download(request, None, membership=None, by=None, action="readings.view")
except downloads.ParquetUnavailable as refusal:
    print(refusal.status, refusal.code, refusal)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.startswith("406 parquet_unavailable This installation can't make Parquet")


def _as_text(row: dict[str, Any]) -> dict[str, str]:
    def text(name: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, datetime):
            assert value.tzinfo is not None
            shown = value.astimezone(UTC).isoformat(timespec="milliseconds" if value.microsecond else "seconds")
            return shown.replace("+00:00", "Z")
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    return {name: text(name, value) for name, value in row.items()}


class TestWhoMay:
    @pytest.fixture
    def sensor(self, unit: Unit) -> Sensor:
        sensor = SensorFactory(unit=unit)
        fill(sensor, many=3 * PAGE_ROWS, every=timedelta(seconds=60))
        return sensor

    def test_others_find_nothing(self, unit: Unit, sensor: Sensor) -> None:
        stranger = Exports(MembershipFactory())
        for what in (unit, sensor):
            for form in ("csv", "parquet"):
                answer = stranger.ask(what, form=form)
                assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")

    def test_restricted_members_get_those_of_their_sites(self, unit: Unit, sensor: Sensor) -> None:
        elsewhere = SiteFactory(organization=unit.organization)
        for site, status in ((unit.site, 200), (elsewhere, 404)):
            member = Exports(MembershipFactory(organization=unit.organization, role=Role.VIEWER, site_ids=[site.pk]))
            for what in (unit, sensor):
                answer = member.ask(what)
                assert answer.status_code == status
                if status == 200:
                    assert b"".join(answer).count(b"\n") == 3 * PAGE_ROWS + 1

    @pytest.mark.parametrize("form", ["csv", "parquet"])
    @pytest.mark.parametrize("change", ["removed", "restricted", "token revoked", "organization deleted"])
    def test_breaks_off_when_the_reader_may_not_go_on(
        self, exports: Exports, unit: Unit, sensor: Sensor, form: str, change: str
    ) -> None:
        parts = iter(exports.ask(unit, form=form))
        got = [next(parts)]
        with as_system():
            member = Membership.objects.filter(pk=exports.member.pk)
            if change == "removed":
                member.update(ended_at=timezone.now())
            elif change == "restricted":
                member.update(role=Role.STAFF, site_ids=[SiteFactory(organization=unit.organization).pk])
            elif change == "token revoked":
                AccessToken.objects.filter(user=exports.member.user).update(revoked_at=timezone.now())
            else:
                Organization.objects.filter(pk=unit.organization_id).update(deleted_at=timezone.now())
        with pytest.raises(ExportEnded):
            got.extend(parts)
        # A list keeps what came before the error.
        assert b"".join(got).count(b"\n") <= 2 * PAGE_ROWS
        if form == "parquet":
            with pytest.raises(pyarrow.ArrowInvalid):
                pyarrow.parquet.read_table(io.BytesIO(b"".join(got)))

    def test_breaks_off_when_a_sensor_leaves_the_sites_of_its_reader(self, unit: Unit, sensor: Sensor) -> None:
        member = MembershipFactory(organization=unit.organization, role=Role.VIEWER, site_ids=[unit.site_id])
        parts = iter(Exports(member).ask(unit))
        next(parts)
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(site=SiteFactory(organization=unit.organization))
        with pytest.raises(ExportEnded):
            list(parts)

    def test_what_the_plan_hides_is_not_in_it(self, exports: Exports, unit: Unit) -> None:
        sensor = SensorFactory(unit=unit)
        now = timezone.now()
        fill(sensor, many=200, begin=now - timedelta(days=20), every=timedelta(hours=2))
        with as_system():
            Organization.objects.filter(pk=unit.organization_id).update(history_days=10)
        query = {"from": (now - timedelta(days=30)).isoformat(), "to": now.isoformat()}
        times = [datetime.fromisoformat(row["recorded_at"]) for row in exports.rows(unit, **query)]
        assert now - timedelta(days=10) <= min(times) < now - timedelta(days=9, hours=21)
        with as_system():
            Organization.objects.filter(pk=unit.organization_id).update(history_days=None)
        assert len(exports.rows(unit, **query)) == 200, "hidden, not gone"

    def test_each_is_noted_in_the_audit_trail(self, exports: Exports, unit: Unit) -> None:
        exports.file(unit)
        with as_system():
            (event,) = SecurityEvent.objects.filter(organization=unit.organization)
        assert (event.kind, event.user_id) == ("readings_exported", exports.member.user_id)
        assert event.detail.startswith("Walk-in, back, 2026-10-01T00:00:00Z to ")


class TestAtOnce:
    @pytest.fixture
    def few(self, settings: Any, unit: Unit) -> None:
        settings.EXPORTS_PER_USER, settings.EXPORTS_PER_ORGANIZATION = 2, 3
        fill(SensorFactory(unit=unit), many=20)

    def test_a_person_has_a_few(self, exports: Exports, unit: Unit, few: None) -> None:
        running = [exports.ask(unit), exports.ask(unit, form="parquet")]
        answer = exports.ask(unit)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_exports")
        assert int(answer.headers["Retry-After"]) > 0
        assert [len(b"".join(answer)) > 0 for answer in running] == [True, True]
        assert [exports.ask(unit).status_code for _ in range(3)] == [200, 200, 429]

    def test_an_organization_has_a_few(self, exports: Exports, unit: Unit, few: None) -> None:
        others = [Exports(MembershipFactory(organization=unit.organization)) for _ in range(2)]
        answers = [member.ask(unit) for member in (exports, exports, *others)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        elsewhere = UnitFactory()
        assert Exports(MembershipFactory(organization=elsewhere.organization)).ask(elsewhere).status_code == 200

    def test_one_that_breaks_off_leaves_its_place(self, unit: Unit, few: None) -> None:
        member = MembershipFactory(organization=unit.organization, role=Role.STAFF)
        exports = Exports(member)
        for _ in range(3):
            parts = iter(exports.ask(unit))
            next(parts)
            with as_system():
                Membership.objects.filter(pk=member.pk).update(site_ids=[unit.site_id])
            with pytest.raises(ExportEnded):
                list(parts)
            with as_system():
                Membership.objects.filter(pk=member.pk).update(site_ids=None)

    def test_one_whose_process_was_killed_gives_its_place_back(self, exports: Exports, unit: Unit, few: None) -> None:
        exports.ask(unit)
        key = f"export:user:{exports.member.user_id}:0"
        assert 0 < cache._cache.get_client().pttl(cache.make_key(key)) <= 180_000  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
class TestUnderTheServer:
    def test_parts_are_sent_while_it_is_read_and_a_client_that_goes_ends_it(self, unit: Unit, settings: Any) -> None:
        settings.EXPORTS_PER_USER = 1
        fill(SensorFactory(unit=unit), many=3 * PAGE_ROWS, every=timedelta(seconds=60))
        member = MembershipFactory(organization=unit.organization)
        headers = {"Authorization": f"Bearer {token_of(member.user)}"}
        path = f"{base(member)}units/{unit.pk}/readings/?format=csv&from={BEGIN:%Y-%m-%d}T00:00:00Z"

        async def read(parts: int | None) -> int:
            answer = await AsyncClient().get(path, headers=headers)
            assert answer.status_code == 200, answer.content
            assert answer.is_async
            rows, number = 0, 0
            async for part in answer.streaming_content:
                rows, number = rows + part.count(b"\n"), number + 1
                if number == parts:
                    break
            await sync_to_async(answer.close)()
            return rows

        assert PAGE_ROWS > async_to_sync(read)(3) > 1
        assert async_to_sync(read)(None) > PAGE_ROWS
