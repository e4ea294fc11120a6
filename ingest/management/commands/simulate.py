"""`manage.py simulate`: gateways that exist only here post the readings of the demo's units over HTTP."""

import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.posting import Door
from ingest.simulator.demo import Keys, NoKeys, Player, newest_times, play, play_once, read_keys
from ingest.simulator.gateways import ASLEEP, Gateway, RealClock
from ingest.simulator.roster import ORGANIZATIONS, DemoSite


def positive(text: str) -> float:
    """Read an option that is a number above zero."""
    try:
        number = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a number.") from error
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text} is not above zero.")
    return number


def not_negative(text: str) -> float:
    """Read an option that is zero or more; zero switches something off."""
    return 0.0 if text.strip() in ("0", "0.0") else positive(text)


class Command(BaseCommand):
    help = "Play the gateways of the demo organizations over HTTP. See docs/simulator.md."
    requires_system_checks = ()  # a gateway needs no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="where FreshTrack is (default: %(default)s)")
        parser.add_argument(
            "--org", action="append", choices=[o.slug for o in ORGANIZATIONS], help="only this one (may be repeated)"
        )
        parser.add_argument("--key", help="ingest key to use instead of demo.json's; needs one --org")
        parser.add_argument("--interval", type=positive, default=10.0, help="seconds between readings (default: 10)")
        parser.add_argument(
            "--speed", type=positive, default=1.0, help="play the past --history this much faster, until it is now"
        )
        parser.add_argument(
            "--history", type=not_negative, default=24.0, help="hours of past readings for new sensors (default: 24)"
        )
        parser.add_argument(
            "--excursion-every", type=not_negative, default=5.0, help="minutes between excursions, 0: none (default: 5)"
        )
        parser.add_argument("--seed", default="1", help="another seed, other doors and other weather (default: 1)")
        parser.add_argument("--duration", type=positive, help="stop after so many seconds")
        parser.add_argument("--once", action="store_true", help="send the history and one reading a sensor, then end")

    def handle(self, **options: Any) -> None:
        if options["speed"] < 1:
            raise CommandError("--speed can't be below 1: readings carry the time at which they are made.")
        stop = threading.Event()
        with stopped_by_signals(stop):
            try:
                self._play(stop, **options)
            except NoKeys as error:
                raise CommandError(str(error)) from error

    def _play(self, stop: threading.Event, **options: Any) -> None:
        history = timedelta(hours=options["history"])
        faster = options["speed"] != 1.0
        clock = RealClock(stop=stop, speed=options["speed"], since=datetime.now(UTC) - history if faster else None)
        every = timedelta(minutes=options["excursion_every"]) * options["speed"]
        players = [
            Player(
                gateway=Gateway(
                    site,
                    poster=Door(url=options["url"], key=keys.ingest_key),
                    clock=clock,
                    say=self._voice(site.gateway),
                    seed=options["seed"],
                    interval_s=options["interval"],
                    excursion_every=every or None,
                    asleep=ASLEEP * options["speed"],
                ),
                newest=partial(newest_times, site, url=options["url"], org=org, token=keys.token)
                if keys.token and not faster
                else None,
            )
            for org, site, keys in self._sites(options["org"], options["key"])
        ]
        say = self._voice()
        if options["once"]:
            if not play_once(players, stop=stop, history=history):
                raise CommandError("The platform has not taken all readings.")
        else:
            say(f"{len(players)} gateways post to {options['url']}")
            play(players, stop=stop, history=history, duration_s=options["duration"], say=say)
        for player in players:
            say(f"{player.gateway.plan.gateway}: in all {player.gateway.outbox.tally}")

    def _sites(self, orgs: list[str] | None, key: str | None) -> Iterator[tuple[str, DemoSite, Keys]]:
        wanted = [o for o in ORGANIZATIONS if not orgs or o.slug in orgs]
        if key and len(wanted) != 1:
            raise CommandError("--key belongs to one organization: say which with --org.")
        known = {wanted[0].slug: Keys(ingest_key=key, token="")} if key else read_keys(settings.HOME / "demo.json")
        for organization in wanted:
            if organization.slug not in known:
                raise NoKeys(f"demo.json has no keys of {organization.slug}. `manage.py seed_demo` writes them.")
            for site in organization.sites:
                yield organization.slug, site, known[organization.slug]

    def _voice(self, name: str = "") -> Callable[[str], None]:
        prefix = f"{name}: " if name else ""

        def say(words: str) -> None:
            # One write a line, so that threads don't mix; flushed, so that a log file shows it at once.
            self.stdout.write(f"{datetime.now(UTC):%H:%M:%S}Z {prefix}{words}")
            self.stdout.flush()

        return say


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and Ctrl-C, and give the signals back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; whoever calls from another one stops in his own way
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
