"""What stands in the log, and what never does."""

from __future__ import annotations

import logging
import sys

import pytest

from freshtrack.requests import SecretLinksFilter


@pytest.mark.parametrize(
    ("message", "arguments", "logged"),
    [
        ("Service Unavailable: %s", ("/verify-email/026160",), "Service Unavailable: /verify-email/…"),
        ("GET /reset-password/3-abc-def?next=/o/demo 503", (), "GET /reset-password/…?next=/o/demo 503"),
        ("Not Found: %s", ("/invitation/fti_A-b_c",), "Not Found: /invitation/…"),
        ("Not Found: %s", ("/answer/alert-A_b.c/",), "Not Found: /answer/…"),
        ("Forbidden: %s", ("/unsubscribe/warning-A_b.c/",), "Forbidden: /unsubscribe/…"),
        ("Not Found: %s", ("/on-call/ftc_A-b_c.ics",), "Not Found: /on-call/…"),
        ("Not Found: %s", ("/api/v1/invitations/look-up/",), "Not Found: /api/v1/invitations/look-up/"),
        ("%s of %s", (1, "2"), "1 of 2"),
    ],
)
def test_a_secret_at_the_end_of_an_address_is_left_out(
    message: str, arguments: tuple[object, ...], logged: str
) -> None:
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, message, arguments, None)
    assert SecretLinksFilter().filter(record)
    assert record.getMessage() == logged


def test_a_secret_in_a_trace_is_left_out_too() -> None:
    try:
        raise ValueError("no answer from /reset-password/3-abc-def")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info())
    assert SecretLinksFilter().filter(record)
    said = logging.Formatter().format(record)
    assert said.endswith("ValueError: no answer from /reset-password/…")
    assert "3-abc-def" not in said
