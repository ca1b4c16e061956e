"""What `plan.json` holds, in the directory of a run or a comparison: what was to be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec

from splitrun.records.reading import FileRecord, Record

Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class RoleRecord(Record, frozen=True, kw_only=True):
    """One role of a plan."""

    depth: Count
    staleness: int
    """The largest that the plan makes, in updates."""
    parameters: int
    parameter_bytes: int = 0
    compensation: tuple[str, ...] = ()
    """Names of rules."""
    versions: int
    """Versions of its weights that are held at most."""
    version_bytes: int
    saved_parameters: tuple[str, ...] = ()
    """Those that autograd saves."""
    draws_random: bool = False
    peak_bytes: Mapping[str, int] = {}
    """By what it holds."""


class ChannelRecord(Record, frozen=True, kw_only=True):
    """One channel of a plan."""

    tensors: tuple[tuple[int, ...], ...] = ()
    """Shapes of a full batch."""
    bytes_per_step: Count = 0
    in_flight_bytes: int = 0
    messages_in_flight: int = 0
    latency_ms: float = 0.0
    transfer_ms: float = 0.0
    jitter_ms: float = 0.0
    codec: str = "none"

    @property
    def bandwidth_mbps(self) -> float | None:
        """10⁶ bit/s; None where messages take no time to transfer."""
        known = self.transfer_ms > 0 and self.bytes_per_step > 0
        return self.bytes_per_step * 8e-3 / self.transfer_ms if known else None


class BoundRecord(Record, frozen=True, kw_only=True):
    """The most that probed costs allow."""

    period_ms: float | None = None
    samples_per_s: float | None = None
    limited_by: str = ""


class ChoiceRecord(Record, frozen=True, kw_only=True):
    """A schedule with its parameters, and what probed costs foretell of it where there are any."""

    schedule: str
    depth: int
    micro_batches: int = 1
    codec: str | None = None
    """Of every link; None: each has the spec's own."""
    predicted_samples_per_s: float | None = None
    speedup: float | None = None
    """Over one batch at a time."""


class CertaintyRecord(Record, frozen=True, kw_only=True):
    """How sure a probe is of the fastest depth."""

    sure: bool = False
    depths: tuple[int, int] = (1, 1)
    """The least and the greatest that the halves of its rounds say."""
    rounds: int = 0
    seconds: float = 0.0
    others_percent: float | None = None
    """Processor time that other processes had meanwhile; 100 is one core."""
    idle_percent: float | None = None
    told: str = ""
    """The same in words."""


class PlanRecord(FileRecord, frozen=True, kw_only=True):
    """What was to be run: who runs what, what crosses, what it holds in memory.

    Where costs were not probed, what they would foretell is None or empty.
    """

    former_names: ClassVar[Mapping[str, str]] = {"handover_ms": "wakeup_latency_ms"}

    name: str = ""
    schedule: str = ""
    depth: int = 1
    """The largest of any bottom."""
    micro_batches: Count = 1
    epochs: int = 0
    steps: int = 0
    steps_per_epoch: int = 0
    batch_size: int = 0
    train_rows: int = 0
    validation_rows: int = 0
    test_rows: int = 0
    drains: int = 0
    may_stop: bool = False
    """Whether the run may end before its last step."""
    checkpoint_every_steps: int | None = None
    roles: Mapping[str, RoleRecord] = {}
    peak_bytes: int = 0
    """All that roles hold."""
    channels: Mapping[str, ChannelRecord] = {}
    programs: Mapping[str, tuple[str, ...]] = {}
    """By role, its first instructions."""
    sketches: Mapping[str, tuple[str, ...]] = {}
    """The work in them: F, B, U and L with the number of the step."""
    bound: BoundRecord | None = None
    predicted_samples_per_s: float | None = None
    effective_cores: float | None = None
    wakeup_latency_ms: float | None = None
    recommended_depth: int | None = None
    fastest_depth: int | None = None
    shown_depth: int | None = None
    """The deepest whose accuracy the evidence speaks for."""
    shown_of: str | None = None
    unproven: bool = False
    """Whether the depth is the faster one of two that are advised, by the user's will."""
    recommended: ChoiceRecord | None = None
    fastest: ChoiceRecord | None = None
    certainty: CertaintyRecord | None = None
    advice: str = ""
    """On the depth."""
