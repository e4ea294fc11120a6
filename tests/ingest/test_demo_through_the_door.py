"""The simulator and the replay against the real door: seeded demo, real database, real evaluation."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.core.management import call_command

from alerts.models import Alert
from freshtrack.asgi import INGEST_PREFIX, django_application
from ingest import seeding
from ingest.asgi import IngestDoor
from ingest.simulator.roster import DEMO, DEMO_2, SHOW_RULES
from sensors.models import Reading, Sensor
from tests.factories import as_system

pytestmark = pytest.mark.django_db(transaction=True)

FIXTURES = Path(__file__).parent / "fixtures"
# Real recordings lie beside the checkout on some machines; the project is whole without them.
RECORDINGS = Path(django_settings.BASE_DIR).parent / "shared" / "data"

# Options, and how many readings are stored.
REAL = {
    "timeseries/ruuvi/ruuvi-plots__fridge.csv": ((), 368),
    "timeseries/berlinger/berlinger_FridgeTag-UL_100800001215_202304201410.log.csv": (
        ("--timezone", "Asia/Kathmandu"),
        835,
    ),
    "timeseries/berlinger/berlinger_QTag-CLm-doc-LR_RCPJ00010_02_202211090128.log.csv": (("--timezone", "UTC"), 124),
    "timeseries/berlinger/berlinger_QTag-CLm-doc-LR_RCPJ00010_03_202304201359.log.csv": (("--timezone", "UTC"), 424),
    "timeseries/nab/NAB__machine_temperature_system_failure.csv": (
        ("--timezone", "UTC", "--column", "value", "--fahrenheit"),
        22683,
    ),
    "loggers/ibutton/ibutton_vignettes_8a.csv": (("--timezone", "America/Costa_Rica"), 1587),
    "loggers/ibutton/ibutton_vignettes_10b.csv": (("--timezone", "America/Costa_Rica"), 1587),
}


@pytest.fixture
def url() -> Iterator[str]:
    """The address of the door and of the REST API, in a thread of this process."""
    door = IngestDoor()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await (door if scope["path"].startswith(INGEST_PREFIX) else django_application)(scope, receive, send)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)  # from here on clients wait instead of being refused
        server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_level="warning", ws="none"))

        async def serve() -> None:
            await server.serve(sockets=[listening])
            await door.close()

        thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def seeded(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    seeding.seed()


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def readings(serial: str) -> int:
    with as_system():
        return Reading.objects.filter(sensor__serial=serial).count()


@pytest.mark.usefixtures("seeded")
class TestTheDemo:
    def test_sensors_get_a_day_of_history_once_and_nobody_is_woken(self, url: str) -> None:
        run("simulate", "--once", "--url", url)
        for organization in (DEMO, DEMO_2):
            for _, sensor in organization.sensors:
                with as_system():
                    row = Sensor.objects.get(serial=sensor.serial, channel=sensor.channel)
                    stored = list(Reading.objects.filter(sensor=row).order_by("recorded_at"))
                assert 275 <= len(stored) <= 292
                assert stored[-1].recorded_at - stored[0].recorded_at > timedelta(hours=23, minutes=45)
                assert row.last_reading_at == stored[-1].recorded_at
        before = readings("FT-NPF-01")
        output = run("simulate", "--once", "--url", url, "--org", "demo-2")
        assert readings("FT-NPF-01") - before <= 2
        assert "refused" not in output
        with as_system():
            assert list(Alert.objects.values_list("rule_name", flat=True)) == []

    def test_the_show_alert_opens_and_resolves_and_no_other(self, url: str) -> None:
        # Six minutes, played faster, without the history that would make them late readings.
        run("simulate", "--url", url, "--org", "demo", "--speed", "60", "--history", "0.1", "--duration", "4")
        with as_system():
            alerts = list(Alert.objects.order_by("rule_name").values_list("rule_name", "status", "unit__name"))
        assert alerts == [
            (rule.name, "resolved", "Demo counter fridge") for rule in sorted(SHOW_RULES, key=lambda r: r.name)
        ]


@pytest.mark.usefixtures("seeded")
def test_a_recording_is_stored_once(url: str) -> None:
    arguments = ("replay", str(FIXTURES / "vaccine_logger.csv"), "--sensor", "LOGGER-1", "--url", url)
    assert "3 accepted, 0 known already, 0 refused" in run(*arguments, "--timezone", "America/New_York")
    assert "0 accepted, 3 known already, 0 refused" in run(*arguments, "--timezone", "America/New_York")
    # The wrong zone is not noticed by the platform: other moments are other readings.
    assert "3 accepted" in run(*arguments, "--timezone", "UTC")
    assert readings("LOGGER-1") == 6


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("name", REAL, ids=lambda name: Path(name).stem[:40])
def test_real_recordings_are_stored(url: str, name: str) -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("Real recordings don't lie beside this checkout (shared/data); the fixtures stand for them.")
    options, count = REAL[name]
    output = run("replay", str(RECORDINGS / name), "--sensor", "REAL-1", "--url", url, *options)
    assert readings("REAL-1") == count
    assert f"{count} accepted, 0 known already" in output
    if "nab" in name:
        # This recording has moments twice, with different values: it says so instead of choosing.
        assert "12 refused" in output
        assert "line 10151: conflict" in output
