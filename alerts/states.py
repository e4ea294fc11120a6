"""How evaluation's state is kept in a JSON column."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from alerts.evaluation import State

# What a signal that is made of readings had come to, sensor -> (seconds since 1970, value): the product's temperature.
Carried = Mapping[int, tuple[float, float]]

_CARRIED: Final = "carried"


def encode(state: State, carried: Carried | None = None) -> dict[str, Any]:
    """Only what differs from the idle state."""
    built: dict[str, Any] = msgspec.to_builtins(state)
    if carried:
        built[_CARRIED] = {str(sensor): list(seen) for sensor, seen in carried.items()}
    return built


def decode(column: dict[str, Any]) -> State:
    """The state that `encode` wrote; fields of later versions have defaults, those of older ones are ignored."""
    return msgspec.convert(column, State)


def carried(column: dict[str, Any]) -> dict[int, tuple[float, float]]:
    """What was carried beside the state; empty: nothing."""
    return {int(sensor): (at, value) for sensor, (at, value) in column.get(_CARRIED, {}).items()}
