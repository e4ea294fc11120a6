"""A real ingest process and everything that isn't a request: each ends in an answer of the contract, none in 500."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from freshtrack.embedded.processes import wait_until
from tests.doors import PATH
from tests.ingest.gate import MIB, Answer, Gate, opened_gate, problem, read, send

MOST_BYTES = 4 * MIB
# The longest answer to anything here: details are sentences, not echoes of what was sent.
LONGEST_ANSWER = 64 * 1024

gate = pytest.fixture(scope="module")(opened_gate)


@pytest.fixture(autouse=True)
def process_survives(gate: Gate, request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever came, the process lives, logged no failure of its own, and stores the next reading."""
    pid = gate.door.pid
    logged = len(gate.door.log())
    yield
    assert gate.door.pid == pid
    assert gate.post(one("after")).json()["accepted"] == 1
    new = gate.door.log()[logged:]
    assert "Traceback" not in new, new[-4000:]


_clock = iter(range(10**9))


def fresh(serial: str = "S", **changes: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(hours=1) + timedelta(milliseconds=next(_clock))
    return {"sensor": serial, "recorded_at": moment.isoformat(timespec="milliseconds"), "temperature": 3.4, **changes}


def one(serial: str = "S", **changes: Any) -> bytes:
    return json.dumps({"readings": [fresh(serial, **changes)]}).encode()


# --- bodies -----------------------------------------------------------------------------------------------------------

BROKEN = {
    "empty": b"",
    "white": b" \n\t ",
    "a brace": b"{",
    "an open string": b'{"readings": [{"sensor": "',
    "a comma too many": b'{"readings": [],}',
    "two documents": b'{"readings": []} {"readings": []}',
    "no JSON": b"readings=1&sensor=2",
    "zeroes": b"\x00" * 1000,
    "noise": bytes(range(256)) * 8,
    "NaN": b'{"readings": [{"sensor": "S", "recorded_at": "2026-11-20T12:00:00Z", "temperature": NaN}]}',
    "Infinity": b'{"readings": [{"sensor": "S", "recorded_at": "2026-11-20T12:00:00Z", "temperature": Infinity}]}',
    "-Infinity": b'{"readings": [{"sensor": "S", "recorded_at": "2026-11-20T12:00:00Z", "humidity": -Infinity}]}',
    "NaN in an unknown field": b'{"readings": [{"sensor": "S", "x": NaN}]}',
    "a comment": b'{"readings": [] /* none */}',
    "single quotes": b"{'readings': []}",
    "UTF-16": '{"readings": []}'.encode("utf-16"),
    "half a surrogate pair of bytes": b'{"readings": [{"sensor": "\xed\xa0\x80"}]}',
    "a control character in a string": b'{"readings": [{"sensor": "a\x01"}]}',
    "deep arrays": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "closed deep arrays": b"[" * 100_000 + b"]" * 100_000,
}
NOT_UTF_8 = ("half a surrogate pair of bytes",)
SHAPELESS = {
    "null": b"null",
    "a number": b"17",
    "a string": b'"readings"',
    "an array": b"[]",
    "no readings": b"{}",
    "readings null": b'{"readings": null}',
    "readings an object": b'{"readings": {}}',
    "readings a string": b'{"readings": "none"}',
    "readings a number": b'{"readings": 1e400}',
    "another name": b'{"Readings": []}',
}


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in NOT_UTF_8])
def test_what_is_not_json_is_refused_as_a_whole(gate: Gate, name: str) -> None:
    before = gate.stored()
    for path in (PATH, PATH + "/", "/api/v1/ingest/ttn"):
        status, code = problem(gate.post(BROKEN[name], path=path))
        # Depth is a limit, not a matter of grammar: a body that can't be read to its end has either code.
        assert (status, code) == (400, "malformed_json") or (status == 400 and "deep" in name), (path, status, code)
    assert gate.stored() == before


def test_a_string_that_is_not_utf_8_is_refused_as_a_whole(gate: Gate) -> None:
    assert problem(gate.post(BROKEN[NOT_UTF_8[0]])) == (400, "malformed_json")


@pytest.mark.parametrize("name", SHAPELESS)
def test_json_of_another_shape_is_refused_as_a_whole(gate: Gate, name: str) -> None:
    status, code = problem(gate.post(SHAPELESS[name]))
    assert status == 400
    assert code in {"invalid", "malformed_json"}
    assert problem(gate.post(SHAPELESS[name], path="/api/v1/ingest/ttn"))[0] == 400


def raw(**fields: str) -> bytes:
    """One reading whose fields are written as they are."""
    spelled = {"sensor": '"S"', "recorded_at": '"2026-11-20T12:00:00Z"', "temperature": "3.4", **fields}
    inner = ",".join(f'"{name}":{value}' for name, value in spelled.items())
    return b'{"readings":[{' + inner.encode("utf-8", "surrogatepass") + b"}]}"


# One reading that is refused for itself; some may be refused as a whole request, since they aren't JSON either.
REFUSED = {
    "a huge number": (raw(temperature="1e400"), {"invalid", "out_of_range", 400}),
    "a number of 5000 digits": (raw(temperature="9" * 5000), {"invalid", "out_of_range", 400}),
    "a negative one of 5000 digits": (raw(signal="-" + "9" * 5000), {"invalid", "out_of_range", 400}),
    "the greatest double": (raw(humidity="1.7976931348623157e308"), {"out_of_range"}),
    "an integer beyond 64 bits": (raw(battery=str(2**70)), {"out_of_range", "invalid"}),
    "a time of 5000 digits": (raw(recorded_at="9" * 5000), {"invalid", 400}),
    "a time in seconds": (raw(recorded_at="1763640000"), {"invalid"}),
    "a time without zone": (raw(recorded_at='"2026-11-20T12:00:00"'), {"invalid"}),
    "a date": (raw(recorded_at='"2026-11-20"'), {"invalid"}),
    "the 30th of February": (raw(recorded_at='"2026-02-30T12:00:00Z"'), {"invalid"}),
    "the year 10000": (raw(recorded_at='"10000-01-01T00:00:00Z"'), {"invalid", "in_future"}),
    "the last moment": (raw(recorded_at='"9999-12-31T23:59:59.999999Z"'), {"in_future"}),
    "the last moment far west": (raw(recorded_at='"9999-12-31T23:59:59-23:59"'), {"in_future", "invalid"}),
    "the first moment": (raw(recorded_at='"0001-01-01T00:00:00Z"'), {"too_old"}),
    "the first moment far east": (raw(recorded_at='"0001-01-01T00:00:00+23:59"'), {"too_old", "invalid"}),
    "the year 0": (raw(recorded_at='"0000-01-01T00:00:00Z"'), {"invalid"}),
    "a serial of 3 MB": (raw(sensor='"' + "x" * 3_000_000 + '"'), {"invalid"}),
    "a channel of 3 MB": (raw(channel='"' + "x" * 3_000_000 + '"'), {"invalid"}),
    "a temperature of 3 MB": (raw(temperature='"' + "x" * 3_000_000 + '"'), {"invalid"}),
    "a name of 3 MB": (raw(sensor="1").replace(b'"temperature"', b'"' + b"x" * 3_000_000 + b'"'), {"invalid"}),
    "an empty serial": (raw(sensor='""'), {"invalid"}),
    "65 characters": (raw(sensor='"' + "x" * 65 + '"'), {"invalid"}),
    "NUL in the serial": (raw(sensor=r'"a\u0000b"'), {"invalid"}),
    "NUL in the channel": (raw(channel=r'"\u0000"'), {"invalid"}),
    "NUL in a value": (raw(temperature=r'"\u0000"'), {"invalid"}),
    "NUL in a name": (raw(sensor="1").replace(b'"temperature"', rb'"\u0000"'), {"invalid"}),
    "NUL beside something wrong": (raw(sensor="1", note=r'"\u0000"'), {"invalid"}),
    "half a surrogate pair": (raw(sensor=r'"a\ud800b"'), {"invalid", 400}),
    "the other half": (raw(sensor=r'"\udc00"'), {"invalid", 400}),
    "half a pair beside something wrong": (raw(sensor="1", note=r'"\ud800"'), {"invalid", 400}),
    "half a pair in a name": (raw(sensor="1").replace(b'"temperature"', rb'"\udfff"'), {"invalid", 400}),
    "a line end in the serial": (raw(sensor=r'"a\nb"'), {"invalid"}),
    "a right-to-left mark": (raw(sensor='"a\u202eb"'), {"invalid"}),
    "text for a number": (raw(temperature='"3.4"'), {"invalid"}),
    "an array for a number": (raw(temperature="[3.4]"), {"invalid"}),
    "yes for a number": (raw(temperature="true"), {"invalid"}),
    "a number for yes": (raw(door_open="1"), {"invalid"}),
    "a number for the serial": (raw(sensor="17"), {"invalid"}),
    "no value": (raw(temperature="null"), {"missing_value"}),
    "a reading that is an array": (b'{"readings": [[]]}', {"invalid"}),
    "a reading that is null": (b'{"readings": [null]}', {"invalid"}),
    "a reading that is a number": (b'{"readings": [1e999]}', {"invalid", 400}),
    "a deep reading": (b'{"readings": [' + b"[" * 500 + b"]" * 500 + b"]}", {"invalid", 400}),
    "a very deep reading": (b'{"readings": [' + b"[" * 9999 + b"]" * 9999 + b"]}", {"invalid", 400}),
    "something deep beside something wrong": (raw(sensor="1", note="[" * 900 + "]" * 900), {"invalid", 400}),
    "something very deep beside something wrong": (raw(sensor="1", note="[" * 99_999 + "]" * 99_999), {"invalid", 400}),
    "numbers that are no doubles beside something wrong": (raw(sensor="1", note="1e999"), {"invalid", 400}),
    "a number of 5000 digits beside something wrong": (raw(sensor="1", note="9" * 5000), {"invalid", 400}),
    "-0 as humidity below zero": (raw(humidity="-0.01"), {"out_of_range"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_strange_reading_is_refused_for_itself_and_its_neighbour_stored(gate: Gate, name: str) -> None:
    body, codes = REFUSED[name]
    answer = gate.post(body)
    assert len(answer.content) < LONGEST_ANSWER
    if 400 in codes and answer.status == 400:
        assert problem(answer)[1] in {"malformed_json", "invalid"}
        return
    assert answer.status == 200, answer.content[:500]
    told = answer.json()
    assert (told["accepted"], told["duplicates"], len(told["rejected"])) == (0, 0, 1)
    assert told["rejected"][0]["code"] in codes
    assert told["rejected"][0]["detail"]

    beside = body.rstrip()[:-2] + b"," + json.dumps(fresh()).encode() + b"]}"
    answer = gate.post(beside)
    assert answer.status == 200 or (400 in codes and answer.status == 400)
    if answer.status == 200:
        assert [row["index"] for row in answer.json()["rejected"]] == [0]
        assert answer.json()["accepted"] == 1


STRANGE_BUT_RIGHT = {
    "unknown fields": {"note": "x", "temperature_f": 99, "nested": {"a": [1, {"b": None}]}},
    "NUL in an unknown field": {"note": "\x00"},
    "a serial of 64 characters": {"sensor": "é" * 64},
    "an emoji": {"sensor": "🧊"},
    "a quote and a brace": {"sensor": "{},\"\\'%s%%"},
    "SQL": {"sensor": "'; DROP TABLE sensors_reading; --"},
    "null for what is missing": {"humidity": None, "battery": None, "signal": None, "door_open": None, "channel": None},
    "whole numbers": {"temperature": 3, "humidity": 50, "battery": 7.4, "signal": -71.5},
    "a tiny number": {"temperature": 1e-300},
    "zero below zero": {"temperature": -0.0},
    "a far zone": {"recorded_at": "2026-11-20T23:00:00+14:00"},
    "a fraction of twelve digits": {"recorded_at": "2026-11-20T12:00:00.123456789012Z"},
    "a leap day": {"recorded_at": "2024-02-29T00:00:00Z"},
    "the first moment of 2000": {"recorded_at": "2000-01-01T00:00:00Z"},
}


@pytest.mark.parametrize("name", STRANGE_BUT_RIGHT)
def test_what_is_only_strange_is_stored(gate: Gate, name: str) -> None:
    answer = gate.post(one(**{"sensor": f"strange {name}"[:64], **STRANGE_BUT_RIGHT[name]}))
    assert answer.status == 200, answer.content
    told = answer.json()
    assert (told["accepted"] + told["duplicates"], told["rejected"]) == (1, [])


@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (b"\xef\xbb\xbf" + b'{"readings": []}', {200, 400}),
        (b'{"readings": [], "readings": []}', {200, 400}),
        (raw(temperature='1.0,"temperature":2.0'), {200, 400}),
        (b'{"readings": [], "other": "' + b"x" * 3_000_000 + b'"}', {200}),
        (b'{"readings": [], "deep": ' + b"[" * 900 + b"]" * 900 + b"}", {200, 400}),
        (b'{"readings": [' + b"0," * 9_998 + b"0]}", {200}),
        (b'{"readings": [' + b"{}," * 9_999 + b"{}]}", {200}),
    ],
    ids=["BOM", "readings twice", "a value twice", "a long unknown field", "a deep one", "numbers", "empty readings"],
)
def test_what_the_contract_leaves_open_is_answered_all_the_same(gate: Gate, content: bytes, statuses: set[int]) -> None:
    answer = gate.post(content)
    assert answer.status in statuses, answer.content[:300]
    if answer.status == 400:
        assert problem(answer)[1] in {"malformed_json", "invalid"}


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_four_mebibytes_are_the_limit_however_they_are_sent(gate: Gate) -> None:
    fits = one()
    fits += b" " * (MOST_BYTES - len(fits))
    assert gate.post(fits).json()["accepted"] == 1
    assert problem(gate.post(fits + b" ")) == (413, "too_large")
    with gate.connect() as wire:
        # Told by its length alone: not one byte of it has to be sent.
        wire.sendall(gate.head(Content_Length=str(50 * MIB)))
        assert problem(read(wire)) == (413, "too_large")
    with gate.connect() as wire:
        wire.sendall(gate.head(Transfer_Encoding="chunked"))
        send(wire, b"100000\r\n" + b" " * MIB + b"\r\n")
        for _ in range(4):
            send(wire, b"100000\r\n" + b" " * MIB + b"\r\n")
        assert problem(read(wire)) == (413, "too_large")


def test_ten_thousand_readings_are_the_limit(gate: Gate) -> None:
    tiny = b'{"sensor":"tiny","recorded_at":"2026-11-20T12:00:00Z","battery":1}'
    answer = gate.post(b'{"readings":[' + b",".join([tiny] * 10_000) + b"]}")
    assert answer.json()["accepted"] + answer.json()["duplicates"] == 10_000
    before = gate.stored()
    for reading in (tiny, b"{}", b"0", b"[]"):
        assert problem(gate.post(b'{"readings":[' + b",".join([reading] * 10_001) + b"]}")) == (
            413,
            "too_many_readings",
        )
    assert gate.stored() == before


def deflated(content: bytes) -> bytes:
    return zlib.compress(content)


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (gzip.compress(b" " * 300 * MIB, 9, mtime=0), "gzip", (413, "too_large")),
        (gzip.compress(b" " * (MOST_BYTES + 1), mtime=0), "gzip", (413, "too_large")),
        (gzip.compress(b"[" * MIB, mtime=0) * 300, "gzip", None),
        (gzip.compress(gzip.compress(b'{"readings": []}', mtime=0), mtime=0), "gzip", (400, "malformed_json")),
        (
            gzip.compress(gzip.compress(b'{"readings": []}', mtime=0), mtime=0),
            "gzip, gzip",
            (415, "unsupported_encoding"),
        ),
        (gzip.compress(b'{"readings": []}', mtime=0)[:-8] + b"\0" * 8, "gzip", (400, "malformed_gzip")),
        (gzip.compress(b'{"readings": []}', mtime=0)[:-1], "gzip", (400, "malformed_gzip")),
        (gzip.compress(b'{"readings": []}', mtime=0)[:12], "gzip", (400, "malformed_gzip")),
        (b"\x1f\x8b", "gzip", (400, "malformed_gzip")),
        (b'{"readings": []}', "gzip", (400, "malformed_gzip")),
        (b"", "gzip", (400, "malformed_gzip")),
        (deflated(b'{"readings": []}'), "gzip", (400, "malformed_gzip")),
        (deflated(b'{"readings": []}'), "deflate", (415, "unsupported_encoding")),
        (b'{"readings": []}', "br", (415, "unsupported_encoding")),
        (b'{"readings": []}', "zstd", (415, "unsupported_encoding")),
        (b'{"readings": []}', "x" * 5000, (415, "unsupported_encoding")),
        (gzip.compress(b'{"readings": []}', mtime=0), "identity", (400, "malformed_json")),
    ],
    ids=[
        *("a bomb of 300 MiB", "one byte too many", "a bomb in members", "gzip inside gzip", "said twice"),
        *("a wrong checksum", "cut off", "cut off early", "its first two bytes", "plain", "empty"),
        *("deflate as gzip", "deflate", "br", "zstd", "nonsense", "not said"),
    ],
)
def test_compressed_bodies_keep_the_limits(
    gate: Gate, content: bytes, encoding: str, expected: tuple[int, str] | None
) -> None:
    told = problem(gate.post(content, Content_Encoding=encoding))
    assert told == expected or (expected is None and told[0] in (400, 413))
    assert gate.door.memory() < gate.memory + 64 * MIB


def test_a_body_cut_into_two_members_of_gzip_is_one_body_or_none(gate: Gate) -> None:
    """RFC 1952 lets a file have several. Half of what was sent must not be acknowledged as all of it."""
    body = json.dumps({"readings": [fresh(f"M-{number}") for number in range(10)]}).encode()
    answer = gate.post(gzip.compress(body[:300]) + gzip.compress(body[300:]), Content_Encoding="gzip")
    assert answer.status == 400 or answer.json()["accepted"] == 10


@pytest.mark.parametrize("rest", [b"rubbish", gzip.compress(b'{"readings": [0]}', mtime=0)], ids=["rubbish", "member"])
def test_what_follows_a_gzip_body_is_not_dropped_without_a_word(gate: Gate, rest: bytes) -> None:
    assert problem(gate.post(gzip.compress(one()) + rest, Content_Encoding="gzip"))[0] == 400


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " gzip ", "x-gzip"])
def test_gzip_may_be_spelled_in_several_ways(gate: Gate, encoding: str) -> None:
    assert gate.post(gzip.compress(one()), Content_Encoding=encoding).json()["accepted"] == 1


# --- addresses, methods, types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_only_post_is_understood(gate: Gate, method: str, slash: str) -> None:
    with gate.connect() as wire:
        body = b"" if method in ("GET", "HEAD") else one()
        wire.sendall(gate.head(method, PATH + slash, Content_Length=str(len(body))) + body)
        answer = read(wire, has_body=method != "HEAD")
    assert answer.headers["allow"] == "POST"
    if method == "HEAD":
        assert (answer.status, answer.content) == (405, b"")
    else:
        assert problem(answer) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/ingest/nonsense", "/api/v1/ingest/nonsense/", "/api/v1/ingest/", "/api/v1/ingest", "/"),
        *(
            "/api/v1/ingest/readings//",
            "/api/v1/ingest//readings",
            "/api/v1/ingest/readings/x",
            "/api/v1/ingest/Readings",
        ),
        *("/api/v1/ingest/..%2freadings", "/api/v1/ingest/%72eadings%00", "/api/v1/ingest/%ff%fe", "/metrics"),
        *("/api/v1/ingest/" + "x" * 5000, "/health/live", "/api/v1/me/"),
    ],
)
def test_other_addresses_are_not_found(gate: Gate, path: str) -> None:
    for slash in ("", "?event=up"):
        assert problem(gate.post(one(), path=path + slash)) == (404, "not_found")


def test_a_query_and_an_escaped_address_make_no_difference(gate: Gate) -> None:
    for path in (PATH + "?x=1", PATH + "/?x=1", PATH.replace("readings", "%72eadings")):
        assert gate.post(one(), path=path).json()["accepted"] == 1


@pytest.mark.parametrize(
    "kind",
    [
        *("application/xml", "multipart/form-data; boundary=x", "application/octet-stream", "image/png"),
        *("application/x-protobuf", "application/jsonx", "json", "é", "x" * 5000, "application/json, text/html"),
    ],
)
def test_other_content_types_are_refused(gate: Gate, kind: str) -> None:
    assert problem(gate.post(one(), Content_Type=kind)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON; charset=utf-8", "text/plain", ""])
def test_json_is_understood_under_several_names(gate: Gate, kind: str) -> None:
    assert gate.post(one(), Content_Type=kind).json()["accepted"] == 1


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer é", "Bearer " + "x" * 30_000, "bearer\tx", "Bearer a b c", "ftk_x"],
)
def test_without_a_good_key_nothing_is_read(gate: Gate, authorization: str) -> None:
    lines = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: 1000000\r\n\r\n"
    with gate.connect() as wire:
        wire.sendall(lines.encode("latin-1"))
        answer = read(wire)
    assert problem(answer)[0] == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("proposed", ["x", "a b", "é" * 8, "12345678\x7f", "x" * 65, "../../etc/passwd", "<script>x"])
def test_a_request_id_that_would_spoil_a_log_is_replaced(gate: Gate, proposed: str) -> None:
    answer = gate.post(b"{", X_Request_Id=proposed)
    if answer.headers["content-type"].startswith("text/plain"):
        assert answer.status == 400  # not even HTTP
        return
    assert problem(answer)[0] == 400
    assert answer.headers["x-request-id"] != proposed


# --- below HTTP -------------------------------------------------------------------------------------------------------


def test_a_body_that_ends_early_is_not_stored(gate: Gate) -> None:
    before = gate.stored()
    with gate.connect() as wire:
        wire.sendall(gate.head(Content_Length="100000") + one())
        wire.shutdown(socket.SHUT_WR)
    with gate.connect() as wire:
        wire.sendall(gate.head(Transfer_Encoding="chunked") + b'5\r\n{"rea\r\n')
    assert wait_until(lambda: gate.door.open_files() <= 40, seconds=10)
    assert gate.stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "-1"},
        {"Content_Length": "ten"},
        {"Content_Length": "9" * 40},
        {"Content_Length": "5, 6"},
        {"Transfer_Encoding": "chunked", "Content_Length": "5"},
        {"Transfer_Encoding": "rot13"},
    ],
    ids=lambda headers: " and ".join(f"{name} {value[:12]}" for name, value in headers.items()),
)
def test_what_is_not_http_is_refused_and_hung_up_on(gate: Gate, headers: dict[str, str]) -> None:
    before = gate.stored()
    with gate.connect() as wire:
        wire.sendall(gate.head(**headers) + one())
        wire.shutdown(socket.SHUT_WR)
        answer = read(wire)
    assert answer.status in (0, 400, 501)
    assert gate.stored() == before


def test_a_body_in_very_small_pieces_is_understood(gate: Gate) -> None:
    body = json.dumps({"readings": [fresh() for _ in range(50)]}).encode()
    with gate.connect() as wire:
        wire.sendall(gate.head(Transfer_Encoding="chunked"))
        wire.sendall(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert read(wire).json()["accepted"] == 50


def test_requests_one_behind_the_other_are_answered_in_order(gate: Gate) -> None:
    good = one()
    with gate.connect() as wire:
        for body in (good, b"{", good):
            wire.sendall(gate.head(Content_Length=str(len(body))) + body)
        answers = [read_one(wire) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 400, 200]
    assert [answers[0].json()["accepted"], answers[2].json()["duplicates"]] == [1, 1]


def read_one(wire: socket.socket) -> Answer:
    """One of several answers on the wire, leaving the next."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += wire.recv(1)
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    content = b""
    while len(content) < int(headers["content-length"]):
        content += wire.recv(int(headers["content-length"]) - len(content))
    return Answer(int(first.split()[1]), headers, content)


def test_a_web_socket_is_not_opened_here(gate: Gate) -> None:
    with gate.connect() as wire:
        wire.sendall(
            gate.head(
                "GET",
                Connection="Upgrade",
                Upgrade="websocket",
                Sec_WebSocket_Version="13",
                Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
            )
        )
        answer = read(wire)
    assert problem(answer) == (405, "method_not_allowed")


# --- many, and slow ---------------------------------------------------------------------------------------------------

SLOW = 300
BODY_PATIENCE_S = 30.0


def test_slow_senders_are_given_up_and_disturb_nobody(gate: Gate) -> None:
    """Each sends its head, a little of its body, and then almost nothing."""
    before, files = gate.stored(), gate.door.open_files()
    wires = [gate.connect() for _ in range(SLOW)]
    try:
        for wire in wires:
            wire.sendall(gate.head(Content_Length="1000000") + b'{"readings": [')
        began = time.monotonic()
        slowest = 0.0
        while time.monotonic() < began + BODY_PATIENCE_S / 3:
            for wire in wires[:10]:
                send(wire, b" ")
            asked = time.monotonic()
            assert gate.post(one("quick")).status == 200
            slowest = max(slowest, time.monotonic() - asked)
        print(f"slowest of the others: {slowest * 1000:.0f} ms")
        assert slowest < 2
        assert gate.door.memory() < gate.memory + 64 * MIB
        for wire in wires:
            wire.settimeout(BODY_PATIENCE_S + 10)
        assert problem(read(wires[0])) == (408, "timeout")
        assert problem(read(wires[-1])) == (408, "timeout")
        assert BODY_PATIENCE_S - 5 < time.monotonic() - began < BODY_PATIENCE_S + 10
    finally:
        for wire in wires:
            wire.close()
    assert wait_until(lambda: gate.door.open_files() <= files + 5, seconds=10)
    assert gate.stored() > before


def test_many_connections_that_say_nothing_disturb_nobody(gate: Gate) -> None:
    files = gate.door.open_files()
    wires = [gate.connect() for _ in range(800)]
    try:
        assert wait_until(lambda: gate.door.open_files() >= files + 800, seconds=20)
        began = time.monotonic()
        for _ in range(20):
            assert gate.post(one("quick")).status == 200
        assert time.monotonic() - began < 10
        assert gate.door.memory() < gate.memory + 64 * MIB
    finally:
        for wire in wires:
            wire.close()
    assert wait_until(lambda: gate.door.open_files() <= files + 5, seconds=10)
