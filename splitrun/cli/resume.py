"""`splitrun train --resume`: which spec that is, and from where the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.cli.output import echo
from splitrun.files import is_something

if TYPE_CHECKING:
    from splitrun.session import Resume
    from splitrun.spec import Document


def is_override(spec: Path) -> bool:
    """Whether what stands in a spec's place is a change to the run's own."""
    if "=" not in str(spec) and not str(spec).startswith("~"):
        return False
    return not is_something(spec)


def own_document(run: Path, overrides: list[str] | None) -> Document:
    """The spec of a run, with changes that it will be refused for if they change anything."""
    from splitrun.session import RunDirectory
    from splitrun.spec import load

    return load(RunDirectory.open(run).resolved, overrides or ())


def point(run: Path, document: Document, spec: Path | None) -> Resume:
    """Where the run goes on; the user is told what is odd about it.

    Args:
        spec: as given; what it names is looked up beside it.
    """
    from splitrun.session import accept, find_resume

    resume = accept(find_resume(run), document, document.directory if spec else None)
    for remark in resume.remarks:
        echo(f"warning: {remark}", err=True)
    return resume
