"""Requests that nobody foresaw, at a real process with a real database: each is answered as the contract says."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doors import PATH
from tests.ingest import oracle
from tests.ingest.gate import Gate, opened_gate, problem
from tests.ingest.test_fuzz_decoders import WEBHOOKS, anything, changes, mostly_right, mutated, readings

EXAMPLES = 250

gate = pytest.fixture(scope="module")(opened_gate)
# The process is shared by all examples on purpose: what one leaves behind must not harm the next.
shared = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def nothing_failed(gate: Gate) -> Iterator[None]:
    """No failure of our own in the log, and no growth of the process, after all examples."""
    logged, memory = len(gate.door.log()), gate.door.memory()
    yield
    new = gate.door.log()[logged:]
    assert "Traceback" not in new, new[-4000:]
    assert gate.door.memory() < memory + 64 * 1024 * 1024


_examples = itertools.count()
seconds = st.integers(0, 5)
hundredths = st.integers(-30_000, 30_000)


def _value(low: int, high: int) -> st.SearchStrategy[float | None]:
    """Around the limits, and a little beside a hundredth, but never half-way between two."""
    near = st.one_of(st.integers(low * 100 - 5, low * 100 + 5), st.integers(high * 100 - 5, high * 100 + 5))
    few = st.sampled_from([300, 301, 400])
    return st.one_of(st.none(), st.builds(lambda n, beside: (n + beside) / 100, few | near, st.sampled_from([0, 0.2])))


few_readings = st.lists(
    st.fixed_dictionaries(
        {"sensor": st.sampled_from(["a", "b"]), "second": seconds},
        optional={
            "channel": st.sampled_from([None, "0", "1"]),
            "temperature": st.one_of(_value(-200, 200), st.sampled_from(oracle.FAULTS)),
            "humidity": _value(0, 100),
            "battery": st.one_of(st.none(), st.integers(-2, 102)),
            "signal": st.one_of(st.none(), st.integers(-202, 2)),
            "door_open": st.sampled_from([None, True, False]),
            "recorded_at": st.sampled_from(["yesterday", "1999-12-31T00:00:00Z", "2090-01-01T00:00:00Z", None, 17]),
        },
    ),
    min_size=1,
    max_size=8,
)


def spelled(sketch: dict[str, Any], *, example: int, at: datetime) -> dict[str, Any]:
    """A sketched reading as it is sent: of a probe of this example, some seconds before now."""
    moment = at - timedelta(minutes=1, seconds=sketch["second"])
    rest = {name: value for name, value in sketch.items() if name not in ("second", "sensor")}
    return {"sensor": f"{example}-{sketch['sensor']}", "recorded_at": moment.isoformat(), **rest}


@shared
@given(sketches=st.lists(few_readings, min_size=1, max_size=3), repeat=st.booleans())
def test_what_is_stored_refused_and_repeated_is_what_the_contract_says(
    gate: Gate, sketches: list[list[dict[str, Any]]], repeat: bool
) -> None:
    """Also between the readings of a request, and from one request to the next."""
    example, at = next(_examples), datetime.now(UTC)
    requests = [[spelled(sketch, example=example, at=at) for sketch in sent] for sent in sketches]
    if repeat:
        requests.append(requests[0])
    for sent, expected in zip(requests, oracle.keep(requests, at=at), strict=True):
        answer = gate.post(json.dumps({"readings": sent}).encode())
        assert answer.status == 200, answer.content
        told = answer.json()
        found = {**told, "rejected": [(row["index"], row["code"]) for row in told["rejected"]]}
        assert found == expected
        assert told["accepted"] + told["duplicates"] + len(told["rejected"]) == len(sent)


def answered(gate: Gate, body: bytes, **kwargs: str) -> None:
    """With one of the contract's answers, whatever it was."""
    answer = gate.post(body, **kwargs)
    if answer.status == 200:
        told = answer.json()
        assert set(told) == {"accepted", "duplicates", "rejected"}
        assert {row["code"] for row in told["rejected"]} <= oracle.CODES
        assert all(set(row) == {"index", "code", "detail"} for row in told["rejected"])
    else:
        status, code = problem(answer)
        assert (status, code) in {
            *((400, "malformed_json"), (400, "invalid"), (400, "malformed_gzip")),
            *((413, "too_large"), (413, "too_many_readings"), (415, "unsupported_encoding")),
        }


@shared
@given(sent=st.lists(readings, max_size=6))
def test_readings_with_anything_anywhere_are_answered(gate: Gate, sent: list[Any]) -> None:
    answered(gate, json.dumps({"readings": sent}).encode())


@shared
@given(body=st.one_of(st.binary(max_size=200), anything.map(lambda value: json.dumps(value).encode())))
def test_arbitrary_bodies_are_answered(gate: Gate, body: bytes) -> None:
    answered(gate, body)
    answered(gate, body, path="/api/v1/ingest/ttn/")
    answered(gate, body, Content_Encoding="gzip")
    answered(gate, gzip.compress(body), Content_Encoding="gzip", path=PATH + "/")


@shared
@given(sent=st.lists(mostly_right, min_size=1, max_size=3), changes=changes)
def test_damaged_bodies_are_answered(gate: Gate, sent: list[Any], changes: list[tuple[int, int]]) -> None:
    body = json.dumps({"readings": sent}).encode()
    answered(gate, mutated(body, changes))
    answered(gate, mutated(gzip.compress(body), changes), Content_Encoding="gzip")


@shared
@given(body=st.sampled_from(WEBHOOKS), changes=changes)
def test_damaged_webhooks_are_answered(gate: Gate, body: bytes, changes: list[tuple[int, int]]) -> None:
    answered(gate, mutated(body, changes), path="/api/v1/ingest/ttn")
