"""The door over ASGI, with a real database behind it: what a gateway sees."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.utils import timezone

from ingest.asgi import IngestDoor
from ingest.authentication import REMEMBERED_S, Guesses
from organizations.models import ApiKey, Organization
from sensors.models import Reading, Sensor
from tests.factories import OrganizationFactory, as_system, key_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

PATH = "/api/v1/ingest/readings"
# A fixed time in its header: two workers must collect the same names.
CUT_OFF = gzip.compress(b'{"readings": []}', mtime=0)[:-6]


def body(count: int = 1, **changes: Any) -> dict[str, Any]:
    moment = timezone.now() - timedelta(minutes=5)
    return {
        "readings": [
            {
                "sensor": "S",
                "recorded_at": (moment + timedelta(milliseconds=i)).isoformat(),
                "temperature": 3.4,
                **changes,
            }
            for i in range(count)
        ]
    }


@sync_to_async
def make_organization() -> tuple[Organization, str]:
    organization = OrganizationFactory()
    return organization, key_of(organization)


@sync_to_async
def count_readings() -> int:
    with as_system():
        return Reading.objects.count()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with a good key."""
    _, key = await make_organization()
    door = IngestDoor()
    transport = httpx.ASGITransport(door)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://freshtrack", headers=headers) as client:
        yield client
    await door.close()


async def test_readings_are_stored_before_they_are_acknowledged(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=body(3))
    assert (answer.status_code, answer.json()) == (200, {"accepted": 3, "duplicates": 0, "rejected": []})
    assert await count_readings() == 3


async def test_a_slash_at_the_end_makes_no_difference(client: httpx.AsyncClient) -> None:
    assert (await client.post(PATH + "/", json=body())).json()["accepted"] == 1


async def test_refused_readings_are_named_and_the_others_stored(client: httpx.AsyncClient) -> None:
    mixed = {
        "readings": body(1)["readings"] + body(1, temperature="warm")["readings"] + body(1, sensor="T")["readings"]
    }
    answer = (await client.post(PATH, json=mixed)).json()
    assert (answer["accepted"], answer["duplicates"]) == (2, 0)
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [(1, "invalid")]
    assert "temperature" in answer["rejected"][0]["detail"]


async def test_all_refused_is_still_an_answer(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=body(1, temperature=None))
    assert (answer.status_code, answer.json()["rejected"][0]["code"]) == (200, "missing_value")


async def test_gzip_is_understood(client: httpx.AsyncClient) -> None:
    content = gzip.compress(json.dumps(body(2)).encode())
    answer = await client.post(PATH, content=content, headers={"Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 2


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["detail"]
    return answer.status_code, told["code"]


async def test_a_small_bomb_does_not_become_a_large_body(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    assert len(bomb) < 250_000
    answer = await client.post(PATH, content=bomb, headers={"Content-Encoding": "gzip"})
    assert problem(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"{", {}, (400, "malformed_json")),
        (b"", {}, (400, "malformed_json")),
        (b'{"readings": [{"sensor": "S", "temperature": NaN}]}', {}, (400, "malformed_json")),
        (b"not gzip", {"Content-Encoding": "gzip"}, (400, "malformed_gzip")),
        (CUT_OFF, {"Content-Encoding": "gzip"}, (400, "malformed_gzip")),
        (b"x", {"Content-Encoding": "br"}, (415, "unsupported_encoding")),
        (b"<xml/>", {"Content-Type": "application/xml"}, (415, "unsupported_media_type")),
        (b" " * (4 * 1024 * 1024 + 1), {}, (413, "too_large")),
    ],
)
async def test_a_broken_body_gets_a_clear_error_and_stores_nothing(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = await client.post(PATH, content=content, headers=headers)
    assert problem(answer) == expected
    assert await count_readings() == 0


async def test_twenty_thousand_readings_at_once_are_too_many(client: httpx.AsyncClient) -> None:
    # Written short, so that the number and not the size is what is too much.
    few_bytes = b'{"readings":[' + b",".join(
        [b'{"sensor":"S","recorded_at":"2026-11-20T12:00:00Z","battery":1}'] * 20_000
    )
    answer = await client.post(PATH, content=few_bytes + b"]}")
    assert problem(answer) == (413, "too_many_readings")
    assert await count_readings() == 0


async def test_ten_thousand_readings_fit(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=body(10_000))
    assert answer.json()["accepted"] == 10_000
    assert (await client.post(PATH, json=body(1, sensor="T"))).json()["accepted"] == 1


@pytest.mark.parametrize("authorization", [None, "Basic eDp5", "Bearer", "Bearer wrong", "Bearer ftk_" + "x" * 43])
async def test_a_wrong_key_is_refused(client: httpx.AsyncClient, authorization: str | None) -> None:
    del client.headers["Authorization"]
    headers = {"Authorization": authorization} if authorization else {}
    answer = await client.post(PATH, json=body(), headers=headers)
    assert problem(answer)[0] == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@sync_to_async
def key_with(**fields: Any) -> str:
    return key_of(OrganizationFactory(), **fields)


async def test_a_key_must_be_in_time_and_may_ingest(client: httpx.AsyncClient) -> None:
    expired = await key_with(expires_at=timezone.now() - timedelta(seconds=1))
    other = await key_with(scopes=("billing",))
    bearer = {"Authorization": f"Bearer {expired}"}
    assert problem(await client.post(PATH, json=body(), headers=bearer))[0] == 401
    bearer = {"Authorization": f"Bearer {other}"}
    assert problem(await client.post(PATH, json=body(), headers=bearer)) == (403, "permission_denied")


@sync_to_async
def revoke_all_keys() -> None:
    with as_system():
        ApiKey.objects.update(revoked_at=timezone.now())


async def test_a_revoked_key_is_refused_within_five_seconds(client: httpx.AsyncClient) -> None:
    assert (await client.post(PATH, json=body())).status_code == 200
    await revoke_all_keys()
    assert REMEMBERED_S < 5
    async with asyncio.timeout(5):
        while (await client.post(PATH, json=body())).status_code != 401:
            await asyncio.sleep(0.1)


async def test_the_key_says_when_it_was_used_last(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=body())

    @sync_to_async
    def last_used() -> Any:
        with as_system():
            return ApiKey.objects.get().last_used_at

    assert await last_used() is not None


async def test_only_post_and_only_known_formats(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH)
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert problem(await client.post("/api/v1/ingest/nonsense", json={})) == (404, "not_found")


async def test_requests_that_arrive_together_are_each_answered_for_themselves(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post(PATH, json=body(2, sensor=f"S{n}")) for n in range(40)))
    assert [answer.json()["accepted"] for answer in answers] == [2] * 40

    @sync_to_async
    def sensors() -> int:
        with as_system():
            return Sensor.objects.count()

    assert await sensors() == 40


@pytest.fixture
def short_queue(settings: Any) -> None:
    settings.INGEST_QUEUE_READINGS = 1


async def test_a_full_queue_says_so_and_stores_nothing(short_queue: None, client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=body(2))
    assert problem(answer) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0
    assert await count_readings() == 0


def limited(settings: Any, rate: str) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "bad_credentials": rate}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}


async def test_whoever_guesses_keys_is_told_to_wait_and_good_ones_go_on(
    client: httpx.AsyncClient, settings: Any
) -> None:
    limited(settings, "2/hour")
    answers = [
        await client.post(PATH, json=body(), headers={"Authorization": f"Bearer ftk_guess{number}"})
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert (answers[-1].json()["code"], int(answers[-1].headers["Retry-After"]) > 3000) == ("throttled", True)
    assert (await client.post(PATH, json=body())).json()["accepted"] == 1


async def test_a_forgotten_gateway_is_no_guesser(client: httpx.AsyncClient, settings: Any) -> None:
    limited(settings, "1/hour")
    headers = {"Authorization": "Bearer ftk_forgotten"}
    answers = [await client.post(PATH, json=body(), headers=headers) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {401}


async def test_guesses_are_forgotten_after_their_time(settings: Any) -> None:
    limited(settings, "2/min")
    now = [0.0]
    guesses = Guesses(clock=lambda: now[0])
    assert [guesses.count("192.0.2.1") for _ in range(3)] == [0, 0, 60]
    assert guesses.count("192.0.2.2") == 0
    now[0] = 60
    assert guesses.count("192.0.2.1") == 0
