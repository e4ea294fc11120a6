"""The scoreboard: defrosts wake nobody, failures wake somebody, and the table says so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.evaluation import Incident, Point
from bench import alarm_tables, alarms
from bench.alarms import FAILURE, HOUR, START, Episode, Run, lived, score
from ingest.simulator.cabinets import CABINETS
from ingest.simulator.model import Excursion, Span

FAILURES = (Excursion.COMPRESSOR_FAILURE, Excursion.POWER_CUT)


@pytest.mark.parametrize("kind", CABINETS)
def test_defrosts_doors_and_deliveries_wake_nobody(kind: str) -> None:
    for seed in ("1", "2"):
        run = lived(kind, days=3, plan=[], seed=seed)
        assert run.episodes == []
        assert alarms.critical(run) == []
        if CABINETS[kind].defrost is not None:
            assert len(run.defrosts) >= 5


def test_a_bare_threshold_cries_wolf_at_the_same_defrosts() -> None:
    """Else the test above would say nothing."""
    run = lived("walk_in_freezer", days=3, plan=[])
    told = score(run, alarms.bare(run))
    assert told.false >= 10
    assert told.in_defrost >= 10


def test_long_defrosts_cause_warnings_which_may_wait_for_their_end() -> None:
    run = lived("walk_in_cooler", days=8, plan=[], cabinet=alarms.with_long_defrosts("walk_in_cooler"))
    at_once, patient = (score(run, judge(run)) for judge in (alarms.everything, alarms.patient))
    assert alarms.critical(run) == []
    assert at_once.in_defrost >= 10
    assert patient.false <= at_once.false / 2  # nothing was learnt yet in the first days


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("kind", CABINETS)
def test_every_failure_wakes_somebody_and_nobody_is_woken_before(kind: str, what: Excursion) -> None:
    begin = START + timedelta(hours=30)
    length = FAILURE.get(kind, 7 * HOUR)
    run = lived(kind, days=2 + length / timedelta(days=1), plan=[Span(kind=what, start=begin, end=begin + length)])
    told = score(run, alarms.critical(run))
    assert told.needed == 1, "the failure must be one that spoils food"
    assert (told.missed, told.false) == (0, 0)
    (minutes,) = told.after
    assert minutes > 0


def test_a_score_tells_true_from_false_and_missed() -> None:
    def incident(opened_at: float, started_at: float | None = None, resolved_at: float | None = None) -> Incident:
        return Incident(opened_at if started_at is None else started_at, opened_at, 1, 9.0, 9.0, resolved_at)

    run = Run(
        name="",
        kind="walk_in_cooler",
        points=[Point(at, 1, 4.0, 900.0) for at in (0.0, 100_000.0)],
        episodes=[
            Episode("door", 1000, 2000, must=False),
            Episode("power", 10_000, 20_000, must=True, spoilt_at=16_000),
            Episode("power", 50_000, 60_000, must=True),
        ],
        defrosts=[(30_000, 31_200)],
        legal=[("above", 5.0)],
    )
    incidents = [
        incident(1500, resolved_at=1900),
        incident(2500, started_at=1900, resolved_at=2600),  # began in it
        incident(13_000, resolved_at=21_000),
        incident(31_000, started_at=30_500, resolved_at=31_900),  # a defrost
        incident(40_000, resolved_at=41_000),  # out of nothing
    ]
    told = score(run, incidents)
    assert (told.told, told.false, told.in_defrost) == (5, 2, 1)
    assert (told.needed, told.missed) == (2, 1)
    assert told.after == [50]
    assert told.ahead == [50]


def test_an_alarm_that_stands_since_before_counts_as_told_at_once() -> None:
    run = Run(
        name="",
        kind="walk_in_cooler",
        points=[Point(at, 1, 4.0, 900.0) for at in (0.0, 100_000.0)],
        episodes=[Episode("power", 10_000, 20_000, must=True, spoilt_at=16_000)],
        legal=[("above", 5.0)],
    )
    told = score(run, [Incident(500, 500, 1, 9.0, 9.0, None)])
    assert (told.false, told.missed, told.after, told.ahead) == (1, 0, [0], [100])


def test_the_table_has_a_line_for_each_contestant_and_says_where_recordings_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECORDINGS", str(tmp_path / "nowhere"))
    results = alarms.measure(days=3, kinds=["walk_in_freezer", "chest_freezer"])
    table = alarm_tables.render(results)
    assert results["recorded"] is None
    assert "No recordings" in table
    for name in alarms.CONTESTANTS:
        assert sum(line.strip().startswith(name) for line in table.splitlines()) == 4  # two units, their sum, one
    total = [line for line in table.splitlines() if line.startswith("all together")]
    assert len(total) == 1


def test_a_recording_is_compared_with_what_its_logger_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = next(one for one in alarms.RECORDED if one.name == "vaccine box, never cold")
    path = tmp_path / one.file
    path.parent.mkdir()
    rows = [f"2023-04-17 {16 + minute // 60}:{minute % 60:02},{12.0},1" for minute in range(0, 120, 10)]
    path.write_text("\n".join(["timestamp_local,temperature_c,out_of_limits", *rows]))
    monkeypatch.setenv("RECORDINGS", str(tmp_path))
    folder = alarms.folder_of_recordings()
    assert folder == tmp_path
    (run,) = alarms.recorded(folder)
    assert len(run.points) == 12
    assert [(len(alarms.bare(run)), score(run, alarms.bare(run)).false)] == [(1, 0)]
    assert score(run, alarms.critical(run)).missed == 0
