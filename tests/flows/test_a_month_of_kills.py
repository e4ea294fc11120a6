"""Whoever is killed while a month comes in, and however often: in the end the alerts are what they would have been."""

from __future__ import annotations

import difflib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from freshtrack.embedded.processes import wait_until
from freshtrack.up import services
from freshtrack.up.children import Child
from ingest import posting
from notifications.outbox.claiming import LEASE
from tests.doors import Door, Installation, installation
from tests.flows import aftermath
from tests.flows.couriers import Courier, Road
from tests.flows.month import SEED, SILENT_GATEWAYS, SILENT_SENSORS, Month, Simulation, opening_hours
from tests.mail import Sink, mail_server

# The month ends so far ahead of our clock (the door takes ten minutes): both runs are over before who is heard to the
# end counts as silent, and before a quarter of an hour later what was told by our clock would be told again.
AHEAD = timedelta(minutes=9)
# Parcels that may still arrive between the moment to strike and the strike: it finds them on their way.
ON_THEIR_WAY = 10
ROAD_SECONDS = 180.0
SETTLE_SECONDS = 120.0
STRIKES = {"a_door": 4, "the_worker": 2, "the_broker": 3, "everything": 1}

FURNISHING = """
from alerts import mutes
from alerts.profiles import lay_default_rules
from tests.flows import month
ends_at, opening_hours = datetime.fromisoformat({ends_at!r}), {opening_hours!r}
long_ago = ends_at - timedelta(days=month.DAYS + 5)
keys = {{}}
for slug, sites in month.ORGANIZATIONS.items():
    organization = OrganizationFactory(slug=slug, name=slug)
    for role in ("manager", "owner"):
        user = UserFactory(email=f"{{role}}@{{slug}}.example")
        MembershipFactory(organization=organization, user=user, role=role)
        ContactMethodFactory(user=user)
    with as_system():
        lay_default_rules(organization=organization)
    terms = dict(organization=organization, threshold=None, hysteresis=0.0)
    RuleFactory(**terms, name="Broken", condition="fault", delay_s=0, clear_delay_s=600)
    RuleFactory(**terms, name="Left open", condition="door_open_for", delay_s=600)
    for plan in sites:
        site = SiteFactory(organization=organization, name=plan.name, opening_hours=opening_hours)
        gateway = GatewayFactory(site=site, serial=plan.gateway)
        keys[plan.gateway] = key_of(organization)
        area = AreaFactory(site=site)
        for one in plan.units:
            unit = UnitFactory(area=area, name=one.name, kind=one.kind)
            for probe in one.sensors:
                SensorFactory(unit=unit, serial=probe.serial, channel=probe.channel, gateway=gateway,
                              expected_interval_s=probe.expected_interval_s, claimed_at=long_ago)
            if one is month.COLD_ROOM:
                with as_system():
                    mutes.begin(organization=organization, by=user, at=timezone.now(), unit=unit,
                                ends_at=ends_at + timedelta(hours=3), reason="Cleaning")
told(**keys)
"""

UNMUTING = """
from alerts import mutes
from alerts.models import Mute
with as_system():
    mutes.end(mute=Mute.objects.get(), at=timezone.now())
told()
"""

# Everything that goes by the clock once more, and then what will be due when what was covered or came and went has been
# quiet for as long as it may. Reminders come after hours.
ANOTHER_ROUND = """
from alerts import lifecycle, tasks
moved, due = tasks.sweep_silence(), tasks.sweep_due()
with as_system():
    later = lifecycle.tell_due(at=timezone.now() + timedelta(minutes=45), most=1000)
told(moved=moved, due=due, later=later)
"""


@dataclass
class Run:
    """An installation into which the month comes: doors, a worker, beat, and a mail server."""

    house: Installation
    sink: Sink
    keys: dict[str, str] = field(default_factory=dict)
    doors: list[Door] = field(default_factory=list)
    road: Road = field(default_factory=Road)
    couriers: list[Courier] = field(default_factory=list)
    helpers: dict[str, Child] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    killed_at: datetime | None = None

    def open(self, *, ends_at: datetime, doors: int) -> None:
        """Furnish it, and start everything."""
        facts = {"ends_at": ends_at.isoformat(), "opening_hours": opening_hours(ends_at=ends_at)}
        self.keys = self.house.furnish(FURNISHING.format(**facts))
        self.start_helpers()
        self.doors = self.house.open_doors(doors)

    def start_helpers(self) -> None:
        """The worker and beat, if they aren't there. Somebody supervises them: what ends is started again."""
        for name, service in (("worker", services.worker()), ("beat", services.beat())):
            child = self.helpers.get(name)
            if child is not None and not child.running():
                self.ended[name] += 1
                self.house.children.forget(child)
                child = None
            if child is None:
                self.helpers[name] = self.house.start_service(service)

    def kill_helpers(self) -> None:
        """Both, and what the worker was just doing."""
        for child in self.helpers.values():
            self.house.kill_service(child)
        self.helpers.clear()
        self.killed_at = datetime.now(UTC)

    def begin(self, month: Month) -> None:
        """Let the gateways set out, as far as the road is open."""
        for gateway, parcels in month.parcels.items():
            doors = [posting.Door(url=door.url, key=self.keys[gateway], timeout_s=20.0) for door in self.doors]
            self.couriers.append(Courier(gateway, parcels, doors=doors, road=self.road))
            self.couriers[-1].start()

    def wait_for_all(self) -> None:
        """Until all that they bring was answered."""
        self.road.open_until(float("inf"))
        self.road.wait_for(sum(len(courier.parcels) for courier in self.couriers), seconds=ROAD_SECONDS)

    def settle(self) -> None:
        """Until the worker and beat have done what is to be done by our clock; then nothing is left to do."""
        self._wait_for("silences", self._silences_are_open)
        self._wait_for("what lasts being told after its mute", self._nothing_is_due)
        self._wait_for("messages being sent", self._all_is_sent)
        rounds = self.house.furnish(ANOTHER_ROUND)
        assert (rounds["moved"], rounds["due"]) == (0, 0), "another round still found something to do"
        self._wait_for("later messages being sent", self._all_is_sent)

    def _wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            self.start_helpers()
            time.sleep(0.2)  # each question is a session of its own
            return condition()

        assert wait_until(holds, seconds=SETTLE_SECONDS), f"{what} didn't happen within {SETTLE_SECONDS:.0f} s"

    def _silences_are_open(self) -> bool:
        """Each kind of unit has a warning and a critical one."""
        silent = "SELECT count(*) FROM alerts_alert WHERE condition = 'no_data' AND status = 'open'"
        return self.house.sql(silent) == [(2 * SILENT_SENSORS + SILENT_GATEWAYS,)]

    def _nothing_is_due(self) -> bool:
        due = "SELECT count(*) FROM alerts_alert WHERE tell_at <= now()"
        return self.house.sql(due) == [(0,)]

    def _all_is_sent(self) -> bool:
        """Half a minute is over in a moment for what a worker that was killed had claimed."""
        lost = "UPDATE notifications_outboxentry SET due_at = now() WHERE lease IS NOT NULL"
        if self.killed_at is not None:
            self.house.sql(f"{lost} AND due_at <= %s", [self.killed_at + LEASE])
        return self.house.sql("SELECT count(*) FROM notifications_notification WHERE status <> 'sent'") == [(0,)]


class Chaos:
    """Kills what brings alerts about, and starts it again as a supervisor would."""

    def __init__(self, run: Run, chance: random.Random) -> None:
        self.run, self._chance = run, chance
        self.killed: Counter[str] = Counter()

    def strike(self, what: str) -> None:
        """Kill one thing, or all at once, and start it again."""
        getattr(self, f"_{what}")()
        self.run.start_helpers()

    def _a_door(self) -> None:
        door = self._chance.choice(self.run.doors)
        door.kill()
        self.killed["ingest"] += 1
        door.start()

    def _the_worker(self) -> None:
        self.run.kill_helpers()
        self.killed.update(["worker", "beat"])

    def _the_broker(self) -> None:
        self.run.house.kill_broker()
        self.killed["Redis"] += 1
        self.run.house.start_broker(forgetful=self._chance.random() < 0.5)

    def _everything(self) -> None:
        for door in self.run.doors:
            door.kill()
        self.run.kill_helpers()
        self.run.house.kill_broker()
        self.killed.update(["ingest", "ingest", "worker", "beat", "Redis"])
        self.run.house.start_broker(forgetful=True)
        for door in self.run.doors:
            door.start()


@contextmanager
def run(*, durable: bool) -> Iterator[Run]:
    """Nobody is killed in one that isn't durable: it shares the servers of the test run."""
    with (
        mail_server() as sink,
        installation(
            # Which messages come together in a storm hangs on our clock.
            durable=durable,
            env={"EMAIL_URL": sink.url, "SUMMARY_AFTER": "1000000"},
        ) as house,
    ):
        yield Run(house, sink)


def test_a_month_of_kills_leaves_the_alerts_of_a_quiet_month() -> None:
    simulation = Simulation.begin()
    with run(durable=False) as quiet, run(durable=True) as wild:
        ends_at = (datetime.now(UTC) + AHEAD).replace(second=0, microsecond=0)
        quiet.open(ends_at=ends_at, doors=1)
        wild.open(ends_at=ends_at, doors=2)
        month = simulation.month(ends_at=ends_at)
        quiet.begin(month)
        chaos = Chaos(wild, random.Random(SEED))
        bring_it_under_fire(wild, month, chaos)
        quiet.wait_for_all()
        chaos.strike("everything")  # what goes by our clock alone begins with nobody there
        for one in (quiet, wild):
            one.house.furnish(UNMUTING)
        for one in (quiet, wild):
            one.settle()

        expected, found = aftermath.alerts(quiet.house), aftermath.alerts(wild.house)
        print(f"killed {dict(chaos.killed)}, ended by themselves {dict(wild.ended)}, retried {wild.road.unavailable}")
        print(f"{len(month.good)} readings in {wild.road.arrived} parcels; {tally(expected)}")
        for one in (quiet, wild):
            every_reading_is_stored_once(one, month)
            nobody_was_told_twice(one)
        every_answer_was_true(quiet.couriers, wild.couriers)
        nothing_ended_a_day_ago(quiet, ends_at)
        assert found == expected, difference(expected, found)
        the_month_had_something_of_everything("\n".join(expected), len(expected))
        assert quiet.ended == Counter(), "nobody was killed there"


def bring_it_under_fire(run: Run, month: Month, chaos: Chaos) -> None:
    """Strike at moments that are spread over the month, while parcels are on their way."""
    chance = random.Random(SEED)
    plan = [what for what, times in STRIKES.items() for _ in range(times)]
    chance.shuffle(plan)
    total = sum(map(len, month.parcels.values()))
    moments = [int(total * (number + chance.random()) / (len(plan) + 1)) for number in range(len(plan))]
    run.road.open_until(moments[0] + ON_THEIR_WAY)
    run.begin(month)
    for number, (what, moment) in enumerate(zip(plan, moments, strict=True)):
        run.road.wait_for(moment, seconds=ROAD_SECONDS)
        time.sleep(chance.uniform(0.0, 0.1))  # not always just after an answer
        following = moments[number + 1] if number + 1 < len(moments) else total
        run.road.open_until(following + ON_THEIR_WAY)
        chaos.strike(what)
    run.wait_for_all()


def every_reading_is_stored_once(run: Run, month: Month) -> None:
    rows = run.house.sql(
        "SELECT s.serial, s.channel, r.recorded_at, r.temperature FROM sensors_reading r"
        " JOIN sensors_sensor s ON s.id = r.sensor_id"
    )
    stored = {(serial, channel, at): temperature for serial, channel, at, temperature in rows}
    assert len(stored) == len(rows)
    sent = {name: round((reading.temperature or 0.0) * 100) for name, reading in month.good.items()}
    assert stored.keys() == sent.keys()
    assert all(abs(stored[name] - temperature) <= 1 for name, temperature in sent.items())


def every_answer_was_true(quiet: list[Courier], wild: list[Courier]) -> None:
    """The same is refused, and the same is new, or stored already by an attempt that wasn't answered."""
    for calm, tried in zip(quiet, wild, strict=True):
        for expected, answer, attempts in zip(calm.answers, tried.answers, tried.attempts, strict=True):
            assert answer.rejected == expected.rejected
            assert answer.accepted + answer.duplicates == expected.accepted + expected.duplicates
            assert answer.accepted == expected.accepted or (answer.accepted == 0 and attempts > 1)


def nobody_was_told_twice(run: Run) -> None:
    """Each promised message came; twice only if its sender was killed before it could say so, and then as the same."""
    rows = run.house.sql("SELECT id::text, attempts FROM notifications_notification")
    attempts: Mapping[str, int] = dict(rows)
    came = Counter(str(mail["X-Entity-Ref-ID"]) for mail in run.sink.messages)
    assert came.keys() == attempts.keys(), "a message is missing, or came although nobody promised it"
    assert not {name: count for name, count in came.items() if count > attempts[name]}
    if run.killed_at is None:
        assert set(came.values()) == {1}


def nothing_ended_a_day_ago(run: Run, ends_at: datetime) -> None:
    """Whether what was found late is news hangs on our clock (telling.NEWS_FOR); the month keeps clear of that."""
    near = [ends_at - timedelta(hours=24) + timedelta(minutes=minutes) for minutes in (-15, 30)]
    assert run.house.sql("SELECT id FROM alerts_alert WHERE resolved_at BETWEEN %s AND %s", near) == []


def tally(paragraphs: list[str]) -> str:
    """How much of what, for whoever reads the output."""
    text = "\n".join(paragraphs)
    counts = {word: text.count(f"\n    {word}") for word in ("amended", "reopened", "contradicted", "resolved", "told")}
    return f"{len(paragraphs)} alerts, " + ", ".join(f"{word} {count}" for word, count in counts.items())


def the_month_had_something_of_everything(text: str, count: int) -> None:
    """Or nothing was tested: alerts of each kind, late readings that change them, and people who are told."""
    assert count > 40
    for words in ("above,", "below,", "no_data,", "fault,", "door_open_for,", "found late: True", "part of: "):
        assert words in text, words
    for event in ("amended", "contradicted", "unmuted", "told manager@south"):
        assert f"\n    {event}" in text, event


def difference(expected: list[str], found: list[str]) -> str:
    lines = difflib.unified_diff(
        "\n".join(expected).splitlines(), "\n".join(found).splitlines(), "quiet", "under fire", lineterm="", n=2
    )
    return "the alerts differ:\n" + "\n".join(lines)
