"""The web server ends when it is told to, also in the middle of requests."""

import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx

from tests.stack import Stack, running_stack

PEOPLE = 24


def ask(stack: Stack, together: Barrier) -> None:
    """Ask again and again until nobody answers any more; say when the first answer has come."""
    with httpx.Client(base_url=stack.url, timeout=20) as client, contextlib.suppress(httpx.TransportError):
        client.get("/api/v1/me/")
        together.wait()
        while True:
            client.get("/api/v1/me/")


def test_requests_that_are_under_way_do_not_hold_it_up() -> None:
    with running_stack(processes=("web",)) as stack, ThreadPoolExecutor(PEOPLE) as people:
        # Requests are at all stages when the signal comes. One stage used to hang, so it gets two tries.
        for _ in range(2):
            together = Barrier(PEOPLE + 1)
            answers = [people.submit(ask, stack, together) for _ in range(PEOPLE)]
            together.wait()
            web = stack.running["web"].process
            web.send_signal(signal.SIGTERM)

            assert web.wait(10) == 0

            for answer in answers:
                answer.result()
            stack.children.forget(stack.running["web"])
            stack.start("web")
