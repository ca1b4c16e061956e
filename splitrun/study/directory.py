"""The directory of a comparison, for the report and for whoever comes later.

runs/<utc>-<name>-compare-<hash>/
    spec.yaml, resolved.yaml   as in a run directory
    comparison.json            what was found out
    arms/<arm>/events.jsonl    a turn of each arm, with all that happened in it
    report.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from splitrun import __version__
from splitrun.errors import Interrupted, RunFailed, told
from splitrun.files import remove
from splitrun.interrupts import interrupted, listening, stopped_by
from splitrun.session import RunDirectory
from splitrun.session.environment import environment
from splitrun.spec import Document
from splitrun.study.compare import Settings
from splitrun.study.comparison import Comparison


@contextmanager
def comparison_directory(runs_dir: Path, document: Document) -> Iterator[RunDirectory]:
    """A new directory, which is removed again if the comparison does not come to an end.

    Raises:
        UsageError: it cannot be made.
        RunFailed: it cannot be written any more.
        Interrupted: a signal came.
    """
    directory = RunDirectory.create(runs_dir, document, "compare")
    try:
        yield directory
    except BaseException as error:
        with listening() as interrupts, suppress(OSError):
            interrupts.end()  # or half of it would stay
            remove(directory.path)
        if isinstance(error, KeyboardInterrupt):
            number = stopped_by(error)
            message = f"{interrupted(number)} before the comparison was done, so none of it is kept"
            raise Interrupted(f"{message}; compare again", number) from error
        if isinstance(error, OSError):
            raise RunFailed("the comparison", "writing", told(error)) from error
        raise


def keep(
    directory: RunDirectory, document: Document, settings: Settings, comparison: Comparison
) -> dict[str, Any]:
    """Write `comparison.json`; gives what is in it.

    Raises:
        OSError: it cannot be written.
    """
    record = {
        "kind": "comparison",
        "name": document.spec.name,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "splitrun": __version__,
        "environment": environment(document.directory),
        "settings": asdict(settings),
        **comparison.to_json(),
        "report": str(directory.path / "report.html"),
    }
    directory.write_json("comparison.json", record)
    return record
