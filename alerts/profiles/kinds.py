"""What each kind of unit starts with: limits, delays and how slowly its product follows the air. Data: kinds.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from alerts.models import Condition, Metric, Schedule, Severity
from sensors.models import UnitKind

# Of a kind that has no profile, which may hold anything. Small is the safe side.
OTHER_TAU_S: Final = 900


class Default(NamedTuple):
    """One default rule. °C and seconds; without data there is no threshold."""

    name: str
    metric: Metric
    condition: Condition
    threshold: float | None
    severity: Severity
    delay_s: int
    is_ceiling: bool
    source: str

    @property
    def schedule(self) -> Schedule:
        """A warning waits until somebody is there; a site that names no opening hours is always open."""
        return Schedule.OPENING_HOURS if self.severity == Severity.WARNING else Schedule.ALWAYS


class Profile(NamedTuple):
    """The defaults of one kind of unit."""

    rules: list[Default]
    hysteresis: float
    source: str
    operating_band: tuple[float, float] | None
    product_tau_s: int


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    metric: Metric
    condition: Condition
    severity: Severity
    delay_s: int
    threshold: float | None = None
    is_ceiling: bool = False
    source: str = ""

    def default(self, *, source: str) -> Default:
        """With the source of its numbers."""
        return Default(
            self.name,
            self.metric,
            self.condition,
            self.threshold,
            self.severity,
            self.delay_s,
            self.is_ceiling,
            self.source or source,
        )


class _Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hysteresis: float
    product_tau_s: int
    no_data_s: tuple[int, int]
    source: str
    tau_source: str
    rules: list[_Rule]
    operating_band: tuple[float, float] | None = None

    def profile(self) -> Profile:
        """With the rules about silence, which every kind has."""
        warning, critical = self.no_data_s
        silence = [
            _Rule("No data", Metric.TEMPERATURE, Condition.NO_DATA, Severity.WARNING, warning),
            _Rule("Still no data", Metric.TEMPERATURE, Condition.NO_DATA, Severity.CRITICAL, critical),
        ]
        rules = [rule.default(source=self.source) for rule in [*self.rules, *silence]]
        return Profile(rules, self.hysteresis, self.source, self.operating_band, self.product_tau_s)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    everywhere: list[_Rule]
    kind: dict[UnitKind, _Kind]


_READ: Final = msgspec.toml.decode(Path(__file__).with_name("kinds.toml").read_bytes(), type=_File)

# Rooms and what is none of the kinds have no profile.
PROFILES: Final[dict[str, Profile]] = {kind.value: data.profile() for kind, data in _READ.kind.items()}

# Rules of a new organization that belong to no kind of unit.
EVERYWHERE: Final[list[Default]] = [rule.default(source=rule.source) for rule in _READ.everywhere]


def product_tau_s(kind: str) -> int:
    """How slowly the product of a kind of unit follows the air: its time constant in seconds."""
    profile = PROFILES.get(kind)
    return OTHER_TAU_S if profile is None else profile.product_tau_s
