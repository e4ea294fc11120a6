"""The bench measures what it says: a short run against real processes. Its numbers mean nothing, their shape does."""

from collections.abc import Iterator
from typing import Any

import pytest

from bench import capacity, house, tables
from bench.__main__ import PARTS, run
from bench.contestants import FRESHTRACK, TWO
from bench.outbox import OutboxBench
from bench.sizes import TINY


@pytest.fixture(scope="module")
def place() -> Iterator[house.House]:
    with house.opened() as place:
        yield place


@pytest.fixture(scope="module")
def results(place: house.House) -> dict[str, Any]:
    results = run(place, TINY, parts=[part for part in PARTS if part != "outbox"])
    outbox = OutboxBench(place, TINY, None)
    # Once: each of its workers takes seconds to start.
    results["outbox"] = {"repeats": [outbox.measure()], "slow_provider": outbox.slow_provider()}
    return results


def test_a_cluster_that_may_forget_is_not_measured(place: house.House) -> None:
    # The tests' own cluster is one.
    with pytest.raises(house.NotDurableError, match="'fsync': 'off'"):
        place.check_durable()


def test_every_measurement_is_repeated_and_has_its_limit_beside_it(results: dict[str, Any]) -> None:
    assert list(results["ingest"]) == ["1", "100"]
    assert list(results["ingest"]["1"]) == [FRESHTRACK, TWO]
    assert list(results["ingest"]["100"]) == [FRESHTRACK]
    for contestants in results["ingest"].values():
        for got in (got for repeats in contestants.values() for got in repeats):
            assert 0 < got["p50_ms"] <= got["p99_ms"]
            assert 0 < got["at_half"]["p50_ms"] <= got["at_half"]["p99_ms"]
            assert got["processors"].keys() == {"server", "postgres", "client", "others"}
            assert got["memory_mb"] > 10
        assert all(len(repeats) == TINY.repeats for repeats in contestants.values())
        for got in contestants[FRESHTRACK]:
            assert got["door_to_copy"] == pytest.approx(got["readings_a_second"] / got["copy_rows_a_second"], rel=0.1)
    assert [repeat["reading_to_frame"]["count"] for repeat in results["journey"]] == [TINY.lone_readings] * 2
    assert [repeat["alert_to_frame"]["count"] for repeat in results["journey"]] == [TINY.alerts] * 2


def test_the_same_is_judged_and_only_stored_and_memory_is_told_after_each_pass(results: dict[str, Any]) -> None:
    repeats, memory = results["evaluation"]["100"], results["memory"]

    assert len(repeats) == TINY.evaluation_turns
    for got in repeats:
        assert got["ratio"] == pytest.approx(
            got["with"]["readings_a_second"] / got["without"]["readings_a_second"], rel=0.1
        )
    assert (memory["few"], memory["sensors"]) == (TINY.sensors, TINY.remembered)
    assert len(memory["passes_mb"]) == TINY.passes
    assert min(memory["few_mb"], *memory["passes_mb"]) > 10
    assert memory["states"] > 0, "some of the many are in breach"


def test_every_alert_of_a_rush_is_seen_on_the_screen(results: dict[str, Any]) -> None:
    for got in results["rush"]:
        assert got["requests"] == got["answer"]["count"] == round(TINY.rush_rate * TINY.rush_seconds)
        moved = got["opened_frame"]["count"] + got["resolved_frame"]["count"]
        assert moved == got["requests"] / TINY.rush_every
        assert got["opened_frame"]["p50_ms"] <= got["opened_frame"]["p99_ms"] <= got["opened_frame"]["max_ms"]
        assert sum(got["opened_frame"]["classes"]) == got["opened_frame"]["count"]


def test_pages_are_whole_and_their_statements_are_counted(results: dict[str, Any]) -> None:
    [units, _], [chart, _] = results["pages"]["list_of_units"], results["pages"]["day_as_chart"]

    assert units["results"] == TINY.units
    assert 100 < chart["results"] <= 500
    assert all(0 < count < 30 for count in results["statements"].values())


def test_the_fleet_is_judged_and_worries_nobody(results: dict[str, Any], place: house.House) -> None:
    with place.database() as database:
        rules = database.execute(
            "SELECT rule_name, count(*) FROM alerts_alert"
            " WHERE rule_id IS NOT NULL AND condition <> 'no_data' GROUP BY 1"
        ).fetchall()

    # Only those that the journey and the rush opened; the crowd's, for the price of isolation, were opened by no rule.
    # Where beat runs, a fleet whose day is over is silent: that is no verdict of a reading.
    rushed = TINY.rush_units // 2 + sum(got["opened_frame"]["count"] for got in results["rush"])
    assert sorted(rules) == [("At once", TINY.alerts * TINY.repeats), ("In a rush", rushed)]


def test_both_sides_of_the_walls_find_the_same_rows(results: dict[str, Any]) -> None:
    assert len(results["isolation"]) == TINY.repeats
    for repeat in results["isolation"]:
        assert repeat.keys() == {"list_of_units", "list_of_alerts", "search"}
        for measured in repeat.values():
            for got in (measured["queries"], measured["requests"]):
                assert got["rows"] == TINY.units
                assert got["ratio"] == pytest.approx(got["walled_ms"] / got["bare_ms"], rel=0.1)


def test_the_past_is_as_long_as_wanted_and_asked_through_the_product(results: dict[str, Any]) -> None:
    history, growth = results["history"], results["growth"]

    assert results["filled"]["rows"] == TINY.large_rows
    for name in ("year", "year_in_hours", "page"):
        assert len(history[name]) == TINY.repeats
        assert all(got["database"]["p50_ms"] > 0 and got["results"] > 0 for got in history[name])
    assert all(got["units"] >= TINY.units for got in history["newest"])
    assert all(got["rows"] >= TINY.year and got["rows_a_second"] > 0 for got in history["export"])
    assert history["summed_up"]["hours"] >= TINY.year / 12
    for got in growth["loads"]["100"]:
        assert got["ratio"] == pytest.approx(
            got["large"]["readings_a_second"] / got["small"]["readings_a_second"], rel=0.1
        )
    assert 50 < growth["bytes"]["both"] < 500


def test_what_is_promised_is_sent_once_through_real_workers(results: dict[str, Any]) -> None:
    (repeat,), slow = results["outbox"]["repeats"], results["outbox"]["slow_provider"]

    assert repeat["bullmq"] is None
    for name in ("one", "two"):
        assert repeat[name]["messages_a_second"] > 0
        assert repeat[name]["cpu_ms_a_1000"].keys() == {"worker", "postgres"}
    assert repeat["urgent"]["count"] == repeat["beside_bulk"]["count"] == TINY.urgent
    assert 0 < repeat["urgent"]["p50_ms"] <= repeat["urgent"]["p99_ms"]
    assert (slow["promised"], slow["taken"], slow["ids"]) == (TINY.slow_messages,) * 3
    assert slow["memory_mb"] > 10


def test_capacity_can_be_computed_from_any_results(results: dict[str, Any]) -> None:
    page = capacity.render(results)

    assert "$" not in page
    assert "1,000,000" in page


def test_tables_show_all_of_it(results: dict[str, Any]) -> None:
    shown = tables.render(results)

    assert "fsync off" in shown
    assert "Ingest, readings a request: 100, connections: 2" in shown
    assert "Ratios and targets" in shown
    assert tables.NO_PEERS in shown
    assert f"list of {TINY.units} units" in shown
    assert "alert posted -> its frame" in shown
    assert "Evaluation, the same loads with the default rules and without any" in shown
    assert "200 sensors, pass 2" in shown
    assert "Journey in a rush, 40 requests/s, one in 2" in shown
    assert "The price of isolation, 5 organizations of 4 units" in shown
    assert "freshtrack, two processes" in shown
    assert f"{TINY.slow_messages} e-mails to a server that thinks for 50 ms" in shown
