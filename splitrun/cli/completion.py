"""What a shell offers for the word that is being typed: runs and specs by their names.

A word with a directory in it is left to the shell, which completes files itself.
"""

from __future__ import annotations

import os
from pathlib import Path

import typer

_LAST = "@last"
_PLACES = ("", "experiments")
"""Directories that specs are usually in."""


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Names in the directory of runs, the newest first, and what addresses the last one."""
    if "/" in incomplete:
        return []
    found = _inside(Path(context.params.get("runs_dir") or "runs"))
    made = sorted((each.name for each in found if each.is_dir()), reverse=True)
    return [*made, _LAST] if made else []


def specs(incomplete: str) -> list[str]:
    """YAML files here, and in `experiments/`."""
    found = (each.path for place in _PLACES for each in _inside(Path(place)))
    paths = [os.path.normpath(path) for path in sorted(found) if path.endswith((".yaml", ".yml"))]
    return [path for path in paths if path.startswith(incomplete)]


def specs_and_runs(context: typer.Context, incomplete: str) -> list[str]:
    """Either."""
    return [*specs(incomplete), *runs(context, incomplete)]


def _inside(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return [each for each in found if not each.name.startswith(".")]
    except OSError:
        return []
