"""What screens ask for most: how long an answer takes, and how many SQL statements it costs."""

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from bench.client import Connection, request
from bench.figures import latency
from bench.fleet import Fleet
from bench.house import House
from bench.sizes import Sizes
from tests.stack import ROOT

MAX_POINTS = 500


class PagesBench:
    """The same requests again and again over one connection."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes) -> None:
        self._house = house
        self._sizes = sizes
        start, end = (
            quote(f"{moment:%Y-%m-%dT%H:%M:%SZ}") for moment in (fleet.day_end - timedelta(days=1), fleet.day_end)
        )
        self.paths = {
            "list_of_units": f"{house.api}/units/?site={fleet.site}&page_size={sizes.list_of_units}",
            "day_as_chart": (
                f"{house.api}/sensors/{fleet.charted['sensor']}/readings/?from={start}&to={end}&max_points={MAX_POINTS}"
            ),
        }

    async def measure(self, name: str) -> dict[str, Any]:
        """One page, requested one after another."""
        wanted = request("GET", self.paths[name], token=self._house.demo["token"])
        connection = await Connection.open(self._house.web_port)
        await connection.timed(wanted)
        times, body = [], b""
        for _ in range(self._sizes.requests):
            took, body = await connection.timed(wanted)
            times.append(took)
        connection.close()
        return {**latency(times), "bytes": len(body), "results": len(json.loads(body)["results"])}

    def statements(self) -> dict[str, int]:
        """Name -> SQL statements of one request, those of sign-in and transaction included."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.statements", self._house.demo["token"], *self.paths.values()],
            cwd=ROOT,
            env=self._house.stack.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return dict(zip(self.paths, json.loads(done.stdout), strict=True))
