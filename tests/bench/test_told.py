"""What is told of measurements: ratios within a repeat, targets by the median, nothing where nothing was measured."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import node, tables
from bench.contestants import FRESHTRACK, Size, dealt, pulses_of
from bench.database_time import statements_in
from bench.figures import EDGES_MS, distribution, latency, percentile, spread
from bench.past import ages
from bench.targets import Figure, figures


def load(rate: float, *, cpu: float = 10.0, p99: float = 20.0) -> dict[str, Any]:
    return {
        "readings_a_second": rate,
        "cpu_ms_a_1000": {"server": cpu / 2, "postgres": cpu / 2, "client": 1.0},
        "door_to_copy": 0.4,
        "at_half": {"p99_ms": p99},
    }


def ingest(**contestants: list[dict[str, Any]]) -> dict[str, Any]:
    return {"ingest": {"1000": {name.replace("_", "-"): repeats for name, repeats in contestants.items()}}}


def by_name(results: dict[str, Any]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures(results)}


def test_percentiles_are_values_that_were_measured() -> None:
    hundred = [float(number) for number in range(1, 101)]

    assert percentile(hundred, 0.5) == 50
    assert percentile(hundred, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    assert latency([0.001, 0.003, 0.002]) == {"p50_ms": 2.0, "p99_ms": 3.0, "count": 3}
    assert spread([3.0, 1.0, 2.0]) == (1, 2, 3)


def test_a_ratio_is_made_within_each_repeat_and_judged_by_its_median() -> None:
    # A slow minute hits both: of all minima or maxima it would make another ratio.
    results = ingest(
        freshtrack=[load(600), load(60), load(700)],
        node_drizzle=[load(100), load(10), load(100)],
        node_gc=[load(500)] * 3,
    )

    ratios = by_name(results)["1000 a request, readings/s: freshtrack / node-drizzle"]

    assert ratios.values == [6, 6, 7]
    assert (ratios.target, ratios.verdict) == (">= 6", "met")
    assert by_name(results)["1000 a request, readings/s: freshtrack / node-gc"].verdict == "met"
    assert by_name(results)["1000 a request, readings/s: freshtrack / raw COPY"].verdict == "missed"


def test_less_is_better_where_it_is_a_cost() -> None:
    results = ingest(freshtrack=[load(600, cpu=9.0, p99=51.0)], node_gc=[load(500, cpu=10.0)])

    told = by_name(results)

    assert told["1000 a request, CPU a reading, PostgreSQL included: freshtrack / node-gc"].verdict == "met"
    assert told["1000 a request, p99 at half of the maximum, ms: freshtrack"].verdict == "missed"


def test_without_peers_there_are_no_ratios_to_them() -> None:
    told = by_name(ingest(freshtrack=[load(600)]))

    assert not any("node" in name for name in told)
    assert "1000 a request, readings/s: freshtrack / raw COPY" in told
    assert figures({}) == []


def test_a_distribution_has_every_sample_in_its_class() -> None:
    told = distribution([0.004, 0.005, 0.0999, 0.1, 3.0])

    by_edge = dict(zip([*EDGES_MS, "beyond"], told["classes"], strict=True))
    assert {edge: count for edge, count in by_edge.items() if count} == {5: 1, 10: 1, 100: 1, 150: 1, "beyond": 1}
    assert (told["p50_ms"], told["p90_ms"], told["max_ms"]) == (99.9, 3000, 3000)


def test_judging_may_cost_a_quarter_and_remembers_nothing_new_in_the_end() -> None:
    turns = [
        {
            "with": {"readings_a_second": rate},
            "without": {"readings_a_second": 100},
            "ratio": rate / 100,
            "cpu_ratio": 1.2,
        }
        for rate in (60, 70, 95)
    ]
    memory = {"sensors": 100_000, "passes_mb": [200.0, 300.0, 310.0]}

    told = by_name({"evaluation": {"1000": turns, "1": turns}, "memory": memory})

    assert told["1000 a request, with rules / without, readings/s of all turns"].verdict == "met"
    assert told["1 a request, with rules / without, readings/s of all turns"].verdict == ""
    name = "memory after 100000 sensors were judged, the last pass / the one before"
    assert (told[name].values, told[name].verdict) == ([1.033], "met")


def test_an_alert_is_on_the_screen_within_a_fifth_of_a_second_in_a_rush() -> None:
    rush = [{"rate": 200, "opened_frame": {"p50_ms": 20.0, "p99_ms": p99}} for p99 in (90.0, 201.0, 250.0)]

    told = by_name({"rush": rush})

    assert told["200 requests/s, reading posted -> its alert's frame, p99, ms"].verdict == "missed"


def test_what_stands_in_one_place_sends_through_one_gateway() -> None:
    names = [str(number) for number in range(10)]
    pulses = pulses_of(names, [(3.0, None)] * 10, datetime(2026, 7, 1, tzinfo=UTC), places=list("0123450123"))

    hands = dealt(pulses, 4)

    assert sorted(pulse.name for hand in hands for pulse in hand) == names
    assert [len(hand) for hand in hands] == [3, 3, 2, 2]
    for place in "012345":
        assert len({number for number, hand in enumerate(hands) for pulse in hand if pulse.place == place}) == 1
    assert len(dealt(pulses[:2], 4)) == 2, "nobody has nothing to send"


def test_what_rows_take_counts_only_those_that_were_added() -> None:
    before, after = Size(1000, 500, 10), Size(7000, 3500, 110)

    assert after.a_row(before) == {"rows": 100, "table": 60.0, "key": 30.0, "both": 90.0}
    assert before.a_row() == {"rows": 10, "table": 100.0, "key": 50.0, "both": 150.0}


@pytest.mark.parametrize(
    ("sensors", "rows", "year"),
    [(1000, 50_000_000, 105_120), (1000, 1_000_000, 1_000_000), (8, 12_000, 3_000), (7, 50, 3_000), (3, 10, 1)],
    ids=["full", "alike", "tiny", "too few rows", "too few sensors"],
)
def test_the_past_has_exactly_as_many_readings_as_wanted(sensors: int, rows: int, year: int) -> None:
    counts = ages(sensors, rows, year)

    assert len(counts) == sensors
    assert sum(counts) == rows
    assert min(counts) > 0


def test_a_quarter_of_the_sensors_has_a_year_behind_it() -> None:
    counts = ages(1000, 50_000_000, 105_120)

    assert counts[:250] == [105_120] * 250
    assert counts[250:500] == [52_560] * 250


def test_the_servers_log_tells_the_time_of_each_step_of_each_statement() -> None:
    log = (
        "2026-11-21 08:00:00.000 UTC [7] freshtrack_app@bench LOG:  duration: 0.250 ms  parse <unnamed>: SELECT 1\n"
        "2026-11-21 08:00:00.000 UTC [7] freshtrack_app@bench LOG:  duration: 1.500 ms  execute <unnamed>: SELECT *\n"
        '\tFROM "sensors_sensor"\n'
        "2026-11-21 08:00:00.000 UTC [7] freshtrack_app@bench DETAIL:  Parameters: $1 = '1'\n"
        "2026-11-21 08:00:00.000 UTC [8] freshtrack_app@other LOG:  duration: 9.000 ms  statement: SELECT 2\n"
        "2026-11-21 08:00:00.000 UTC [9] postgres@bench LOG:  duration: 9.000 ms  statement: SELECT 3\n"
        "2026-11-21 08:00:00.000 UTC [3] @ LOG:  checkpoint starting: time\n"
        "2026-11-21 08:00:00.000 UTC [7] freshtrack_app@bench LOG:  duration: 0.010 ms\n"
    )

    found = statements_in(log, database="bench")

    assert [one.ms for one in found] == [0.25, 1.5, 0.01]
    assert '"sensors_sensor"' in found[1].text


def test_peers_are_looked_for_only_where_somebody_says_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(node.VARIABLE, raising=False)

    assert node.found() is None
    assert "only FreshTrack is measured" in node.NONE


def test_a_folder_without_peers_is_a_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(node.VARIABLE, str(tmp_path))

    with pytest.raises(node.NoPeersError, match=node.SERVER):
        node.found()


def test_the_peers_of_the_repository_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(node.__file__).parent / "peers"
    monkeypatch.setenv(node.VARIABLE, str(folder))

    assert {file.name for file in folder.iterdir()} >= {node.SERVER, "package.json", "package-lock.json"}
    if node.has_node():
        assert node.found() == node.Peers(folder)


def test_tables_say_that_peers_are_missing() -> None:
    told = tables.targets({"peers": False, **ingest(freshtrack=[load(600)])})

    assert told[0] == tables.NO_PEERS
    assert FRESHTRACK in told[1]
    assert tables.targets({"peers": True, **ingest(freshtrack=[load(600)], node_gc=[load(1)])})[0] != tables.NO_PEERS
