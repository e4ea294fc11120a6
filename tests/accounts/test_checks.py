"""Settings that must agree are told before anybody signs in."""

from __future__ import annotations

from typing import Any

import pytest

from freshtrack import checks

ACME = {"id": "acme", "name": "Acme", "issuer": "https://login.acme.example", "client_id": "x", "client_secret": "y"}


def test_what_is_right_is_silent(settings: Any) -> None:
    settings.RATE_SIGN_IN, settings.RATE_ACCOUNT_MAIL = "10/min", "20 / hour"
    settings.OPENID_PROVIDERS = [ACME, {**ACME, "id": "local", "issuer": "http://127.0.0.1:9000"}]
    assert checks.rates_are_rates() == []
    assert checks.openid_providers_are_complete() == []


@pytest.mark.parametrize("rate", ["", "10", "0/min", "ten/min", "10/fortnight"])
def test_a_rate_that_is_none_is_told(settings: Any, rate: str) -> None:
    settings.RATE_SIGN_IN, settings.RATE_ACCOUNT_MAIL = rate, "20/hour"
    (problem,) = checks.rates_are_rates()
    assert (problem.id, "RATE_SIGN_IN" in problem.msg) == ("freshtrack.E004", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "Acme Ltd"},
        {"id": "google"},
        {"client_id": ""},
        {"issuer": ""},
        {"issuer": "http://login.acme.example"},
        {"issuer": "login.acme.example"},
    ],
)
def test_a_provider_that_lacks_something_is_told(settings: Any, wrong: dict[str, str]) -> None:
    settings.OPENID_PROVIDERS = [{**ACME, **wrong}]
    (problem,) = checks.openid_providers_are_complete()
    assert problem.id == "freshtrack.E005"


def test_two_providers_of_one_name_are_told(settings: Any) -> None:
    settings.OPENID_PROVIDERS = [ACME, ACME]
    assert {problem.msg for problem in checks.openid_providers_are_complete()} == {
        "OPENID_PROVIDERS: acme needs another id."
    }
