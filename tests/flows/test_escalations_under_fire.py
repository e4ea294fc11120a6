"""kill -9 of worker, web and Redis at random during 500 escalations: each step once, no promise lost, none after the
answer."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from freshtrack.embedded.processes import wait_until
from freshtrack.up import services
from freshtrack.up.children import Child
from notifications.outbox.claiming import LEASE
from tests.doors import Installation, installation
from tests.mail import Sink, mail_server
from tests.stack import _reserved_port

ALERTS = 500
STEPS = 3
SEED = 7
# Of the alerts so many are answered while everything goes down around those who answer.
ANSWERED = 200
KILLS = {"the_worker": 4, "the_web_server": 3, "the_broker": 3}
SETTLE_SECONDS = 150.0

# Each step names one person, so that what was promised can be counted. The first is due within seconds.
FURNISHING = f"""
import random
from alerts.escalation import plans
from alerts.models import Alert
unit = UnitFactory()
organization = unit.organization
rule = RuleFactory(organization=organization, severity="critical", name="Too warm")
people = [MembershipFactory(organization=organization, role="staff") for _ in range({STEPS})]
for member in people:
    ContactMethodFactory(user=member.user)
steps = tuple(plans.Step((plans.Target(person=str(one.user_id)),), wait_s=5 if number else 0)
              for number, one in enumerate(people))
plan = plans.encode(plans.Plan("", "Night", steps, 86_400))
now, chance = timezone.now(), random.Random({SEED})
with as_system():
    Alert.objects.bulk_create(
        Alert(organization=organization, rule=rule, rule_name=rule.name, unit=unit, site=unit.site,
              cause_key=f"unit:{{unit.pk}}:rule:{{number}}", kind="temperature", condition="above",
              severity="critical", threshold=5.0, value=9.0, peak=9.0, started_at=now, opened_at=now,
              created_at=now - timedelta(minutes=1), plan=plan, tell_at=now + timedelta(seconds=chance.uniform(0, 20)))
        for number in range({ALERTS})
    )
    alerts = [str(pk) for pk in Alert.objects.values_list("pk", flat=True)]
answering = MembershipFactory(organization=organization, role="staff")
told(slug=organization.slug, token=token_of(answering.user), people=[str(one.user_id) for one in people], alerts=alerts)
"""


@dataclass
class Fire:
    """An installation whose processes are killed and started again, as a supervisor would."""

    house: Installation
    sink: Sink
    port: int
    facts: dict[str, Any]
    running: dict[str, Child] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    killed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def _services(self) -> dict[str, services.Service]:
        return {"worker": services.worker(), "beat": services.beat(), "web": services.web(self.port)}

    def start(self) -> None:
        """Whoever isn't there."""
        for name, service in self._services.items():
            child = self.running.get(name)
            if child is not None and not child.running():
                self.house.children.forget(child)
                child = None
            if child is None:
                self.running[name] = self.house.start_service(service)

    def strike(self, what: str) -> None:
        """Kill one thing, and start it again."""
        getattr(self, f"_{what}")()
        self.killed[what] += 1
        self.start()

    def _the_worker(self) -> None:
        self.house.kill_service(self.running.pop("worker"))
        self.killed_at = datetime.now(UTC)

    def _the_web_server(self) -> None:
        self.house.kill_service(self.running.pop("web"))

    def _the_broker(self) -> None:
        self.house.kill_broker()
        self.house.start_broker(forgetful=True)

    def acknowledge(self, alert: str) -> bool:
        """Whether it was answered that it is done. Nobody there: not yet."""
        path = f"/api/v1/orgs/{self.facts['slug']}/alerts/{alert}/acknowledge/"
        try:
            answer = httpx.post(
                f"http://127.0.0.1:{self.port}{path}",
                json={"note": "On my way"},
                headers={"Authorization": f"Bearer {self.facts['token']}"},
                timeout=10.0,
            )
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    def steps_left(self) -> int:
        """Alerts that nobody answered and that haven't come through their first round."""
        left = "SELECT count(*) FROM alerts_alert WHERE status = 'open' AND step < %s"
        return int(self.house.sql(left, [STEPS])[0][0])

    def unsent(self) -> int:
        """Promises that aren't kept yet."""
        # Half a minute is over in a moment for what a worker that was killed had claimed.
        lost = "UPDATE notifications_outboxentry SET due_at = now() WHERE lease IS NOT NULL AND due_at <= %s"
        self.house.sql(lost, [self.killed_at + LEASE])
        return int(self.house.sql("SELECT count(*) FROM notifications_notification WHERE status <> 'sent'")[0][0])


@contextmanager
def burning() -> Iterator[Fire]:
    with (
        mail_server() as sink,
        _reserved_port() as port,
        installation(
            durable=True,
            env={"EMAIL_URL": sink.url, "SUMMARY_AFTER": "1000000", "PORT": str(port), "RATE_PER_USER": "6000/min"},
        ) as house,
    ):
        yield Fire(house, sink, port, house.furnish(FURNISHING))


def test_each_step_is_taken_once_and_none_after_the_answer() -> None:
    with burning() as fire:
        chance = random.Random(SEED)
        fire.start()
        answered = answer_under_fire(fire, chance)
        print(f"killed {dict(fire.killed)}, {len(answered)} of {ALERTS} answered")
        assert wait_until(lambda: still(fire, fire.steps_left), seconds=SETTLE_SECONDS), (
            f"{fire.steps_left()} are stuck"
        )
        assert wait_until(lambda: still(fire, fire.unsent), seconds=SETTLE_SECONDS), f"{fire.unsent()} weren't sent"
        each_step_is_recorded_once(fire)
        nothing_follows_an_answer(fire, answered)
        each_promise_was_kept(fire)


def answer_under_fire(fire: Fire, chance: random.Random) -> set[str]:
    """People answer one alert after the other; between their answers somebody is killed."""
    wanted = chance.sample(fire.facts["alerts"], ANSWERED)
    plan = [what for what, times in KILLS.items() for _ in range(times)]
    chance.shuffle(plan)
    moments = sorted(chance.sample(range(ANSWERED), len(plan)))
    answered: set[str] = set()
    for number, alert in enumerate(wanted):
        while moments and number >= moments[0]:
            moments.pop(0)
            fire.strike(plan.pop())
        if not wait_until(lambda alert=alert: fire.acknowledge(alert), seconds=60.0):  # type: ignore[misc]
            pytest.fail(f"nobody took the answer to {alert}")
        answered.add(alert)
    return answered


def still(fire: Fire, count: Any) -> bool:
    """Each question is a session of its own. Somebody supervises: what ends is started again."""
    fire.start()
    time.sleep(0.5)
    return int(count()) == 0


def each_step_is_recorded_once(fire: Fire) -> None:
    """What the timeline says, what was promised, and how far the alert says it came: the same."""
    steps = dict(fire.house.sql("SELECT id::text, step FROM alerts_alert"))
    notes: dict[str, list[str]] = defaultdict(list)
    for alert, note in fire.house.sql(
        "SELECT alert_id::text, note FROM alerts_alertevent WHERE event = 'escalated' ORDER BY created_at, id"
    ):
        notes[alert].append(note.partition(" of “")[0])
    promised: dict[str, list[str]] = defaultdict(list)
    for about, user in fire.house.sql(
        "SELECT about, user_id::text FROM notifications_notification WHERE event <> 'alert.resolved'"
        " ORDER BY created_at, id"
    ):
        promised[about.removeprefix("alert:")].append(user)
    for alert, taken in steps.items():
        assert taken <= STEPS
        # The first is the opening itself.
        assert notes[alert] == [f"Step {number} of {STEPS}" for number in range(2, taken + 1)], alert
        assert promised[alert] == fire.facts["people"][:taken], alert
    assert Counter(steps.values())[STEPS] >= ALERTS - ANSWERED, "whom nobody answered comes through the round"


def nothing_follows_an_answer(fire: Fire, answered: set[str]) -> None:
    rows = fire.house.sql("SELECT id::text FROM alerts_alert WHERE status = 'acknowledged'")
    assert {alert for (alert,) in rows} == answered
    # Rows of the timeline are made with the alert locked: their times are its order.
    late = fire.house.sql(
        "SELECT e.alert_id FROM alerts_alertevent e JOIN alerts_alertevent a ON a.alert_id = e.alert_id"
        " AND a.event = 'acknowledged' WHERE e.event = 'escalated' AND e.created_at > a.created_at"
    )
    assert late == []
    twice = "SELECT alert_id FROM alerts_alertevent WHERE event = 'acknowledged' GROUP BY 1 HAVING count(*) > 1"
    assert fire.house.sql(twice) == []


def each_promise_was_kept(fire: Fire) -> None:
    """Each came; twice only if its sender was killed before it could say so, and then as the same."""
    attempts = dict(fire.house.sql("SELECT id::text, attempts FROM notifications_notification"))
    came = Counter(str(mail["X-Entity-Ref-ID"]) for mail in fire.sink.messages)
    assert came.keys() == attempts.keys()
    assert not {name: count for name, count in came.items() if count > attempts[name]}
