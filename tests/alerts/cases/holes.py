"""Where other systems are known to stay silent, and what holds that this one doesn't.

Each was seen in a system that people rely on; where it was reported in public the report is named. `page` shows the
table at the end of docs/alert-cases.md, and tests/alerts/test_silent_holes.py asks whether all of it exists.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Hole(NamedTuple):
    """One way to lose an alarm. `tests` are `path::name` below tests/, `cases` titles of the table."""

    hole: str
    seen: str
    here: str
    tests: tuple[str, ...]
    cases: tuple[str, ...] = ()


_OWN: Final = "alerts/test_silent_holes.py"
_MUTES: Final = "alerts/test_mutes.py::TestWhatAMuteDoes"
_STEPS: Final = "alerts/test_escalation.py"
_AUDIT: Final = "alerts/test_auditing.py::TestWhatIsStuck"
_LIVING: Final = "alerts/test_gateways.py::TestALivingGatewayHidesNobody"

HOLES: Final = (
    Hole(
        "A unit is isolated while it is out of range, and doesn't alarm when the isolation ends",
        "Checkit",
        "What lasts at the end of a mute is told then, whether its probe still speaks or not.",
        (
            f"{_MUTES}::test_an_excursion_that_lasts_through_it_alarms_at_its_end",
            f"{_MUTES}::test_an_acknowledgement_that_lapses_in_it_is_told_at_its_end",
            f"{_OWN}::TestIsolation::test_what_was_told_before_and_resolved_in_it_starts_anew_after_it",
        ),
        (
            "It is told at the end of the mute even if the sensor has said nothing since.",
            "A unit that is isolated while it is out of range alarms when the isolation ends, "
            "and says so if it fell silent meanwhile.",
            "A unit that goes out of range a minute before the isolation ends has its whole delay, "
            "and alarms after it.",
        ),
    ),
    Hole(
        "A transmitter that was offline can't trigger later alarms",
        "Checkit",
        "Each silence is an alert of its own, and none stands in the way of another cause.",
        (
            "alerts/test_silence.py::TestWhatNoReadingEnds"
            "::test_a_transmitter_that_was_offline_can_alarm_again_and_again",
            "alerts/test_silence.py::TestResolving::test_resolved_by_hand_it_opens_again_only_after_it_was_heard",
        ),
        (
            "A transmitter that was offline, and whose silence nobody closed, alarms of warmth "
            "and of its next silence.",
            "A silence that lasts hides no warmth that another probe of the unit measures.",
        ),
    ),
    Hole(
        "“Until acknowledged” stops after 24 hours",
        "Monnit",
        "As long as it lasts and nobody takes charge people are told again, without end.",
        (
            "alerts/test_lifecycle.py::TestAcknowledging"
            "::test_it_never_goes_quiet_after_a_day_or_a_month_as_long_as_it_lasts",
            "alerts/test_lifecycle.py::TestAcknowledging"
            "::test_somebody_who_acknowledges_again_and_again_is_reminded_as_often",
            f"{_STEPS}::TestTheSteps::test_it_never_ends_silently",
            f"{_STEPS}::TestDefaults"
            "::test_without_a_policy_a_critical_alert_is_repeated_even_where_acknowledgements_never_lapse",
        ),
        ("A critical alert that nobody acknowledges is told again and again, without an end.",),
    ),
    Hole(
        "When a schedule ends, or a probe falls silent, its last reading keeps being sent as if it were of now",
        "Monnit",
        "No reading is judged twice; messages say of when a value is, and a silent unit is shown as silent.",
        (
            f"{_OWN}::TestTheLastReading::test_a_reminder_says_of_when_its_value_is",
            f"{_OWN}::TestTheLastReading::test_a_silent_unit_is_shown_as_silent_with_the_time_of_its_last_value",
        ),
        ("After closing time the last reading isn't judged again and again: what fell silent is told as silence.",),
    ),
    Hole(
        "A morning passes with one good reading",
        "Didge",
        "One reading inside the limits says nothing of those before and after it, nor of those that are missing.",
        (),
        (
            "One good reading in a warm morning hides nothing: the alert opened before it, and goes on through it.",
            "One good reading in a warm morning, and no clear delay: two alerts, each told after its own delay.",
            "A morning of which one good reading is all there is was not a good morning: it was silent.",
        ),
    ),
    Hole(
        "A hub is offline, and one phone that may be off hears of it",
        "MOCREO",
        "A silent gateway is e-mailed to everybody concerned, once for all that is behind it.",
        (
            "alerts/test_gateways.py::TestOneAlertForAll"
            "::test_a_silent_gateway_is_told_once_and_names_the_units_behind_it",
            "alerts/test_gateways.py::TestSensorsThatAreWaitedForLessLong"
            "::test_the_hub_of_a_whole_house_offline_is_one_message",
        ),
        ("A silent gateway is one message: the silence of its sensors is part of it.",),
    ),
    Hole(
        "A live gateway hides its dead sensors",
        "ThingsBoard #5300",
        "Each sensor is waited for by itself.",
        (
            f"{_LIVING}::test_a_dead_sensor_behind_a_living_gateway_is_told",
            f"{_LIVING}::test_a_sensor_that_stays_silent_after_its_gateway_is_back_is_told_after_its_own_delay",
            f"{_LIVING}::test_a_fault_is_never_hidden_whatever_the_gateway_does",
        ),
        ("A living gateway hides no dead sensor.",),
    ),
    Hole(
        "A long logging interval hides peaks",
        "Controlant",
        "Whatever a logger kept is judged when it comes, and charts keep each extreme.",
        (
            "sensors/test_series.py::TestSeries::test_thinning_keeps_every_buckets_extremes",
            f"{_OWN}::TestPeaks::test_the_hour_of_a_peak_says_how_warm_it_was",
        ),
        ("A peak of one minute between two reports of ten is found when the logger sends its minutes.",),
    ),
    Hole(
        "Hourly averages hide what happened within the hour",
        "Rational",
        "Rules look at readings; hours and days keep their least and their most beside the mean.",
        (f"{_OWN}::TestPeaks::test_the_hour_of_a_peak_says_how_warm_it_was",),
        (
            "Readings are judged one by one, never their mean: "
            "half an hour too warm is told in an hour that was fine on average.",
        ),
    ),
    Hole(
        "A monthly quota stops alarms",
        "ThingsBoard #9933",
        "Nothing that a customer pays for is asked about on the way from a reading to a person.",
        (
            f"{_OWN}::TestMoney::test_however_many_messages_a_month_has_had_the_next_alarm_is_told",
            f"{_OWN}::TestMoney::test_a_plan_that_shows_little_of_the_past_silences_nothing",
        ),
    ),
    Hole(
        "A duration alarm fires across a gap, as during a defrost",
        "ThingsBoard #14210",
        "Timers are frozen through a gap: it adds nothing and resets nothing.",
        (),
        (
            "A gap alone never opens: hours of silence after a warm reading are no proof of warmth.",
            "The timer is frozen through a gap and goes on after it.",
            "A defrost in which the probe falls silent opens nothing: the pause counts as no time in breach.",
            "A defrost that doesn't end is told after the pause, when what was measured is as long as the delay.",
        ),
    ),
    Hole(
        "One late batch sends several e-mails, out of order",
        "ThingsBoard #8681",
        "A late batch is judged in the order of its times, and is one message a unit.",
        (
            "alerts/test_telling.py::TestFoundLate::test_a_late_batch_is_one_message_however_much_it_tells",
            f"{_OWN}::TestALateBatch::test_it_is_one_message_in_the_order_of_what_happened_however_it_lies_in_the_batch",
            f"{_OWN}::TestALateBatch::test_nobody_hears_that_something_is_over_before_they_hear_of_it",
        ),
        ("One late batch with several excursions is one message.",),
    ),
    Hole(
        "A gateway stamps an old value with now",
        "ThingsBoard Gateway #2119",
        "A reading has its own time and the time when it came; only the former counts for a limit.",
        (),
        (
            "What a gateway kept keeps its own times, whatever comes in the same request: nothing old counts as now.",
            "Readings that come late open an alert in the past, marked with the time when it was found.",
        ),
    ),
    Hole(
        "Silence is noticed thirty times too late",
        "ThingsBoard #6821",
        "The clock looks every few seconds, and finds what is due within a minute however long the delay is.",
        (
            f"{_OWN}::TestSilenceInTime::test_it_is_told_within_a_minute_of_being_due",
            f"{_OWN}::TestSilenceInTime::test_the_timetable_leaves_room_for_a_round_that_fails",
        ),
        ("Silence is found within a minute, however it lies to the sweep's rhythm.",),
    ),
    Hole(
        "An alarm of silence that opens just as its sensor speaks never clears",
        "ThingsBoard #7909",
        "Sweep and writer take turns at the sensor, and each round looks again at what is open.",
        (
            "alerts/test_silence.py::TestAtOnce::test_a_reading_that_comes_while_an_alert_opens_ends_it",
            "alerts/test_silence.py::TestAtOnce::test_what_a_writer_is_just_storing_is_not_silent",
            "alerts/test_silence.py::TestResolving"
            "::test_a_sensor_that_speaks_and_is_not_judged_is_found_by_the_next_round",
            f"{_OWN}::TestTheRace::test_however_sweeps_and_readings_meet_nothing_stays_open_that_was_heard",
        ),
    ),
    Hole(
        "A message counts as done once it was sent, or marked delivered and never received",
        "Grafana OnCall, Healthchecks #1205",
        "Only a person's answer stops the telling, whatever became of a message.",
        (
            f"{_OWN}::TestAnswers::test_a_message_that_was_delivered_is_no_answer",
            f"{_STEPS}::TestTheSteps::test_the_next_person_is_told_when_nobody_answers_and_then_the_first_again",
        ),
    ),
    Hole(
        "Nobody is set up to be told, or nobody of them can be reached, and nobody knows",
        "Grafana OnCall #1326, #1511, uptimepage #115",
        "A step that reaches nobody is passed over at once, and managers are told if none does; holes are looked for "
        "before an alert opens, and owners hear of them each week.",
        (
            f"{_STEPS}::TestNobodyIsReached::test_where_no_step_reaches_anybody_managers_are_told",
            f"{_STEPS}::TestNobodyIsReached::test_nor_one_whose_addresses_are_all_switched_off",
            "alerts/test_coverage_told.py::TestTheWeeklyMail::test_owners_are_written_to_on_monday_at_eight",
        ),
    ),
    Hole(
        "Somebody acknowledges and leaves, or an acknowledgement is lost, and the alert is quiet for ever",
        "Grafana OnCall #1792",
        "An acknowledgement lapses, and an auditor that shares nothing with the sweep looks each minute for alerts "
        "that nobody would hear of.",
        (
            f"{_STEPS}::TestAnAnswer::test_an_acknowledgement_that_lapses_starts_it_again",
            f"{_AUDIT}::test_whoever_answered_and_left_is_no_human_here_any_more",
            f"{_AUDIT}::test_an_open_alert_without_a_next_step_is_told_and_reported",
        ),
    ),
)
