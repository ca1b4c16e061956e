"""What the files of a run directory hold, beside its events, its model and its checkpoints.

    manifest.json    `Manifest`       how the run stands, on what, and what came of it
    plan.json        `PlanRecord`     what was to be run: `splitrun.records.plan`
    metrics.jsonl    `EpochRecord`    a line per epoch and evaluation
    faults.jsonl     `FaultRecord`    a line per fault of the spec that has happened

A run that ended without a word, by `kill -9` or on a disk too full to say more, has a manifest that
says `running` for ever, but the lock of its directory went with its process.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from splitrun.errors import RunDirectoryError
from splitrun.events import Classification
from splitrun.files import is_directory, is_something
from splitrun.lock import is_held
from splitrun.records.data import DataSummary
from splitrun.records.reading import FileRecord, Record, read_record


class Git(Record, frozen=True, kw_only=True):
    """The checkout that a run was started in."""

    commit: str
    dirty: bool | None = None
    """Whether anything differs from the commit; None where telling could run a program."""


class Environment(Record, frozen=True, kw_only=True):
    """The machine and the software that something ran on."""

    splitrun: str = ""
    """Its version, as are the next ones."""
    python: str = ""
    packages: Mapping[str, str] = {}
    platform: str = ""
    cpu: str = ""
    cores: int | None = None
    """That the process might use."""
    git: Git | None = None


class Invocation(Record, frozen=True, kw_only=True):
    """What was typed to start something."""

    command: tuple[str, ...] = ()
    """The arguments of `splitrun`, the command's name first."""
    overrides: tuple[str, ...] = ()
    """Those of them that change the spec."""


UNTYPED = Invocation()
"""Of what was started by a program."""


class AttemptRecord(Record, frozen=True, kw_only=True):
    """One attempt of a run: from its beginning or a checkpoint to its end."""

    started: str = ""
    """A moment in ISO 8601, as is `ended`."""
    from_step: int = 0
    ended: str | None = None
    status: str
    """`running`, `done`, `failed`, `interrupted` or `killed`."""
    message: str = ""
    changes: tuple[str, ...] = ()
    """What was changed in the spec for this attempt, as lines of a difference."""
    asked: Invocation = UNTYPED


class Staleness(Record, frozen=True, kw_only=True):
    """Updates between the weights gradients were computed at and those they are applied to."""

    mean: float | None
    max: int | None = None


class LinkRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What one direction of a real link was found to be like, under the keys of the spec's
    `links`."""

    latency_ms: float
    jitter_ms: float
    bandwidth_mbps: float | None = None
    """None where messages took too little time to tell."""
    codec: str = "none"
    """What the run encoded its messages by."""


def links_section(links: Mapping[str, LinkRecord]) -> str:
    """Measured links as the spec's section that emulates them."""
    lines = ["links:"]
    for name, link in links.items():
        given = {key: value for key, value in link.to_json().items() if value is not None}
        lines.append(f"  {name}: {{{', '.join(f'{key}: {it}' for key, it in given.items())}}}")
    return "\n".join(lines)


class RunResult(Record, frozen=True, kw_only=True):
    """What a run came to; `splitrun train --json` prints it."""

    run_dir: str = ""
    schedule: str = ""
    depth: int = 1
    steps: int = 0
    samples: int = 0
    wall_s: float = 0.0
    """Training time; evaluations are outside the clock."""
    evaluation_s: float = 0.0
    samples_per_s: float = 0.0
    train_loss: float | None = None
    """Mean over every sample of the last epoch."""
    metrics: Mapping[str, Mapping[str, float | None]] = {}
    """By rows, which are `validation` (where there are some) and `test`, and name."""
    classes: Mapping[str, Classification] = {}
    """By rows, where there are classes."""
    staleness: Mapping[str, Staleness] = {}
    """By role, over its updates."""
    best_step: int | None = None
    """After so many updates the weights were best, and are those that the run ended with; None
    where it could not stop early."""
    stopped_early: bool = False
    weights_sha256: str = ""
    links: Mapping[str, LinkRecord] = {}
    """By direction, `bob->alice`; none where links were not real."""


class ChannelTotals(Record, frozen=True, kw_only=True):
    """What passed through a channel in all."""

    messages: int
    bytes: int


class ListedManifest(FileRecord, frozen=True, kw_only=True):
    """Of a manifest, what a list of runs tells: a small part, for it is read by the thousand."""

    former_names: ClassVar[Mapping[str, str]] = {"lives": "attempts"}

    status: str
    """`running`, `done`, `failed` or `interrupted`."""
    message: str = ""
    """Why it failed or was interrupted."""
    started: str = ""
    attempts: tuple[AttemptRecord, ...] = ()
    allow_code: bool = False
    """Whether the spec names classes of the user's."""
    spec: Mapping[str, Any] = {}
    """What `resolved.yaml` says, by dotted key; empty in runs of before."""
    result: RunResult | None = None

    @property
    def asked(self) -> Invocation:
        """What was typed to start the run, not to go on with it."""
        return self.attempts[0].asked if self.attempts else UNTYPED


class Manifest(ListedManifest, frozen=True, kw_only=True):
    """How a run stands, on what it was run, and what came of it."""

    ended: str | None = None
    seed: int | None = None
    directory: str = ""
    """Where relative paths and classes of the spec are looked up."""
    resolved_sha256: str = ""
    """The digest of `resolved.yaml`, in hexadecimal digits."""
    deadline_s: float | None = None
    threads: Mapping[str, int | None] = {}
    environment: Environment = Environment()
    peak_bytes: Mapping[str, Mapping[str, int]] = {}
    """By role, and by what it held."""
    channels: Mapping[str, ChannelTotals] = {}
    data: DataSummary | None = None
    """What was understood of the data; None in runs of before."""
    warnings: tuple[str, ...] = ()
    """What sinks that failed have told, a line each."""


class EpochRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What an epoch or an evaluation gave."""

    epoch: int
    """Epochs that are done."""
    train: Mapping[str, float | None] = {}
    """Means over the epoch's samples."""
    test: Mapping[str, float | None] = {}
    """Metrics on the held-out rows."""
    validation: Mapping[str, float | None] = {}
    """Metrics on the rows that decisions rest on."""

    @property
    def decisive(self) -> Mapping[str, float | None]:
        """What decisions rest on: test rows decide nothing where there are validation rows."""
        return self.validation or self.test


class FaultRecord(Record, frozen=True, kw_only=True):
    """A fault of the spec that has happened."""

    fault: int
    """Its index in the spec's list."""
    role: str = ""
    instruction: str = ""


def read_manifest(directory: Path) -> Manifest | None:
    """What a run's manifest says; None where there is none.

    Raises:
        RunDirectoryError: it is damaged.
    """
    return read_record(directory / "manifest.json", Manifest)


def read_listed(directory: Path) -> ListedManifest | None:
    """What a list of runs tells of one; None where there is no manifest.

    Raises:
        RunDirectoryError: the manifest is damaged, as far as that is looked at.
    """
    return read_record(directory / "manifest.json", ListedManifest, whole=False)


def fate(directory: Path, status: str) -> str:
    """How a run stands, of which the manifest says `status`: that, or `killed`."""
    return "killed" if status == "running" and is_held(directory) is False else status


def stand(directory: Path) -> tuple[str, str]:
    """How the run of a directory stands, and what there is to say of it; both are empty where
    nothing tells. An arm of a comparison has no manifest, and is under way while it is held.
    """
    try:
        manifest = read_manifest(directory)
    except RunDirectoryError:
        return "", ""
    if manifest is None:
        if directory.resolve().parent.name != "arms":
            return "", ""
        status = fate(directory, "running")
        return status, "compare again" if status == "killed" else ""
    status = fate(directory, manifest.status)
    return status, manifest.message if status == manifest.status else way_on(directory, manifest)


def way_on(directory: Path, manifest: ListedManifest) -> str:
    """What can be done about a run that was killed."""
    command = resume_command(directory, allow_code=manifest.allow_code)
    if command:
        return f"resume with `{command}`"
    return "it has no checkpoint, so it cannot be resumed; train again"


def _is_step(name: str) -> bool:
    return name.startswith("step-") and name[5:].isdecimal()


def resume_command(directory: Path, *, allow_code: bool) -> str:
    """How a run goes on from its newest checkpoint; empty where it has none.

    Args:
        allow_code: its spec names classes.
    """
    kept = [*filter(is_directory, (directory / "checkpoints").glob("*"))]
    steps = {path.name for path in kept}  # where 0.1.0 had them
    if kept:
        steps |= set.intersection(*({path.name for path in shard.glob("*")} for shard in kept))
    if not any(map(_is_step, steps)):
        return ""
    if is_something(directory / "parties.json"):
        return "splitrun party …, the command that it was started with"
    command = f"splitrun train --resume {shlex.quote(str(directory))}"
    return command + " --allow-code" * allow_code
