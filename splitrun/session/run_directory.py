"""A run directory: what a run was asked to do, what it was run on, and how it went.

runs/<utc>-<name>-<hash>/
    spec.yaml        the spec as given
    resolved.yaml    the spec as understood, every key stated
    plan.json        the compiled plan, explained
    manifest.json    status, seeds, versions, git, hardware, threads, result
    metrics.jsonl    a line per epoch and evaluation
    events.jsonl     what happened (written by a sink; a long run's goes on in events.N.jsonl)
    model/           the trained model
    checkpoints/     the newest states of the run, to go on from
    failure.txt      where a failed run broke
    stacks.txt       where every thread was when a watchdog ended the run
    faults.jsonl     which of the spec's faults have happened: a line each, written before it does
    attempts/1/      what the first attempt left: its events, where it broke, its unfinished model

A run has one attempt or more: each begins at a checkpoint, the first at step 0. `manifest.json`
tells of all of them under `attempts`: when each began and ended, from which step, and how.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from splitrun.errors import RunDirectoryError, SpecError, UsageError, one_line
from splitrun.files import (
    MOST_BYTES,
    append_text,
    is_regular,
    is_something,
    read_bytes,
    remove,
    why_odd,
    write_text,
)
from splitrun.plan import Instruction
from splitrun.records.reading import DAMAGE, read_record
from splitrun.records.run import AttemptRecord, EpochRecord, FaultRecord, Invocation, Manifest
from splitrun.spec import Document, load, loads, resolved_yaml
from splitrun.spec.yaml_text import MAX_BYTES
from splitrun.telemetry.jsonl import part_numbers, part_path


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one run."""

    path: Path

    @classmethod
    def create(cls, runs_dir: Path, document: Document, label: str = "") -> RunDirectory:
        """A new directory under `runs_dir`, with the spec in it.

        Args:
            runs_dir: made if it isn't there.
            document: the spec.
            label: a word in the directory's name, for what isn't a training: `compare`.

        Raises:
            UsageError: it cannot be written, or what is written could not be read again.
        """
        refuse_odd(runs_dir, "give another --runs-dir")
        refuse_odd(document.directory, "rename it")
        resolved = resolved_yaml(document.spec)
        _refuse_unreadable(resolved, document)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        words = "-".join(filter(None, (document.spec.name, label)))
        name = f"{stamp}-{words}-{hashlib.sha256(resolved.encode()).hexdigest()[:8]}"
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            path = _new_directory(runs_dir, name)
            (path / "spec.yaml").write_text(document.text, encoding="utf-8")
            (path / "resolved.yaml").write_text(resolved, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{runs_dir}: cannot be written: {error.strerror}; give another --runs-dir"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """An existing run directory.

        Raises:
            RunDirectoryError: it is none.
        """
        if not is_regular(path / "manifest.json"):
            what = "not a run directory" if is_something(path) else "no such directory"
            raise RunDirectoryError(f"{path}: {what}; give one that `splitrun train` has written")
        return cls(path)

    @property
    def model(self) -> Path:
        """Where the trained model is."""
        return self.path / "model"

    @property
    def resolved(self) -> Path:
        """The spec as understood."""
        return self.path / "resolved.yaml"

    @property
    def checkpoints(self) -> Path:
        """Where its checkpoints are."""
        return self.path / "checkpoints"

    def document(self) -> Document:
        """The spec as understood when the run began.

        Raises:
            SpecError: it is no spec any more.
            RunDirectoryError: it is gone, or was changed since.
        """
        path = self.resolved
        try:
            digest = self.resolved_sha256()
        except (OSError, ValueError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else one_line(error)
            message = f"{path}: {reason}, so nothing tells what the model is"
            raise RunDirectoryError(f"{message}; restore the file, or train again") from error
        document = load(path)
        if digest != self.manifest().resolved_sha256:
            message = f"{path}: changed since the run, so it does not describe the model"
            raise RunDirectoryError(f"{message}; restore the file, or train again")
        return document

    def resolved_sha256(self) -> str:
        """Of `resolved.yaml`, as the manifest keeps it."""
        return hashlib.sha256(read_bytes(self.resolved)).hexdigest()

    def manifest(self) -> Manifest:
        """What the manifest says.

        Raises:
            RunDirectoryError: it is not there, or damaged.
        """
        path = self.path / "manifest.json"
        manifest = read_record(path, Manifest)
        if manifest is None:
            raise RunDirectoryError(f"{path}: no such file; {RESTORE}")
        for name in ("directory", "resolved_sha256"):
            if not getattr(manifest, name):
                raise RunDirectoryError(f"{path}: damaged: no {name!r} in it; {RESTORE}")
        return manifest

    def write_json(self, name: str, content: object) -> None:
        """Write or replace a JSON file, with null for NaN; a reader sees the old one or the new."""
        text = msgspec.json.format(msgspec.json.encode(content), indent=1)
        if len(text) >= MOST_BYTES:  # nobody would read it
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
        self.write_text(name, text.decode() + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write or replace a file; a reader sees the old one or the new one."""
        write_text(self.path / name, text)

    def note_failure(self, text: str, stacks: str = "") -> None:
        """Keep where a run broke, and where its threads were, if that can still be written."""
        with suppress(OSError):
            self.write_text("failure.txt", _shortened(text))
            if stacks:
                self.write_text("stacks.txt", _shortened(stacks))

    def append_lines(self, name: str, records: Sequence[object]) -> None:
        """Append records to a JSON Lines file, with null for NaN."""
        append_text(self.path / name, _lines(records))


def refuse_odd(directory: Path, remedy: str) -> None:
    """Refuse a directory whose name cannot stand in the files of a run.

    Raises:
        UsageError: it is not UTF-8, or more than one line.
    """
    if why := why_odd(directory):
        raise UsageError(f"{directory}: {why}; {remedy}")


def _refuse_unreadable(resolved: str, document: Document) -> None:
    """A spec may be small, and too large once its aliases and defaults are written out."""
    size = len(resolved.encode())
    if size < MAX_BYTES // 8:
        return
    try:
        if size > MAX_BYTES:
            raise ValueError(f"{size / 2**20:.1f} MiB, more than {MAX_BYTES / 2**20:g}")
        loads(resolved, "resolved.yaml")
    except (ValueError, SpecError) as error:
        message = f"{document.file}: with aliases and defaults written out it is too large: {error}"
        raise UsageError(f"{message}; shorten it") from error


def read_json(
    path: Path, keys: Mapping[str, type], most: int | None = MOST_BYTES
) -> dict[str, Any]:
    """A JSON object from a file of a run directory.

    Args:
        keys: what it must have at least, and the types of their values.
        most: bytes that it may have; None for whatever there is.

    Raises:
        RunDirectoryError: it cannot be read, or is something else.
    """
    try:
        content = msgspec.json.decode(read_bytes(path, most))
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path}: cannot be read: {one_line(error)}"
        raise RunDirectoryError(f"{message}; {RESTORE}") from error
    content = content if isinstance(content, dict) else {}
    require(path, content, keys)
    return content


def require(path: Path, content: Mapping[str, Any], keys: Mapping[str, type]) -> None:
    """Refuse what was read from a file where it lacks one of these keys.

    Raises:
        RunDirectoryError: naming the key.
    """
    for key, kind in keys.items():
        if not isinstance(content.get(key), kind):
            message = f"{path}: damaged: no {key!r} in it, or of another type"
            raise RunDirectoryError(f"{message}; {RESTORE}")


RESTORE = "restore the file, or train again"


def _shortened(text: str) -> str:
    """Both ends of a text that is longer than anybody reads."""
    if len(text) <= _MOST_OF_A_FAILURE:
        return text
    half = _MOST_OF_A_FAILURE // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


_MOST_OF_A_FAILURE = 1 << 20
"""Characters."""


def _new_directory(runs_dir: Path, name: str) -> Path:
    """Runs of one spec that start in one second get a counter."""
    count = 1
    while True:
        path = runs_dir / (name if count == 1 else f"{name}-{count}")
        try:
            path.mkdir()
        except FileExistsError:
            count += 1
        else:
            return path


AttemptRecords = tuple[AttemptRecord, ...]


def utc() -> str:
    """This moment, as manifests have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def attempts_of(directory: RunDirectory) -> AttemptRecords:
    """Those that the manifest tells of.

    Raises:
        RunDirectoryError: it is damaged.
    """
    attempts = directory.manifest().attempts
    if not attempts:
        message = f"{directory.path / 'manifest.json'}: damaged: no 'attempts' in it"
        raise RunDirectoryError(f"{message}; restore the file, or train anew")
    return attempts


def begun(
    earlier: AttemptRecords, step: int, changes: Sequence[str], asked: Invocation
) -> AttemptRecords:
    """The attempts with one more that begins now; one that was never closed was killed.

    Args:
        step: its first.
        changes: of the spec, for it.
        asked: how it was started.
    """
    ended = (
        replace(attempt, status="killed") if attempt.status == "running" else attempt
        for attempt in earlier
    )
    fresh = AttemptRecord(
        started=utc(), from_step=step, status="running", changes=tuple(changes), asked=asked
    )
    return (*ended, fresh)


def closed(attempts: AttemptRecords, status: str, message: str) -> AttemptRecords:
    """The attempts, of which the last one ends now."""
    last = replace(attempts[-1], ended=utc(), status=status, message=message)
    return (*attempts[:-1], last)


def put_aside(directory: RunDirectory, attempt: int, history: Sequence[EpochRecord]) -> None:
    """Make room for an attempt after number `attempt`; can be done again if it was interrupted.

    Args:
        history: the lines of `metrics.jsonl` up to the checkpoint; later ones will come again.
    """
    kept = directory.path / "attempts" / str(attempt)
    kept.mkdir(parents=True, exist_ok=True)
    for number in part_numbers(directory.path):
        remove(part_path(kept, number))
        part_path(directory.path, number).replace(part_path(kept, number))
    for name in ("failure.txt", "stacks.txt", "model"):
        if is_something(directory.path / name):
            remove(kept / name)
            (directory.path / name).replace(kept / name)
    directory.write_text("metrics.jsonl", _lines(history))


def _lines(records: Sequence[object]) -> str:
    return msgspec.json.Encoder().encode_lines(records).decode()


_FAULTS = "faults.jsonl"


def fired_faults(directory: RunDirectory) -> frozenset[int]:
    """Indices, in the spec's list, of the faults that have happened.

    Raises:
        RunDirectoryError: the record is damaged.
    """
    path = directory.path / _FAULTS
    try:
        *lines, _ = read_bytes(path).split(b"\n")  # a torn line was killed before its fault
        return frozenset(msgspec.json.decode(line, type=FaultRecord).fault for line in lines)
    except FileNotFoundError:
        return frozenset()
    except DAMAGE as error:
        message = f"{path}: damaged, so nothing tells which faults have happened"
        raise RunDirectoryError(f"{message}; restore the file, or train again") from error


def forget_torn(directory: RunDirectory) -> None:
    """Cut off a last line that was not finished, so that others can follow.

    Raises:
        OSError: the record cannot be written.
    """
    try:
        whole, newline, torn = read_bytes(directory.path / _FAULTS).rpartition(b"\n")
    except FileNotFoundError:
        return
    if torn:
        directory.write_text(_FAULTS, (whole + newline).decode())


def note_fired(directory: RunDirectory, index: int, role: str, instruction: Instruction) -> None:
    """Write down that a fault happens now; from any thread."""
    record = FaultRecord(fault=index, role=role, instruction=str(instruction))
    directory.append_lines(_FAULTS, [record])
