"""The price of the walls between customers: lists and searches with them, and the same without.

bench/isolated_views.py says what is compared. It runs in a process of its own, since this one has no Django in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from bench.house import House
from bench.sizes import Sizes
from tests.stack import ROOT

# The product can only be imported once Django is set up.
START: Final = "import django; django.setup(); from bench.isolated_views import main; main()"
# Many customers who all call things alike: the worst case for an index on words.
WORLD: Final = """
SET session_replication_role = replica;
INSERT INTO organizations_organization (id, name, slug, email, time_zone, created_at)
  SELECT md5('o' || n)::uuid, 'Crowd ' || n, 'crowd-' || n, '', 'UTC', now() FROM generate_series(1, {many}) n;
INSERT INTO sensors_site (id, organization_id, name, timezone, kind, address, created_at)
  SELECT md5('s' || n)::uuid, md5('o' || n)::uuid, 'Site', 'UTC', 'other', '', now() FROM generate_series(1, {many}) n;
INSERT INTO sensors_area (id, organization_id, site_id, name, created_at)
  SELECT md5('a' || n)::uuid, md5('o' || n)::uuid, md5('s' || n)::uuid, 'Kitchen', now()
  FROM generate_series(1, {many}) n;
INSERT INTO sensors_unit
  (id, organization_id, site_id, area_id, name, kind, note, default_rules, severity, created_at)
  SELECT md5('u' || n || '-' || m)::uuid, md5('o' || n)::uuid, md5('s' || n)::uuid, md5('a' || n)::uuid,
    'Cooler ' || m, 'walk_in_cooler', 'Row ' || m % 7, true, '', now()
  FROM generate_series(1, {many}) n, generate_series(1, CASE n WHEN 1 THEN {units} ELSE {each} END) m;
INSERT INTO sensors_sensor (public_id, organization_id, site_id, unit_id, serial, channel, name, model,
  expected_interval_s, status, claimed_at, created_at, last_reading_at, temperature)
  SELECT gen_random_uuid(), organization_id, site_id, id, 'CROWD' || row_number() OVER (), '0', name, 'ERS2', 300,
    'online', now(), now(), now(), 350 FROM sensors_unit WHERE note LIKE 'Row %';
INSERT INTO alerts_alert (id, organization_id, site_id, unit_id, cause_key, rule_name, kind, condition, severity,
  status, started_at, opened_at, resolved_at, corrective_action, cause, disposition, amount, created_at)
  SELECT gen_random_uuid(), organization_id, site_id, id, 'unit:' || id, 'Too warm', 'temperature', 'above', 'warning',
    'resolved', now() - interval '2 hours', now() - interval '1 hour', now(), '', '', '', '', now()
  FROM sensors_unit WHERE note LIKE 'Row %';
SET session_replication_role = origin;
"""


class IsolationBench:
    """Measures in a process of its own."""

    def __init__(self, house: House, sizes: Sizes) -> None:
        self._house = house
        self._sizes = sizes

    def fill(self) -> None:
        """Make the crowd. After everything else was measured: it is heavy."""
        sizes = self._sizes
        with self._house.database() as database:
            database.execute(
                WORLD.format(many=sizes.organizations, each=sizes.units_each, units=sizes.crowd_units).encode()
            )
            database.execute("VACUUM ANALYZE")

    def measure(self) -> dict[str, Any]:
        """Name -> times and ratios."""
        done = subprocess.run(
            [sys.executable, "-c", START, str(self._sizes.crowd_units), str(self._sizes.rounds)],
            cwd=ROOT,
            env={**self._house.stack.env, "DATABASE_POOL": "0", "DJANGO_SETTINGS_MODULE": "freshtrack.settings"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"The price of isolation couldn't be measured:\n{done.stderr[-3000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))
