"""Which run directory a party goes on in: of the run that all parties have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from splitrun.errors import RunDirectoryError
from splitrun.files import read_bytes
from splitrun.lock import is_held
from splitrun.records.run import RunResult
from splitrun.session.checkpoint import Store
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory, attempts_of
from splitrun.spec import Document, resolved_yaml

_NAME = "parties.json"


class PartyOfRun(msgspec.Struct):
    """What ties a party's directory to those of the others."""

    party: str
    run: str
    life: int
    is_over: bool = False
    """Whether all parties have saved what is theirs."""


@dataclass(frozen=True)
class Earlier:
    """A run of this party that was not finished by all."""

    directory: RunDirectory
    run: str
    life: int
    steps: tuple[int, ...]
    """Of its checkpoints."""
    saved: RunResult | None
    """What it has come to, if all that is this party's own is saved."""


def note(directory: Path, party: str, run: str, life: int, *, is_over: bool = False) -> None:
    """Tell a later process whose directory this is."""
    RunDirectory(directory).write_json(_NAME, PartyOfRun(party, run, life, is_over))


def find_earlier(runs_dir: Path, document: Document, party: str) -> Earlier | None:
    """The newest run of this party, by this spec, that was not finished by all and that nobody is
    at."""
    wanted = resolved_yaml(document.spec)
    for path in sorted(runs_dir.glob(f"*/{_NAME}"), reverse=True):
        try:
            directory = RunDirectory.open(path.parent)
            same = directory.resolved.read_text(encoding="utf-8") == wanted
            known = msgspec.json.decode(read_bytes(path), type=PartyOfRun)
            if known.party != party or not same or known.is_over or is_held(path.parent):
                continue
        except (OSError, ValueError, RunDirectoryError):
            continue
        return earlier_in(directory, party)
    return None


def earlier_in(directory: RunDirectory, party: str) -> Earlier:
    """What there is to go on from in a directory.

    Raises:
        RunDirectoryError: it is damaged.
    """
    try:
        known = msgspec.json.decode(read_bytes(directory.path / _NAME), type=PartyOfRun)
    except (OSError, ValueError) as error:
        message = f"{directory.path / _NAME}: cannot be read: {error}"
        raise RunDirectoryError(f"{message}; restore the file, or train anew") from error
    steps = Store(directory.checkpoints, [party], 1).steps
    manifest = directory.manifest()
    saved = manifest.result if manifest.status == "done" else None
    return Earlier(directory, known.run, known.life, tuple(steps), saved)


def resume_at(directory: RunDirectory, party: str, step: int) -> Resume:
    """Go on in a directory, from the checkpoint of a step, or from the first step at 0.

    Raises:
        RunDirectoryError: the checkpoint is not whole any more.
    """
    attempts = len(attempts_of(directory))
    if not step:
        return Resume(directory, None, attempts, ())
    found = Store(directory.checkpoints, [party], 1).newest(step)
    if found.checkpoint is None or found.checkpoint.step != step:
        message = f"{directory.path}: the checkpoint of step {step} is not whole"
        raise RunDirectoryError("\n".join([*found.damaged, f"{message}; remove it to go on"]))
    return Resume(directory, found.checkpoint, attempts, found.damaged)
