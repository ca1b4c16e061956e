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
    faults.jsonl     which of the spec's faults have happened
    lives/           what earlier lives of a resumed or restarted run left
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from splitrun.errors import RunDirectoryError, UsageError, told
from splitrun.files import MOST_BYTES, read_bytes, write_text
from splitrun.spec import Document, load, resolved_yaml


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
            UsageError: it cannot be written.
        """
        resolved = resolved_yaml(document.spec)
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
        if not (path / "manifest.json").is_file():
            what = "no such directory" if not path.exists() else "not a run directory"
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
        if not path.is_file():
            message = f"{path}: no such file, so nothing tells what the model is"
            raise RunDirectoryError(f"{message}; restore the file, or train again")
        document = load(path)
        if self.resolved_sha256() != self.manifest()["resolved_sha256"]:
            message = f"{path}: changed since the run, so it does not describe the model"
            raise RunDirectoryError(f"{message}; restore the file, or train again")
        return document

    def resolved_sha256(self) -> str:
        """Of `resolved.yaml`, as the manifest keeps it."""
        return hashlib.sha256(read_bytes(self.resolved)).hexdigest()

    def manifest(self) -> dict[str, Any]:
        """What the manifest says.

        Raises:
            RunDirectoryError: it is damaged.
        """
        path = self.path / "manifest.json"
        return read_json(path, {"status": str, "directory": str, "resolved_sha256": str})

    def write_json(self, name: str, content: Mapping[str, object]) -> None:
        """Write or replace a JSON file; a reader sees the old one or the new one."""
        self.write_text(name, json.dumps(content, indent=1) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write or replace a file; a reader sees the old one or the new one."""
        write_text(self.path / name, text)

    def note_failure(self, text: str, stacks: str = "") -> None:
        """Keep where a run broke, and where its threads were, if that can still be written."""
        with suppress(OSError):
            self.write_text("failure.txt", text)
            if stacks:
                self.write_text("stacks.txt", stacks)

    def append_lines(self, name: str, records: Sequence[Mapping[str, object]]) -> None:
        """Append records to a JSON Lines file."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)


def read_json(path: Path, keys: Mapping[str, type], most: int = MOST_BYTES) -> dict[str, Any]:
    """A JSON object from a file of a run directory.

    Args:
        keys: what it must have at least, and the types of their values.
        most: bytes that it may have.

    Raises:
        RunDirectoryError: it cannot be read, or is something else.
    """
    try:
        content = msgspec.json.decode(read_bytes(path, most))
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path}: cannot be read: {told(error)}"
        raise RunDirectoryError(f"{message}; restore the file, or train again") from error
    content = content if isinstance(content, dict) else {}
    for key, kind in keys.items():
        if not isinstance(content.get(key), kind):
            message = f"{path}: damaged: no {key!r} in it, or of another type"
            raise RunDirectoryError(f"{message}; restore the file, or train again")
    return content


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
