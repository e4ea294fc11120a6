"""`manage.py replay FILE --sensor SERIAL`: a recorded CSV goes through the ingest endpoint."""

import threading
from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.management.commands.simulate import positive, stopped_by_signals
from ingest.posting import Door
from ingest.recordings import DATE_ORDERS, BadRecording, Recording, Wishes, read
from ingest.replaying import Report, Stopped, replay, shifted
from ingest.simulator.demo import NoKeys, read_keys
from ingest.simulator.gateways import RealClock


class Command(BaseCommand):
    help = "Send a recorded CSV through the ingest endpoint. See docs/simulator.md."
    requires_system_checks = ()  # a logger needs no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--sensor", required=True, metavar="SERIAL", help="serial of the sensor it is sent for")
        parser.add_argument("--channel", default="0")
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="where FreshTrack is (default: %(default)s)")
        parser.add_argument("--org", default="demo", help="demo organization whose key is used (default: demo)")
        parser.add_argument("--key", help="ingest key to use instead of demo.json's")
        pace = parser.add_mutually_exclusive_group()
        pace.add_argument("--speed", type=positive, help="play it this much faster than it was recorded (1: as it was)")
        pace.add_argument("--as-fast", action="store_true", help="send it at once (this is the default)")
        parser.add_argument(
            "--shift-to-now",
            action="store_true",
            help="move all times alike, so that the last reading is sent as of now",
        )
        parser.add_argument(
            "--timezone", type=zone, help="whose clock the times are of, if they don't say so themselves"
        )
        parser.add_argument("--column", help="name of the temperature column")
        parser.add_argument("--time-column", help="name of the time column")
        parser.add_argument("--fahrenheit", action="store_true", help="the temperatures are °F")
        parser.add_argument("--date-order", choices=DATE_ORDERS, help="how to read dates like 11/10/12")
        parser.add_argument("--patience", type=positive, default=60.0, help="seconds to go on trying (default: 60)")

    def handle(self, **options: Any) -> None:
        recording = self._read(options)
        name = options["file"].name
        rows = recording.rows
        self._say(f"{name}: {'; '.join(recording.found)}")
        stop = threading.Event()
        with stopped_by_signals(stop):
            if options["shift_to_now"]:
                length = rows[-1].recorded_at - rows[0].recorded_at
                playing = length / options["speed"] if options["speed"] else timedelta(0)
                rows = shifted(rows, newest=datetime.now(UTC) + playing)
            first, last = rows[0].recorded_at, rows[-1].recorded_at
            self._say(f"{len(rows)} readings from {first:%Y-%m-%d %H:%M:%S}Z to {last:%Y-%m-%d %H:%M:%S}Z")
            try:
                report = replay(
                    rows,
                    sensor=options["sensor"],
                    channel=options["channel"],
                    poster=Door(url=options["url"], key=options["key"] or self._key(options["org"])),
                    clock=RealClock(stop=stop),
                    say=self._say,
                    speed=options["speed"],
                    patience_s=options["patience"],
                )
            except Stopped as stopped:
                self._report(stopped.report, recording)
                raise CommandError(f"{stopped}. What was accepted is stored; run it again for the rest.") from stopped
        self._report(report, recording)
        if not report.accepted and not report.duplicates:
            raise CommandError("The platform took none of the readings.")

    def _read(self, options: dict[str, Any]) -> Recording:
        try:
            return read(
                options["file"].read_bytes(),
                wishes=Wishes(
                    column=options["column"],
                    time_column=options["time_column"],
                    timezone=options["timezone"],
                    fahrenheit=options["fahrenheit"],
                    date_order=options["date_order"],
                ),
            )
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from error
        except BadRecording as error:
            raise CommandError(f"{options['file'].name}: {error}") from error

    def _key(self, org: str) -> str:
        try:
            keys = read_keys(settings.HOME / "demo.json")
        except NoKeys as error:
            raise CommandError(f"{error} Or give a --key.") from error
        if org not in keys:
            raise CommandError(f"demo.json has no key of {org!r}, only of {', '.join(keys)}. Give a --key.")
        return keys[org].ingest_key

    def _report(self, report: Report, recording: Recording) -> None:
        refused = sum(report.refused.values())
        self._say(f"{report.accepted} accepted, {report.duplicates} known already, {refused} refused")
        for line, code, detail in report.examples:
            self._say(f"  line {line}: {code}: {detail}")
        for code, count in sorted(report.refused.items()):
            self._say(f"  {code}: {count} in all")
        for reason, count in Counter(skipped.reason for skipped in recording.skipped).most_common(5):
            first = next(skipped.line for skipped in recording.skipped if skipped.reason == reason)
            self._say(f"  not sent: {count} rows, {reason} (first: line {first})")

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()


def zone(name: str) -> ZoneInfo:
    """Read an IANA time zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise CommandError(f"{name!r} is not a time zone. Use a name like America/New_York or UTC.") from error
