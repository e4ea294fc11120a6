"""Which rises of the air are recognised as defrosts, and which aren't."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from alerts.past import defrost
from bench.alarms import lived, recognition

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
GAP_S: Final = 900.0
MONDAY: Final = 1_795_996_800.0  # midnight, UTC


class Freezer:
    """A saw-tooth of 45 minutes between -22 and -19.5 °C, a reading every five minutes."""

    def __init__(self, *, days: float, every_s: float = 300.0) -> None:
        self.at = MONDAY + np.arange(0, days * DAY, every_s)
        self.value = -22.0 + 2.5 * ((self.at / (45 * MINUTE)) % 1)

    def warm(self, begins: Iterable[float], *, height: float = 8.0, up_s: float = 25 * MINUTE) -> Freezer:
        """Rise by `height` within `up_s` and sink as fast, at each of these times since the beginning."""
        for begin in begins:
            along = (self.at - MONDAY - begin) / up_s
            self.value = self.value + height * np.clip(1 - np.abs(along - 1), 0, None)
        return self

    def recognised(self, **kwargs: list[tuple[float, float]]) -> list[defrost.Rise]:
        return defrost.recognise(self.at, self.value, gap_s=GAP_S, **kwargs)


def times_of_day(labels: Iterable[defrost.Rise]) -> set[int]:
    return {round((label.start % DAY) / HOUR) for label in labels}


def daily(hours: Iterable[float], days: int) -> list[float]:
    return [day * DAY + hour * HOUR for day in range(days) for hour in hours]


def test_a_saw_tooth_alone_has_no_defrost() -> None:
    assert Freezer(days=7).recognised() == []


def test_rises_at_the_same_times_of_each_day_are_defrosts() -> None:
    found = Freezer(days=7).warm(daily([1, 7, 13, 19], 7)).recognised()
    assert len(found) == 28
    assert times_of_day(found) == {1, 7, 13, 19}


def test_a_defrost_lasts_from_the_usual_band_to_the_usual_band_and_has_its_peak() -> None:
    freezer = Freezer(days=4).warm(daily([6], 4))
    for label in freezer.recognised():
        inside = (freezer.at > label.start) & (freezer.at < label.end)
        assert label.peak == freezer.value[inside].max()
        assert label.peak == pytest.approx(-12.5, abs=2.0)
        assert label.start < label.peak_at < label.end
        assert 30 * MINUTE <= label.end - label.start <= 60 * MINUTE
        assert 7 < label.height < 11


def test_three_days_are_enough_and_two_are_not() -> None:
    assert len(Freezer(days=3).warm(daily([6], 3)).recognised()) == 3
    assert Freezer(days=2).warm(daily([6], 2)).recognised() == []


def test_a_controller_that_counts_hours_is_recognised_though_its_times_wander() -> None:
    begins = [number * 6.6 * HOUR + 2 * HOUR for number in range(24)]
    found = Freezer(days=7).warm(begins).recognised()
    assert len(found) == 24
    assert len(times_of_day(found)) > 12


def test_a_day_left_out_is_no_reason_to_forget_the_others() -> None:
    begins = [begin for begin in daily([2, 14], 8) if begin // DAY != 4]
    assert len(Freezer(days=8).warm(begins).recognised()) == 14


def test_what_happens_once_is_no_defrost() -> None:
    freezer = Freezer(days=7).warm(daily([1, 13], 7)).warm([3.4 * DAY])
    assert times_of_day(freezer.recognised()) == {1, 13}


def test_openings_at_random_times_are_no_defrosts() -> None:
    chance = np.random.default_rng(5)
    begins = sorted(chance.uniform(0, 14 * DAY, size=14 * 5))
    apart = [begin for begin, following in pairwise(begins) if following - begin > 90 * MINUTE]
    found = Freezer(days=14).warm(apart).recognised()
    assert len(apart) > 40
    assert len(found) <= len(apart) // 20


def test_a_failure_is_no_defrost_and_hides_none_before_and_after_it() -> None:
    freezer = Freezer(days=7).warm(daily([1, 13], 7)).warm([3 * DAY + 15 * HOUR], height=25, up_s=5 * HOUR)
    found = freezer.recognised()
    failure = MONDAY + 3 * DAY + 15 * HOUR, MONDAY + 4 * DAY + HOUR
    assert not any(label.start < failure[1] and label.end > failure[0] for label in found)
    assert len(found) >= 12


def test_a_rise_that_never_came_back_is_no_defrost_yet() -> None:
    freezer = Freezer(days=7).warm(daily([1, 13], 7))
    until = freezer.at < MONDAY + 6 * DAY + 13.3 * HOUR  # in the middle of the last one
    found = defrost.recognise(freezer.at[until], freezer.value[until], gap_s=GAP_S)
    assert len(found) == 13
    assert found[-1].end < MONDAY + 6 * DAY + 2 * HOUR


def test_nobody_knows_what_happened_in_a_pause_of_the_readings() -> None:
    freezer = Freezer(days=7).warm(daily([1, 13], 7))
    hidden = MONDAY + 3 * DAY + 13 * HOUR
    seen = (freezer.at < hidden + 5 * MINUTE) | (freezer.at > hidden + 40 * MINUTE)
    found = defrost.recognise(freezer.at[seen], freezer.value[seen], gap_s=GAP_S)
    assert len(found) == 13
    assert not any(label.start <= hidden + 20 * MINUTE <= label.end for label in found)


def test_what_rises_while_the_door_is_open_is_no_defrost() -> None:
    freezer = Freezer(days=7).warm(daily([8], 7))
    opened = [(MONDAY + begin, MONDAY + begin + 20 * MINUTE) for begin in daily([8], 7)]
    assert freezer.recognised(opened=opened) == []
    briefly = [(begin, begin + MINUTE) for begin, _ in opened]
    assert len(freezer.recognised(opened=briefly)) == 7


def test_a_rise_within_one_reading_is_somebody_at_the_door() -> None:
    freezer = Freezer(days=7)
    for begin in daily([12], 7):
        freezer.value[np.searchsorted(freezer.at, MONDAY + begin)] += 9
    assert freezer.recognised() == []


def test_readings_every_ten_seconds_and_every_ten_minutes_tell_the_same() -> None:
    for every_s in (10.0, 600.0):
        found = Freezer(days=4, every_s=every_s).warm(daily([3, 15], 4)).recognised()
        assert len(found) == 8
        assert times_of_day(found) == {3, 15}


def test_nothing_and_next_to_nothing_have_no_defrosts() -> None:
    for count in range(4):
        at = MONDAY + np.arange(count) * 300.0
        assert defrost.recognise(at, np.zeros(count), gap_s=GAP_S) == []


def test_a_unit_that_swings_all_the_time_is_not_searched_for_a_rhythm() -> None:
    at = MONDAY + np.arange(0, 7 * DAY, 60.0)
    value = np.array([-20 + 8 * max(0.0, math.sin(moment / 200.0)) ** 9 for moment in at])
    assert defrost.recognise(at, value, gap_s=GAP_S) == []


def expected(freezer: Freezer, *, until: float, **kwargs: list[tuple[float, float]]) -> defrost.Expected | None:
    """What was known at a moment, in seconds since the beginning."""
    known = freezer.at <= MONDAY + until
    return defrost.expected(freezer.at[known], freezer.value[known], gap_s=GAP_S, **kwargs)


class TestTheDefrostThatIsGoingOn:
    DUE = 6 * DAY + 13 * HOUR

    def test_is_expected_at_its_time_and_for_a_little_longer_than_those_before(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7))
        found = expected(freezer, until=self.DUE + 20 * MINUTE)
        assert found is not None
        assert abs(found.since - MONDAY - self.DUE) <= 30 * MINUTE
        usual = max(label.end - label.start for label in freezer.recognised())
        assert found.until == pytest.approx(found.since + 1.25 * usual + 15 * MINUTE)

    def test_is_expected_after_an_interval(self) -> None:
        freezer = Freezer(days=7).warm([number * 6.6 * HOUR + 2 * HOUR for number in range(22)])
        assert expected(freezer, until=21 * 6.6 * HOUR + 2 * HOUR + 25 * MINUTE) is not None

    def test_is_over_once_the_air_is_back(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7))
        label = freezer.recognised()[-1]
        assert expected(freezer, until=label.end - MONDAY) is None

    def test_is_not_expected_when_none_is_due(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7)).warm([6 * DAY + 17 * HOUR])
        assert expected(freezer, until=6 * DAY + 17 * HOUR + 20 * MINUTE) is None

    def test_is_not_expected_by_a_unit_that_nothing_is_known_of(self) -> None:
        freezer = Freezer(days=2).warm(daily([1, 13], 2))
        assert expected(freezer, until=DAY + 13 * HOUR + 20 * MINUTE) is None

    def test_is_not_believed_when_it_gets_warmer_than_any_before(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7)).warm([self.DUE], height=4)
        assert expected(freezer, until=self.DUE + 10 * MINUTE) is not None
        assert expected(freezer, until=self.DUE + 25 * MINUTE) is None

    def test_is_not_believed_when_the_door_is_open(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7))
        opened = [(MONDAY + self.DUE - 30 * MINUTE, MONDAY + self.DUE + HOUR)]
        assert expected(freezer, until=self.DUE + 20 * MINUTE, opened=opened) is None

    def test_is_not_believed_after_a_pause_of_the_readings(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7))
        seen = (freezer.at < MONDAY + self.DUE) | (freezer.at > MONDAY + self.DUE + 20 * MINUTE)
        freezer.at, freezer.value = freezer.at[seen], freezer.value[seen]
        assert expected(freezer, until=self.DUE + 25 * MINUTE) is None

    def test_of_a_failure_it_is_expected_only_for_as_long_as_a_defrost_takes(self) -> None:
        freezer = Freezer(days=7).warm(daily([1, 13], 7)).warm([self.DUE + 20 * MINUTE], height=6, up_s=8 * HOUR)
        found = expected(freezer, until=self.DUE + 30 * MINUTE)
        assert found is None or found.until < MONDAY + self.DUE + 2 * HOUR


@pytest.mark.parametrize("kind", ["walk_in_freezer", "walk_in_cooler"])
def test_defrosts_of_a_simulated_unit_are_recognised_between_doors_and_deliveries(kind: str) -> None:
    run = lived(kind, days=10, plan=[])
    found = recognition(run)
    assert found.true == pytest.approx(40, abs=1)
    assert found.found >= 0.9 * found.true
    assert found.wrong <= 0.1 * found.true


def test_a_chest_freezer_without_defrosts_gets_no_label() -> None:
    found = recognition(lived("chest_freezer", days=10, plan=[]))
    assert (found.true, found.wrong) == (0, 0)
