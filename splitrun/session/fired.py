"""Which of a run's faults have happened, over all of its attempts.

faults.jsonl    a line per fault, written before it happens
"""

from __future__ import annotations

import json

from splitrun.errors import RunDirectoryError
from splitrun.files import read_bytes
from splitrun.plan import Instruction
from splitrun.session.run_directory import RunDirectory

_FILE = "faults.jsonl"


def fired_faults(directory: RunDirectory) -> frozenset[int]:
    """Indices, in the spec's list, of the faults that have happened.

    Raises:
        RunDirectoryError: the record is damaged.
    """
    path = directory.path / _FILE
    try:
        *lines, _ = read_bytes(path).split(b"\n")  # a torn line was killed before its fault
        return frozenset(int(json.loads(line)["fault"]) for line in lines)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: damaged, so nothing tells which faults have happened"
        raise RunDirectoryError(f"{message}; restore the file, or train again") from error


def forget_torn(directory: RunDirectory) -> None:
    """Cut off a last line that was not finished, so that others can follow.

    Raises:
        OSError: the record cannot be written.
    """
    try:
        whole, newline, torn = read_bytes(directory.path / _FILE).rpartition(b"\n")
    except FileNotFoundError:
        return
    if torn:
        directory.write_text(_FILE, (whole + newline).decode())


def note_fired(directory: RunDirectory, index: int, role: str, instruction: Instruction) -> None:
    """Write down that a fault happens now; from any thread."""
    record = {"fault": index, "role": role, "instruction": str(instruction)}
    directory.append_lines(_FILE, [record])
