"""The moves of an alert's life: from which states each may be made, by whom, and the picture of it in docs/alerts.md.

`Alert.TRANSITIONS` is the truth of which state may follow which, and `lifecycle` makes every move through this table.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from alerts.models import Alert, AlertEventKind, AlertStatus

_UNRESOLVED: Final = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
_ANY: Final = (*_UNRESOLVED, AlertStatus.RESOLVED)


class Move(NamedTuple):
    """What may happen in these states, and the state that follows; None: it stays as it is."""

    sources: tuple[AlertStatus, ...]
    to: AlertStatus | None
    by: str
    words: str
    # As open screens hear of it: the contract's words only.
    live: str


MOVES: Final[dict[AlertEventKind, Move]] = {
    AlertEventKind.OPENED: Move(
        (), AlertStatus.OPEN, "readings, the clock", "A rule's delay is complete, or silence has lasted", "opened"
    ),
    AlertEventKind.ACKNOWLEDGED: Move(
        (AlertStatus.OPEN,), AlertStatus.ACKNOWLEDGED, "a person", "Somebody takes charge", "acknowledged"
    ),
    AlertEventKind.LAPSED: Move(
        (AlertStatus.ACKNOWLEDGED,),
        AlertStatus.OPEN,
        "the clock",
        "It has lasted longer than an acknowledgement holds: told again",
        "reopened",
    ),
    AlertEventKind.SNOOZED: Move(
        _UNRESOLVED, None, "a person", "Quiet until a time, at most seven days ahead", "snoozed"
    ),
    AlertEventKind.AWAKE: Move(
        _UNRESOLVED, AlertStatus.OPEN, "the clock", "The snooze is over and it lasts: told again", "reopened"
    ),
    AlertEventKind.RESOLVED: Move(
        _UNRESOLVED,
        AlertStatus.RESOLVED,
        "readings, the clock, a person",
        "It has been in order for the clear delay, or somebody says what was done",
        "resolved",
    ),
    AlertEventKind.REOPENED: Move(
        _ANY,
        AlertStatus.OPEN,
        "a person, readings",
        "Somebody says it isn't over, or readings show it: told again",
        "reopened",
    ),
    AlertEventKind.ESCALATED: Move(
        _UNRESOLVED, None, "the clock", "Nobody has answered: the next step of its policy is taken", "escalated"
    ),
    AlertEventKind.ASSIGNED: Move(_UNRESOLVED, None, "a person", "It is somebody's, or nobody's again", "commented"),
    AlertEventKind.COMMENTED: Move(_ANY, None, "a person", "A remark; nobody can change or remove it", "commented"),
    AlertEventKind.MUTED: Move(_UNRESOLVED, None, "the clock", "A mute keeps it quiet until that ends", "commented"),
    AlertEventKind.UNMUTED: Move(_UNRESOLVED, None, "the clock", "The mute is over and it lasts: told", "commented"),
    AlertEventKind.AMENDED: Move(_ANY, None, "late readings", "Other times or another peak", "commented"),
    AlertEventKind.CONTRADICTED: Move(
        _ANY, AlertStatus.RESOLVED, "late readings", "It never was; the alert stays as a record", "resolved"
    ),
}


def as_markdown() -> str:
    """The state diagram and the table of moves. docs/alerts.md holds this between its two marks."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> open: opened"]
    for source, targets in Alert.TRANSITIONS.items():
        for target in AlertStatus.values:
            if target in targets:
                lines.append(f"    {source} --> {target}: {', '.join(_between(source, target))}")
    lines += ["```", "", "| event | in state | then | by | |", "| --- | --- | --- | --- | --- |"]
    for kind, move in MOVES.items():
        sources = "any" if move.sources == _ANY else ", ".join(move.sources) or "none yet"
        lines.append(f"| `{kind.value}` | {sources} | {move.to or 'the same'} | {move.by} | {move.words} |")
    return "\n".join(lines) + "\n"


def _between(source: str, target: str) -> list[str]:
    return [kind.value for kind, move in MOVES.items() if source in move.sources and move.to == target]
