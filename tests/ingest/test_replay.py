"""Recordings: what is read out of files as loggers write them, and how they go through the ingest endpoint."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from ingest.posting import Door
from ingest.recordings import BadRecording, Recording, Row, Wishes, read
from ingest.replaying import Stopped, replay, shifted
from tests.ingest.stand_in import Platform, Scripted

FIXTURES = Path(__file__).parent / "fixtures"
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def fixture(name: str, **wishes: Any) -> Recording:
    return read((FIXTURES / name).read_bytes(), wishes=Wishes(**wishes))


def seen(recording: Recording) -> list[tuple[str, float]]:
    return [(row.recorded_at.isoformat(), round(row.temperature, 2)) for row in recording.rows]


class TestReading:
    def test_a_tag_that_writes_its_offset(self) -> None:
        recording = fixture("tag_with_offset.csv")
        assert recording.rows[0] == Row(2, datetime(2026, 5, 5, 7, 21, 56, tzinfo=UTC), 1.73, 44.2, -96)
        # What can't be is not sent as if it were measured.
        assert (recording.rows[2].humidity, recording.rows[2].signal) == (None, None)
        assert recording.found[1:] == [
            "temperature from 'temperature' (°C)",
            "humidity from 'humidity'",
            "signal from 'rssi'",
        ]

    def test_a_certified_logger_whose_clock_has_no_zone(self) -> None:
        with pytest.raises(BadRecording, match="--timezone"):
            fixture("vaccine_logger.csv")
        recording = fixture("vaccine_logger.csv", timezone=NEW_YORK)
        assert seen(recording)[0] == ("2026-03-07T09:54:00+00:00", 4.4)
        assert [(skipped.line, skipped.reason) for skipped in recording.skipped] == [(2, "'--.-' is not a temperature")]

    def test_fahrenheit_and_offset_in_the_header_and_rows_of_events_only(self) -> None:
        recording = fixture("hobo_fahrenheit.csv")
        assert seen(recording) == [
            ("2026-06-30T04:45:00+00:00", 3.0),
            ("2026-06-30T05:00:00+00:00", 3.4),
            ("2026-06-30T05:30:00+00:00", 5.0),
        ]
        assert "dates read as month/day/year" in recording.found
        assert recording.skipped[0].line == 5

    def test_a_preamble_a_unit_column_and_days_first(self) -> None:
        recording = fixture("ibutton_day_first.csv", timezone=ZoneInfo("UTC"))
        assert seen(recording) == [
            ("2026-10-12T22:09:00+00:00", 4.5),
            ("2026-10-12T23:09:00+00:00", 5.0),
            ("2026-10-13T00:09:00+00:00", 5.0),
            ("2026-10-13T01:09:00+00:00", 5.5),
        ]

    def test_decimal_commas_newest_first_and_the_hour_that_comes_twice(self) -> None:
        recording = fixture("thermometer_newest_first.csv", timezone=BERLIN)
        assert seen(recording) == [
            ("2026-10-24T23:45:00+00:00", 4.5),
            ("2026-10-25T00:15:00+00:00", 4.25),
            ("2026-10-25T00:45:00+00:00", 4.0),
            ("2026-10-25T01:15:00+00:00", 3.75),
            ("2026-10-25T01:45:00+00:00", 3.5),
            ("2026-10-25T02:15:00+00:00", 3.25),
        ]
        assert recording.rows[0].humidity == 83.0

    def test_the_hour_that_clocks_jump_over_is_not_invented(self) -> None:
        recording = fixture("machine.csv", column="value", fahrenheit=True, timezone=NEW_YORK)
        assert seen(recording) == [
            ("2026-03-08T06:50:00+00:00", 20.0),
            ("2026-03-08T06:55:00+00:00", 21.0),
            ("2026-03-08T07:00:00+00:00", 23.0),
        ]
        assert "doesn't exist in America/New_York" in recording.skipped[0].reason

    def test_two_temperatures_are_a_question(self) -> None:
        with pytest.raises(BadRecording, match=r"--column: 'Temperature', 'Probe Temp \(°F\)'"):
            fixture("two_probes.csv", timezone=UTC)
        recording = fixture("two_probes.csv", timezone=UTC, column="probe temp (°f)")
        assert [round(row.temperature, 1) for row in recording.rows] == [-18.0, -20.0, -19.5]

    def test_no_temperature_is_a_question_with_the_columns(self) -> None:
        with pytest.raises(BadRecording, match=r"No column is called a temperature.*'timestamp', 'value'"):
            fixture("machine.csv", timezone=UTC)

    def test_a_wrong_column_lists_the_right_ones(self) -> None:
        with pytest.raises(BadRecording, match=r"There is no column 'temp'\. The columns are: 'timestamp', 'value'"):
            fixture("machine.csv", column="temp", timezone=UTC)

    def test_a_unit_is_not_contradicted(self) -> None:
        with pytest.raises(BadRecording, match="contradicts"):
            fixture("vaccine_logger.csv", timezone=UTC, fahrenheit=True)

    @pytest.mark.parametrize(
        ("dates", "order"),
        [
            (["25/03/2026 10:00", "25/03/2026 10:05"], "day/month/year"),
            (["03/25/2026 10:00", "03/25/2026 10:05"], "month/day/year"),
            (["2026/03/25 10:00", "2026/03/25 10:05"], "year/month/day"),
            (["11/10/26 10:00 PM", "11/10/26 11:00 PM", "12/10/26 12:00 AM"], "day/month/year"),
            (["10/11/26 22:00", "10/11/26 23:00", "10/12/26 0:00"], "month/day/year"),
            (["26/10/11 22:00", "26/10/11 23:00", "26/10/12 0:00"], "year/month/day"),
            (["25.03.2026 10:00:30", "26.03.2026 10:05:30"], "day/month/year"),
        ],
    )
    def test_the_order_of_dates_is_found_where_only_one_makes_sense(self, dates: list[str], order: str) -> None:
        content = "time,temp\n" + "".join(f"{date},4\n" for date in dates)
        assert f"dates read as {order}" in read(content.encode(), wishes=Wishes(timezone=UTC)).found

    def test_the_order_of_dates_is_asked_for_where_two_make_sense(self) -> None:
        content = b"time,temp\n03/04/2026 10:00,4\n03/04/2026 10:05,5\n"
        with pytest.raises(BadRecording, match="several ways"):
            read(content, wishes=Wishes(timezone=UTC))
        for order, month in (("dmy", 4), ("mdy", 3)):
            (row, _) = read(content, wishes=Wishes(timezone=UTC, date_order=order)).rows
            assert row.recorded_at.month == month

    @pytest.mark.parametrize(
        ("time", "utc"),
        [
            ("2026-03-02T12:00:00Z", NOON),
            ("2026-03-02 07:00:00-05:00", NOON),
            ("2026-03-02T12:00:00.250+00:00", NOON + timedelta(milliseconds=250)),
            ("1772452800", NOON),
            ("1772452800000", NOON),
        ],
    )
    def test_moments_that_can_only_mean_one_thing(self, time: str, utc: datetime) -> None:
        (row,) = read(f"time,temp\n{time},4\n".encode(), wishes=Wishes()).rows
        assert row.recorded_at == utc

    def test_date_and_time_in_two_columns(self) -> None:
        content = b"Date,Time,Temperature\n2026-03-02,07:00:00,3.5\n"
        assert seen(read(content, wishes=Wishes(timezone=NEW_YORK))) == [("2026-03-02T12:00:00+00:00", 3.5)]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "No header"),
            (b"\x00\x01\x02", "text file"),
            (b"hello\nworld\n", "No header"),
            (b"time,temp\n", "There is no reading"),
            (b"time,temp\n\n,\n", "There is no reading"),
            (b"time,temp\n2026-03-02T12:00:00Z,warm\n", "line 2: 'warm' is not a temperature"),
            (b"time,temp\nyesterday,4\n", "line 2: 'yesterday' is not a time"),
            (b"time,temp\n2026-13-41T12:00:00Z,4\n", "line 2: '2026-13-41T12:00:00Z' is not a time"),
            (b"time,temp\n2026-03-02T12:00:00Z,nan\n", "'nan' is not a temperature"),
            (b'time,temp\n"2026-03-02T12:00:00Z,4\n', "There is no reading"),
        ],
    )
    def test_says_what_is_wrong_with_a_file(self, content: bytes, sentence: str) -> None:
        with pytest.raises(BadRecording, match=sentence):
            read(content, wishes=Wishes())

    @given(
        st.binary(max_size=300) | st.text(alphabet='time,;\t"\n\r0123456789-:/ .TZtempd', max_size=300).map(str.encode)
    )
    def test_no_file_breaks_the_reader(self, content: bytes) -> None:
        for prefix in (b"", b"time,temperature\n"):
            try:
                recording = read(prefix + content, wishes=Wishes(timezone=UTC))
            except BadRecording:
                continue
            assert recording.rows == sorted(recording.rows, key=lambda row: row.recorded_at)

    @given(
        st.lists(
            st.tuples(
                st.datetimes(datetime(2000, 1, 2), datetime(2035, 1, 1)),  # noqa: DTZ001
                st.floats(-80, 80).map(lambda value: round(value, 2)),
            ),
            min_size=1,
            unique_by=lambda row: row[0],
        ),
        st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-9))]),
    )
    def test_what_is_written_is_read(self, rows: list[tuple[datetime, float]], zone: timezone) -> None:
        written = sorted((moment.replace(tzinfo=zone), value) for moment, value in rows)
        content = "timestamp,temperature_c\n" + "".join(f"{at.isoformat()},{value}\n" for at, value in written)
        recording = read(content.encode(), wishes=Wishes())
        assert [(row.recorded_at, row.temperature) for row in recording.rows] == written


class FakeClock:
    def __init__(self, *, stop_at: datetime | None = None) -> None:
        self.time = NOON
        self.stop_at = stop_at

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.time += timedelta(seconds=seconds)
        return self.stop_at is not None and self.time >= self.stop_at


def rows(count: int, *, every_s: float = 60) -> list[Row]:
    return [Row(number + 2, NOON + timedelta(seconds=number * every_s), 4.0) for number in range(count)]


def play(platform: Platform, recording: list[Row], *, clock: FakeClock | None = None, **options: Any) -> Any:
    return replay(
        recording,
        sensor="S",
        channel="1",
        poster=Door(url=platform.url, key="k"),
        clock=clock or FakeClock(),
        say=options.pop("say", lambda words: None),
        **options,
    )


class TestReplaying:
    def test_sends_batches_and_counts_what_became_of_them(self, platform: Platform) -> None:
        recording = [*rows(2100), Row(9999, NOON + timedelta(days=9), -127.0)]
        report = play(platform, recording)
        assert (report.accepted, report.duplicates, report.refused) == (2100, 0, {"sensor_fault": 1})
        assert report.examples == [(9999, "sensor_fault", "The probe is broken.")]
        assert [len(request["readings"]) for request in platform.requests] == [1000, 1000, 101]
        assert platform.requests[0]["readings"][0] == {
            "sensor": "S",
            "channel": "1",
            "recorded_at": "2026-03-02T12:00:00Z",
            "temperature": 4.0,
        }
        again = play(platform, recording)
        assert (again.accepted, again.duplicates) == (0, 2100)

    def test_plays_at_the_speed_it_was_recorded_or_faster(self, platform: Platform) -> None:
        clock = FakeClock()
        play(platform, rows(10), clock=clock, speed=60)
        assert len(platform.requests) == 10
        assert timedelta(seconds=9) <= clock.now() - NOON < timedelta(seconds=11)

    def test_stops_when_it_is_told_to(self, platform: Platform) -> None:
        with pytest.raises(Stopped, match="3 of 10") as caught:
            play(platform, rows(10), clock=FakeClock(stop_at=NOON + timedelta(seconds=150)), speed=1)
        assert caught.value.report.accepted == 3

    def test_tries_again_while_the_platform_is_busy(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock()
        platform.scripted.extend(
            [Scripted(503, headers={"Retry-After": "7"}), Scripted(429, headers={"Retry-After": "3"})]
        )
        report = play(platform, rows(5), clock=clock, say=said.append)
        assert report.accepted == 5
        assert clock.now() - NOON >= timedelta(seconds=10)
        assert "next try in 7 s" in said[0]

    def test_gives_up_after_its_patience_and_says_how_far_it_came(self, platform: Platform) -> None:
        platform.scripted.append(Scripted())
        platform.scripted.extend([Scripted(503, {"detail": "Busy."})] * 100)
        clock = FakeClock()
        with pytest.raises(Stopped, match="Busy") as caught:
            play(platform, rows(1500), clock=clock)
        assert caught.value.report.accepted == 1000
        assert timedelta(seconds=30) <= clock.now() - NOON <= timedelta(seconds=60)

    def test_makes_batches_smaller_where_they_are_too_large(self, platform: Platform) -> None:
        platform.scripted.append(Scripted(413))
        assert play(platform, rows(1000)).accepted == 1000
        assert [len(request["readings"]) for request in platform.requests] == [1000, 500, 500]

    def test_a_refused_key_ends_it(self, platform: Platform) -> None:
        platform.scripted.append(Scripted(401, {"detail": "This key is unknown, expired or revoked."}))
        with pytest.raises(Stopped, match="This key is unknown"):
            play(platform, rows(3))

    def test_shifting_keeps_distances_and_whole_milliseconds(self) -> None:
        newest = datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)
        moved = shifted(rows(4), newest=newest)
        assert newest - timedelta(milliseconds=1) < moved[-1].recorded_at <= newest
        assert [row.recorded_at - moved[0].recorded_at for row in moved] == [row.recorded_at - NOON for row in rows(4)]
        assert all(row.recorded_at.microsecond % 1000 == 0 for row in moved)


class TestTheCommand:
    @staticmethod
    def run(*arguments: str) -> str:
        output = StringIO()
        call_command("replay", *arguments, stdout=output)
        return output.getvalue()

    def test_reports_what_was_sent_and_what_was_not(self, platform: Platform) -> None:
        output = self.run(
            *(str(FIXTURES / "vaccine_logger.csv"), "--sensor", "FRIDGE-1", "--url", platform.url, "--key", "k"),
            *("--timezone", "America/New_York"),
        )
        assert "3 readings from 2026-03-07 09:54:00Z to 2026-03-07 10:04:00Z" in output
        assert "3 accepted, 0 known already, 0 refused" in output
        assert "not sent: 1 rows, '--.-' is not a temperature (first: line 2)" in output
        assert ("FRIDGE-1", "0", "2026-03-07T09:59:00Z") in platform.stored

    def test_shifts_to_now(self, platform: Platform) -> None:
        before = datetime.now(UTC)
        self.run(
            str(FIXTURES / "tag_with_offset.csv"),
            "--sensor",
            "S",
            "--url",
            platform.url,
            "--key",
            "k",
            "--shift-to-now",
        )
        newest = max(datetime.fromisoformat(at) for _, _, at in platform.stored)
        assert before - timedelta(milliseconds=1) <= newest <= datetime.now(UTC)

    def test_uses_the_key_of_the_demo(self, platform: Platform, tmp_path: Path, settings: Any) -> None:
        settings.HOME = tmp_path
        arguments = (str(FIXTURES / "tag_with_offset.csv"), "--sensor", "S", "--url", platform.url)
        with pytest.raises(CommandError, match="--key"):
            self.run(*arguments)
        second = {"org": "demo-2", "ingest_key": "key-2", "token": "t"}
        content = {"org": "demo", "ingest_key": "key-1", "token": "t", "second_org": second}
        (tmp_path / "demo.json").write_text(json.dumps(content))
        self.run(*arguments)
        self.run(*arguments, "--org", "demo-2")
        with pytest.raises(CommandError, match="no key of 'nobody'"):
            self.run(*arguments, "--org", "nobody")
        keys = [request["headers"]["Authorization"] for request in platform.requests]
        assert keys == ["Bearer key-1", "Bearer key-2"]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nowhere.csv"], "can't be read: No such file"),
            ([str(FIXTURES / "machine.csv")], "--column"),
            ([str(FIXTURES / "vaccine_logger.csv")], "--timezone"),
            ([str(FIXTURES / "vaccine_logger.csv"), "--timezone", "Mars/Olympus"], "not a time zone"),
            ([str(FIXTURES / "vaccine_logger.csv"), "--speed", "2", "--as-fast"], "not allowed with"),
        ],
    )
    def test_says_what_is_missing(self, arguments: list[str], sentence: str) -> None:
        with pytest.raises(CommandError, match=sentence):
            self.run(*arguments, "--sensor", "S", "--key", "k")

    def test_fails_if_nothing_was_taken(self, platform: Platform, tmp_path: Path) -> None:
        file = tmp_path / "torn.csv"
        file.write_text("time,temp\n2026-03-02T12:00:00Z,-127\n")
        with pytest.raises(CommandError, match="took none"):
            self.run(str(file), "--sensor", "S", "--url", platform.url, "--key", "k")

    def test_fails_if_nobody_is_there(self, platform: Platform) -> None:
        platform.scripted.append(Scripted(401, {"detail": "This key is revoked."}))
        arguments = (str(FIXTURES / "tag_with_offset.csv"), "--sensor", "S", "--url", platform.url, "--key", "k")
        with pytest.raises(CommandError, match="This key is revoked"):
            self.run(*arguments)
        platform.scripted.append(Scripted(hold=threading.Event(), status=503))
        platform.close()
        with pytest.raises(CommandError, match="can't be reached"):
            self.run(*arguments, "--patience", "0.5")
