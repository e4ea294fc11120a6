"""How evaluation's state is kept in a JSON column."""

from typing import Any

import msgspec

from alerts.evaluation import State


def encode(state: State) -> dict[str, Any]:
    """Only what differs from the idle state."""
    built: dict[str, Any] = msgspec.to_builtins(state)
    return built


def decode(column: dict[str, Any]) -> State:
    """The state that `encode` wrote; fields of later versions have defaults, those of older ones are ignored."""
    return msgspec.convert(column, State)
