"""A run, a comparison, a valuation or a bench as one line of a list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from splitrun.catalogue.older import spec_of
from splitrun.events import EvaluatedRows
from splitrun.files import read_bytes, size_bytes
from splitrun.lock import is_held
from splitrun.records.run import UNTYPED, Invocation

Kind = Literal["run", "comparison", "valuation", "bench"]

_LARGEST_SPEC_BYTES = 1 << 20
_STAMP = re.compile(r"(\d{8}T\d{6}Z)-")


@dataclass(frozen=True)
class Found:
    """What records tell, where they tell it."""

    kind: Kind
    status: str
    message: str = ""
    started: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """By dotted key; empty where `resolved.yaml` alone has it."""
    asked: Invocation = UNTYPED
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By rows and name."""
    samples_per_s: float | None = None
    """Of what measures one way of running its spec, not several."""
    steps: int | None = None
    allow_code: bool = False
    """Whether its spec names classes."""


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    path: Path
    found: Found

    @property
    def run(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.found.kind

    @property
    def status(self) -> str:
        """`running`, `stuck`, `done`, `failed`, `interrupted`, `killed` or `damaged`."""
        return self.found.status

    @property
    def is_alive(self) -> bool:
        """Whether a process may be at it."""
        return self.status in ("running", "stuck") or is_held(self.path) is True

    @cached_property
    def started(self) -> datetime:
        """When it began: as its records say, else its name, else its file's time."""
        with suppress(ValueError, OverflowError):  # the first year's, to the west of Greenwich
            return datetime.fromisoformat(self.found.started).astimezone(UTC)
        if stamp := _STAMP.match(self.run):
            with suppress(ValueError):
                return datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        try:
            seconds = (self.path / "spec.yaml").lstat().st_mtime
        except (OSError, ValueError):
            seconds = 0.0
        return datetime.fromtimestamp(seconds, UTC)

    @property
    def age_s(self) -> float:
        """How long ago that was."""
        return (datetime.now(UTC) - self.started).total_seconds()

    @cached_property
    def size_bytes(self) -> int:
        """Of all its files."""
        return size_bytes(self.path)

    @cached_property
    def spec(self) -> Mapping[str, object]:
        """As understood, by dotted key; empty where nothing tells."""
        if self.found.spec:
            return self.found.spec
        try:
            return spec_of(read_bytes(self.path / "resolved.yaml", _LARGEST_SPEC_BYTES).decode())
        except (OSError, ValueError):
            return {}

    @property
    def decided_on(self) -> EvaluatedRows:
        """The rows that its metrics are compared on."""
        return "validation" if self.found.metrics.get("validation") else "test"

    @property
    def metrics(self) -> Mapping[str, float]:
        """On these rows."""
        return self.found.metrics.get(self.decided_on, {})

    @property
    def main_metric(self) -> str:
        """What it is judged by first; empty where it was not evaluated."""
        return next((name for name in self.metrics if name != "loss"), next(iter(self.metrics), ""))


@dataclass(frozen=True)
class Catalogue:
    """What is in a directory of runs."""

    directory: Path
    entries: tuple[Entry, ...]
    """The newest first."""
    others: tuple[str, ...] = ()
    """Names of directories that are not splitrun's."""
    links: tuple[str, ...] = ()
    """Names of links, which are not followed."""


def main_metrics(entries: Sequence[Entry]) -> list[str]:
    """What any of them is judged by, each once."""
    return list(dict.fromkeys(entry.main_metric for entry in entries if entry.main_metric))
