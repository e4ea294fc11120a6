"""The simulated gateways: what they keep, send, send again and say, against a real HTTP server that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ingest.posting import Answer, Door, Reading, Refused, Unavailable
from ingest.simulator.demo import NoKeys, Player, newest_times, play, read_keys
from ingest.simulator.gateways import LONGEST_PAUSE_S, Gateway, Outbox, RealClock, Tally
from ingest.simulator.roster import DEMO, HARBOR_KITCHEN, NORTH_PIER, RIVERSIDE_PHARMACY
from tests.ingest.stand_in import Platform, Scripted, running

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = "a-key"


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self, *, now: datetime = NOON, stop_after: timedelta = timedelta(days=9)) -> None:
        self.time = now
        self.stop_at = now + stop_after

    def now(self) -> datetime:
        return self.time

    def elapsed_s(self) -> float:
        return self.time.timestamp()

    def wait(self, seconds: float) -> bool:
        self.time += timedelta(seconds=seconds)
        return self.time >= self.stop_at


def reading(number: int = 0, *, sensor: str = "S") -> Reading:
    return Reading(sensor=sensor, recorded_at=NOON + timedelta(seconds=number), temperature=3.5)


def outbox(platform: Platform, clock: FakeClock, *, said: list[str] | None = None, **options: Any) -> Outbox:
    door = Door(url=platform.url, key=KEY, timeout_s=5)
    return Outbox(door, clock=clock, say=(said if said is not None else []).append, **options)


def gateway(platform: Platform, clock: FakeClock, said: list[str], **options: Any) -> Gateway:
    plan = options.pop("plan", NORTH_PIER)
    return Gateway(plan, poster=Door(url=platform.url, key=KEY), clock=clock, say=said.append, **options)


class TestPosting:
    def test_a_batch_is_what_the_contract_asks_for(self, platform: Platform) -> None:
        full = Reading(
            sensor="S",
            channel="1",
            recorded_at=NOON,
            temperature=3.4,
            humidity=81,
            battery=93,
            signal=-71,
            door_open=False,
        )
        answer = Door(url=platform.url + "/", key=KEY).post([full, reading(1)])
        assert answer == Answer(accepted=2, duplicates=0, rejected=[])
        (request,) = platform.requests
        assert request["headers"]["Authorization"] == f"Bearer {KEY}"
        assert request["headers"]["Content-Type"] == "application/json"
        assert request["readings"] == [
            {
                "sensor": "S",
                "channel": "1",
                "recorded_at": "2026-03-02T12:00:00Z",
                "temperature": 3.4,
                "humidity": 81.0,
                "battery": 93.0,
                "signal": -71.0,
                "door_open": False,
            },
            {"sensor": "S", "recorded_at": "2026-03-02T12:00:01Z", "temperature": 3.5},
        ]

    @pytest.mark.parametrize(
        ("header", "seconds"), [("7", 7.0), ("9999", 60.0), ("-3", 0.0), ("soon", None), ("nan", None)]
    )
    def test_a_busy_platform_says_when_to_come_back(
        self, platform: Platform, header: str, seconds: float | None
    ) -> None:
        platform.scripted.append(
            Scripted(503, {"detail": "The database is away.", "code": "database_unavailable"}, {"Retry-After": header})
        )
        with pytest.raises(Unavailable, match=r"503: The database is away\. \(database_unavailable\)") as caught:
            Door(url=platform.url, key=KEY).post([reading()])
        assert caught.value.retry_after_s == seconds

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
    def test_a_refusal_carries_its_reason(self, platform: Platform, status: int) -> None:
        platform.scripted.append(Scripted(status, {"title": "No", "detail": "This key is revoked."}))
        with pytest.raises(Refused, match=r"This key is revoked\.") as caught:
            Door(url=platform.url, key=KEY).post([reading()])
        assert caught.value.status == status

    @pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"[]", b'{"accepted": "many"}', b""])
    def test_an_answer_of_somebody_else_is_not_taken_for_a_commit(self, platform: Platform, body: bytes) -> None:
        platform.scripted.append(Scripted(200, body or b" "))
        with pytest.raises(Unavailable, match="not as FreshTrack does"):
            Door(url=platform.url, key=KEY).post([reading()])

    def test_a_redirect_does_not_take_the_key_elsewhere(self, platform: Platform) -> None:
        with running() as stranger:
            platform.scripted.append(Scripted(302, {}, {"Location": f"{stranger.url}/api/v1/ingest/readings"}))
            with pytest.raises(Refused):
                Door(url=platform.url, key=KEY).post([reading()])
            assert stranger.requests == []

    def test_nobody_there_and_no_address(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(Unavailable, match="can't be reached"):
            Door(url=f"http://127.0.0.1:{port}", key=KEY).post([reading()])
        with pytest.raises(Refused, match="begins with http"):
            Door(url="file:///etc", key=KEY).post([reading()])

    def test_a_slow_platform_is_not_waited_for(self, platform: Platform) -> None:
        platform.scripted.append(Scripted(hold=threading.Event()))
        with pytest.raises(Unavailable, match=r"timed out"):
            Door(url=platform.url, key=KEY, timeout_s=0.2).post([reading()])

    def test_a_proxy_for_the_world_is_not_asked_for_this_machine(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert Door(url=platform.url, key=KEY).post([reading()]).accepted == 1


class TestOutbox:
    def test_keeps_everything_while_the_platform_is_away_and_sends_it_later(self, platform: Platform) -> None:
        clock, said = FakeClock(), list[str]()
        box = outbox(platform, clock, said=said)
        platform.scripted.extend([Scripted(503), Scripted(500)])
        for number in range(30):
            box.add([reading(number)])
            box.flush()
            clock.wait(1)
        box.flush()
        assert len(box) == 0
        assert [r["recorded_at"] for r in platform.stored.values()] == [
            reading(number).recorded_at.isoformat().replace("+00:00", "Z") for number in range(30)
        ]
        assert box.tally.accepted == 30
        assert any("the platform is back" in words for words in said)

    def test_does_not_come_back_earlier_than_asked(self, platform: Platform) -> None:
        clock = FakeClock()
        box = outbox(platform, clock)
        platform.scripted.append(Scripted(503, headers={"Retry-After": "20"}))
        box.add([reading()])
        for _ in range(19):
            box.flush()
            clock.wait(1)
        assert len(platform.requests) == 1
        clock.wait(1.5)
        box.flush()
        assert len(platform.requests) == 2

    def test_asks_ever_more_rarely_and_says_so_now_and_then(self, platform: Platform) -> None:
        clock, said = FakeClock(), list[str]()
        box = outbox(platform, clock, said=said)
        platform.scripted.extend([Scripted(503)] * 200)
        box.add([reading()])
        for _ in range(600):
            box.flush()
            clock.wait(1)
        assert 600 / LONGEST_PAUSE_S <= len(platform.requests) <= 60
        assert len(said) < 8
        assert len(box) == 1

    def test_a_commit_whose_answer_was_lost_becomes_duplicates(self, platform: Platform) -> None:
        clock = FakeClock()
        box = Outbox(Door(url=platform.url, key=KEY, timeout_s=0.2), clock=clock, say=[].append)
        platform.scripted.append(Scripted(hold=threading.Event()))
        box.add([reading(0), reading(1)])
        box.flush()
        assert len(box) == 2
        clock.wait(5)
        box.flush()
        assert (len(box), box.tally.accepted, box.tally.duplicates) == (0, 0, 2)

    def test_batches_have_a_thousand_readings_at_most(self, platform: Platform) -> None:
        box = outbox(platform, FakeClock())
        box.add([reading(number) for number in range(2500)])
        box.flush()
        assert [len(request["readings"]) for request in platform.requests] == [1000, 1000, 500]

    def test_halves_what_is_too_large_and_drops_what_is_malformed(self, platform: Platform) -> None:
        said: list[str] = []
        box = outbox(platform, FakeClock(), said=said)
        platform.scripted.extend([Scripted(413), Scripted(413), Scripted(400, {"detail": "What is this?"})])
        box.add([reading(number) for number in range(40)])
        box.flush()
        assert [len(request["readings"]) for request in platform.requests] == [40, 20, 10, 10, 10, 10]
        assert (len(box), box.tally.accepted, box.tally.dropped) == (0, 30, 10)
        assert any("What is this?" in words for words in said)

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_keeps_its_readings_when_its_key_is_refused(self, platform: Platform, status: int) -> None:
        clock, said = FakeClock(), list[str]()
        box = outbox(platform, clock, said=said)
        platform.scripted.append(Scripted(status, {"detail": "This key is unknown, expired or revoked."}))
        box.add([reading()])
        box.flush()
        assert len(box) == 1
        assert "This key is unknown, expired or revoked." in said[0]
        clock.wait(60)
        box.flush()
        assert len(box) == 0

    def test_a_full_memory_forgets_the_oldest_and_counts_it(self, platform: Platform) -> None:
        box = outbox(platform, FakeClock(), capacity=10)
        box.add([reading(number) for number in range(14)])
        box.flush()
        assert box.tally.dropped == 4
        assert str(box.tally) == "10 accepted, 4 dropped"
        assert min(platform.stored)[2] == "2026-03-02T12:00:04Z"

    def test_counts_refused_readings_by_code_and_explains_each_code_once(self, platform: Platform) -> None:
        said: list[str] = []
        box = outbox(platform, FakeClock(), said=said)
        broken = [Reading(sensor="S", recorded_at=NOON + timedelta(seconds=n), temperature=-127) for n in range(3)]
        box.add([*broken, reading(9)])
        box.flush()
        assert box.tally.refused == {"sensor_fault": 3}
        assert said == ["a reading was refused: sensor_fault: The probe is broken."]
        assert str(box.tally.since(Tally(accepted=1))) == "0 accepted, refused: sensor_fault 3"


class TestGateway:
    def test_fills_the_day_before_only_where_it_is_missing(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock()
        known = NOON - timedelta(hours=2)
        site = gateway(platform, clock, said)
        site.begin(newest=lambda: {("FT-NPF-01", "0"): None, ("FT-NPF-02", "0"): known}, history=timedelta(hours=24))
        times: dict[str, list[str]] = {}
        for serial, _, at in platform.stored:
            times.setdefault(serial, []).append(at)
        assert 270 <= len(times["FT-NPF-01"]) <= 290
        assert min(times["FT-NPF-01"]) < "2026-03-01T12:06"
        assert 20 <= len(times["FT-NPF-02"]) <= 26
        assert min(times["FT-NPF-02"]) > "2026-03-02T10:00"
        assert max(max(times["FT-NPF-01"]), max(times["FT-NPF-02"])) <= "2026-03-02T12:00:00Z"

    def test_a_second_start_sends_nothing_twice(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock()
        for _ in range(2):
            newest: dict[tuple[str, str], datetime | None] = {("FT-NPF-01", "0"): None, ("FT-NPF-02", "0"): None}
            for serial, channel, at in sorted(platform.stored):
                newest[serial, channel] = datetime.fromisoformat(at)
            before = len(platform.stored)
            site = gateway(platform, clock, said)
            site.begin(newest=lambda newest=newest: newest, history=timedelta(hours=24))
            for _ in range(4):
                clock.wait(2)
                site.tick()
            assert site.outbox.tally.duplicates == 0
            assert len(platform.stored) - before == site.outbox.tally.accepted
            clock.time += timedelta(seconds=3)
        assert len(platform.stored) - before < 20

    def test_readings_arrive_at_the_interval_and_the_show_unit_s_more_often(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock(stop_after=timedelta(seconds=120))
        site = gateway(platform, clock, said, plan=HARBOR_KITCHEN)
        site.play(newest=None, history=timedelta(0))
        counts = {serial: 0 for serial in ("FT-HSK-03", "FT-HSK-06")}
        for serial, _, _ in platform.stored:
            if serial in counts:
                counts[serial] += 1
        assert 10 <= counts["FT-HSK-03"] <= 13
        assert 20 <= counts["FT-HSK-06"] <= 26
        assert all("door left open" not in words for words in said)

    def test_tells_when_something_goes_wrong_and_when_it_is_over(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock(stop_after=timedelta(minutes=9))
        site = gateway(platform, clock, said, plan=HARBOR_KITCHEN, excursion_every=timedelta(minutes=5))
        site.play(newest=None, history=timedelta(0))
        assert said.count("Demo counter fridge: door left open begins, for 35 s") == 2
        assert said.count("Demo counter fridge: door left open ends") == 2
        assert "Sandwich prep table: probe fault begins, for 60 s" in said
        assert site.outbox.tally.refused["sensor_fault"] >= 4
        opened = [r for r in platform.stored.values() if r["sensor"] == "FT-HSK-06" and r["door_open"]]
        assert max(r["temperature"] for r in opened) > 8

    def test_a_silent_gateway_sends_its_readings_late_with_their_own_times(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock()
        site = gateway(platform, clock, said, plan=RIVERSIDE_PHARMACY, excursion_every=timedelta(minutes=2))
        site.begin()
        silent = 0
        while clock.now() < NOON + timedelta(minutes=12):
            clock.wait(2)
            before = len(platform.requests)
            site.tick()
            if site.is_silent:
                silent += 1
                assert len(platform.requests) == before
        assert 140 <= silent <= 160
        assert len(site.outbox) == 0
        times = sorted(at for serial, _, at in platform.stored if serial == "FT-RSP-01")
        gaps = [(datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds() for a, b in pairwise(times)]
        assert max(gaps) <= 30  # no hole where the gateway was silent, but for a lost uplink or two

    def test_a_machine_that_slept_has_a_gap_and_goes_on(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock()
        site = gateway(platform, clock, said)
        site.begin()
        clock.time += timedelta(hours=9)
        site.tick()
        clock.wait(20)
        site.tick()
        assert any("slept" in words for words in said)
        assert len(platform.stored) < 12
        assert max(at for _, _, at in platform.stored) > "2026-03-02T21:00"

    def test_waits_for_a_platform_that_is_not_up_yet(self, platform: Platform) -> None:
        said: list[str] = []
        clock = FakeClock()
        tries = iter([Unavailable("no", retry_after_s=9), Unavailable("still no"), None])

        def newest() -> Mapping[tuple[str, str], datetime | None]:
            if error := next(tries):
                raise error
            return {("FT-NPF-01", "0"): None, ("FT-NPF-02", "0"): None}

        gateway(platform, clock, said).begin(newest=newest, history=timedelta(hours=1))
        assert [words.split(";")[0] for words in said[:2]] == ["no", "still no"]
        assert clock.now() - NOON >= timedelta(seconds=11)
        assert len(platform.stored) > 20

    def test_sends_no_history_to_a_platform_that_won_t_say_what_it_has(self, platform: Platform) -> None:
        said: list[str] = []
        platform.sensors_status = 403
        site = gateway(platform, FakeClock(), said)
        site.begin(
            newest=lambda: newest_times(NORTH_PIER, url=platform.url, org="demo-2", token="t"),
            history=timedelta(hours=24),
        )
        assert "no history is sent" in said[0]
        assert len(platform.stored) <= 2

    def test_asks_for_each_sensor_what_is_stored(self, platform: Platform) -> None:
        platform.newest = {
            ("FT-HSK-01", "1"): "2026-03-02T11:00:00Z",
            ("FT-HSK-02", "0"): None,
            ("FT-HSK-02", "7"): "2026-03-02T11:00:00Z",
        }
        newest = newest_times(HARBOR_KITCHEN, url=platform.url, org="demo", token="t")
        assert newest["FT-HSK-01", "1"] == NOON - timedelta(hours=1)
        assert newest["FT-HSK-01", "0"] is None
        assert ("FT-HSK-02", "7") not in newest
        assert len(newest) == sum(len(plan.sensors) for plan in HARBOR_KITCHEN.units)


class TestPlaying:
    def test_stops_at_once_even_if_the_platform_hangs(self, platform: Platform) -> None:
        platform.scripted.append(Scripted(hold=threading.Event()))
        stop, said = threading.Event(), list[str]()
        clock = RealClock(stop=stop)
        site = Gateway(NORTH_PIER, poster=Door(url=platform.url, key=KEY), clock=clock, say=said.append)
        player = threading.Thread(
            target=play,
            args=([Player(gateway=site, newest=None)],),
            kwargs={"stop": stop, "history": timedelta(0), "duration_s": None, "say": said.append},
        )
        player.start()
        platform.wait_until(lambda p: len(p.requests) == 1)
        stop.set()
        player.join(timeout=5)
        assert not player.is_alive()

    def test_a_gateway_that_breaks_ends_the_demo(self) -> None:
        class Broken:
            def post(self, readings: Any) -> Answer:
                raise RuntimeError("a bug")

        stop = threading.Event()
        site = Gateway(NORTH_PIER, poster=Broken(), clock=RealClock(stop=stop), say=[].append)
        with pytest.raises(RuntimeError, match="a bug"):
            play([Player(gateway=site, newest=None)], stop=stop, history=timedelta(0), duration_s=60, say=[].append)

    def test_time_runs_faster_until_it_has_caught_up(self) -> None:
        begin = datetime.now(UTC)
        clock = RealClock(stop=threading.Event(), speed=1e9, since=begin - timedelta(hours=3))
        while (now := clock.now()) < begin:  # some microseconds
            assert now >= begin - timedelta(hours=3)
            assert datetime.now(UTC) < begin + timedelta(seconds=10)
        assert now <= datetime.now(UTC)
        slow = RealClock(stop=threading.Event(), speed=2, since=begin - timedelta(hours=3))
        assert begin - timedelta(hours=3) <= slow.now() < begin - timedelta(hours=2)


def demo_json(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    second = {"org": "demo-2", "ingest_key": "key-2", "token": "token-2"}
    content = {"url": "x", "org": "demo", "ingest_key": "key-1", "token": "token-1", "users": {}, "second_org": second}
    (home / "demo.json").write_text(json.dumps(content))


class TestTheCommand:
    def test_once_sends_the_history_and_a_reading_a_sensor(
        self, platform: Platform, tmp_path: Path, settings: Any
    ) -> None:
        settings.HOME = tmp_path
        demo_json(tmp_path)
        call_command("simulate", "--once", "--url", platform.url, "--history", "2")
        keys = {request["headers"]["Authorization"] for request in platform.requests}
        assert keys == {"Bearer key-1", "Bearer key-2"}
        for _, sensor in DEMO.sensors:
            mine = [
                at for serial, channel, at in platform.stored if (serial, channel) == (sensor.serial, sensor.channel)
            ]
            assert len(mine) >= 20

    def test_faster_than_real_time_plays_the_past(self, platform: Platform, tmp_path: Path, settings: Any) -> None:
        settings.HOME = tmp_path
        demo_json(tmp_path)
        call_command(
            *("simulate", "--url", platform.url, "--org", "demo-2", "--speed", "3600", "--history", "1"),
            *("--duration", "2.5", "--interval", "60"),
        )
        times = sorted(datetime.fromisoformat(at) for serial, _, at in platform.stored if serial == "FT-NPF-01")
        assert 55 <= len(times) <= 64
        assert times[-1] <= datetime.now(UTC)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--speed", "0.5"], "can't be below 1"),
            (["--key", "k"], "say which with --org"),
            (["--interval", "0"], "not above zero"),
            (["--interval", "soon"], "not a number"),
            (["--excursion-every", "-1"], "not above zero"),
            (["--org", "nobody"], "invalid choice"),
            ([], "seed_demo"),
        ],
    )
    def test_says_what_is_wrong_with_its_options(
        self, tmp_path: Path, settings: Any, arguments: list[str], sentence: str
    ) -> None:
        settings.HOME = tmp_path
        with pytest.raises(CommandError, match=sentence):
            call_command("simulate", *arguments)

    @pytest.mark.parametrize("content", ["", "[]", '{"org": "demo"}', "{"])
    def test_a_broken_demo_json_is_explained(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "demo.json").write_text(content)
        with pytest.raises(NoKeys, match="writes it anew"):
            read_keys(tmp_path / "demo.json")

    def test_sigterm_ends_it_at_once_and_cleanly(self, platform: Platform, tmp_path: Path) -> None:
        demo_json(tmp_path)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "simulate", "--url", platform.url, "--history", "0"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "FRESHTRACK_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            platform.wait_until(lambda p: len(p.requests) >= 3, timeout=60)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=5)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 0, output
        assert "3 gateways post to" in output
        assert "FT-GW-NPF: in all" in output
        assert "Traceback" not in output
