"""The API keeps what its schema promises, whatever the schema allows to send, and breaks at nothing that it forbids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounded
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.factories import token_of
from tests.tenancy.world import Customer, customer

EXAMPLES = 3  # of each operation, of what is allowed and of what isn't: about 500 requests

load_all_checks()
CHECKED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


def test_the_schema_is_made_without_a_warning(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(schema))
    assert "/api/v1/orgs/{organization}/alerts/" in schema.read_text()


@pytest.fixture
def one_connection() -> Iterator[None]:
    """As Django's test client does: the server would close a connection that is in the test's own transaction."""
    moments = (signals.request_started, signals.request_finished)
    for moment in moments:
        moment.disconnect(close_old_connections)
    yield
    for moment in moments:
        moment.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
def test_answers_are_those_of_the_schema() -> None:
    ours = customer("Ours")
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application())
    headers = {"Authorization": f"Bearer {token_of(ours.owner.user)}"}
    broken: dict[str, str] = {}
    operations = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        operations += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            problem = _try(operation, mode, ours, headers)
            if problem:
                broken[f"{operation.label} ({mode.value})"] = problem
    assert operations > 50
    assert not broken, "\n\n".join(f"{label}\n{problem}" for label, problem in broken.items())


def _try(operation: Any, mode: GenerationMode, ours: Customer, headers: dict[str, str]) -> str:
    """What is wrong with the answers of an operation."""

    @bounded(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case: Case) -> None:
        _point_at(case, ours)
        before = transaction.savepoint()
        response = case.call(headers=headers)
        transaction.savepoint_rollback(before)
        case.validate_response(response, checks=CHECKED)

    try:
        ask()
    except BaseExceptionGroup as group:
        return "\n".join(str(error)[:1500] for error in group.exceptions)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:3000]}"
    return ""


def _point_at(case: Case, ours: Customer) -> None:
    """At rows that exist: ids by chance would only ever be answered 404."""
    room = case.path.split("{organization}/")[-1].split("/")[0]
    known = {"organization": ours.organization.slug, "pk": ours.here.get(room), "id": ours.here.get(room)}
    for name in case.path_parameters or {}:
        if known.get(name):
            case.path_parameters[name] = known[name]
    parents = {"site": "sites", "area": "areas", "unit": "units", "serial": "serial"}
    for given_here in (case.body, case.query):
        if isinstance(given_here, dict):
            for name in given_here.keys() & parents.keys():
                if isinstance(given_here[name], str):
                    given_here[name] = ours.here[parents[name]]
