"""A bench's directory: the cells that are done, so that the next start goes on from there.

runs/<name>-bench-<hash>/
    spec.yaml           the spec as given
    resolved.yaml       the spec as understood, before the grid's overrides
    bench.json          all there is to know so far
    soak.json           what a long run came to
    cells/<hash>.json   what one cell came to
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from splitrun.errors import UsageError
from splitrun.files import read_bytes, remove, write_text
from splitrun.records.bench import BenchHeader
from splitrun.session.environment import environment
from splitrun.spec import Document, resolved_yaml
from splitrun.study.bench.grid import Axis
from splitrun.study.bench.measure import Measured, all_cores, load_average


@dataclass(frozen=True)
class BenchDirectory:
    """The directory of one experiment's grid."""

    path: Path

    @classmethod
    def create(cls, runs_dir: Path, document: Document, axes: Sequence[Axis]) -> BenchDirectory:
        """A new directory under `runs_dir`, or the one that this grid has already.

        Raises:
            UsageError: it cannot be written.
        """
        resolved = resolved_yaml(document.spec)
        content = json.dumps([resolved, [asdict(axis) for axis in axes]])
        digest = hashlib.sha256(content.encode()).hexdigest()
        path = runs_dir / f"{document.spec.name}-bench-{digest[:8]}"
        try:
            (path / "cells").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        _replace(path / "spec.yaml", document.text)
        _replace(path / "resolved.yaml", resolved)
        return cls(path)

    def clear(self) -> None:
        """Forget every cell.

        Raises:
            UsageError: one cannot be removed.
        """
        for file in (self.path / "cells").glob("*.json"):
            try:
                remove(file)
            except OSError as error:
                raise _unwritable(file, error) from error

    def cell(self, identity: str) -> Measured | None:
        """What a cell came to; None where it is not done, or its file is damaged."""
        try:
            content = msgspec.json.decode(read_bytes(self._file(identity)), type=dict[str, Any])
            if "turns" in content:  # as trials were called before
                content["trials"] = content.pop("turns")
            return msgspec.convert(content, Measured)
        except (OSError, ValueError, RecursionError):
            return None

    def keep(self, identity: str, measured: Measured) -> None:
        """Write down what a cell came to; a reader sees all of it or nothing.

        Raises:
            UsageError: it cannot be written.
        """
        _replace(self._file(identity), json.dumps(asdict(measured)) + "\n")

    def write(self, name: str, record: BenchHeader) -> None:
        """Write or replace a JSON file; a reader sees the old one or the new one.

        Raises:
            UsageError: it cannot be written.
        """
        _replace(self.path / name, json.dumps(record.to_json(), indent=1) + "\n")

    def header(self, document: Document, settings: Mapping[str, object]) -> BenchHeader:
        """What is known before anything is measured."""
        return BenchHeader(
            name=document.spec.name,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            directory=str(self.path),
            environment=environment(document.directory),
            load_average=load_average(),
            all_cores=all_cores(),
            settings=settings,
        )

    def _file(self, identity: str) -> Path:
        return self.path / "cells" / f"{identity}.json"


def _replace(file: Path, text: str) -> None:
    try:
        write_text(file, text)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    message = f"{path}: cannot be written: {error.strerror}"
    return UsageError(f"{message}; give another --runs-dir")
