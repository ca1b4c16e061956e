"""`splitrun rm` and `splitrun prune`: runs that are not wanted any more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import ADDRESS, LookedIn, Where, run_found
from splitrun.cli.output import echo
from splitrun.errors import UsageError
from splitrun.units import SCREEN, age

if TYPE_CHECKING:
    from splitrun.catalogue.entry import Entry
    from splitrun.catalogue.keys import Key

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would be removed, and remove nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")]


def rm(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help=ADDRESS)],
    runs_dir: LookedIn = Path("runs"),
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove runs with all that is in their directories.

    Comparisons, valuations and benches, too. One that a process is at is refused, and so is what
    splitrun has not written; then nothing is removed.
    """
    from splitrun.catalogue.removal import removable

    entries = [removable(run_found(run, runs_dir)) for run in runs]
    each_once = {entry.path.resolve(): entry for entry in entries}
    _remove(list(each_once.values()), dry_run=dry_run, yes=yes)


def prune(
    runs_dir: LookedIn = Path("runs"),
    keep_best: Annotated[
        int | None,
        typer.Option(
            "--keep-best",
            min=1,
            metavar="N",
            help="Of every experiment, keep the N best runs; those without a value stay, too.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="KEY", help="What makes a run the best, such as auroc."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="Only older ones: 12h, 30d or 4w."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those that failed, or were interrupted or killed.")
    ] = False,
    where: Where = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove runs that are not among the best, failed, or are old.

    Comparisons, valuations and benches stay, and so does whatever a process is at.
    """
    from splitrun.catalogue.keys import duration_s, find_key, selected
    from splitrun.catalogue.reading import read_catalogue
    from splitrun.catalogue.removal import prunable

    if keep_best is None and older_than is None and not failed:
        raise UsageError(
            "nothing to prune by; give --keep-best N --by KEY, --older-than or --failed"
        )
    if (keep_best is None) != (by is None):
        raise UsageError("--keep-best and --by: one without the other; give both")
    older_than_s = None if older_than is None else duration_s(older_than)
    if older_than is not None and older_than_s is None:
        raise UsageError(f"--older-than {older_than}: no time; write one such as 12h, 30d or 4w")
    entries = selected(read_catalogue(runs_dir).entries, where or ())
    key = find_key(by, entries) if by and entries else None
    chosen = prunable(
        entries, keep_best=keep_best, by=key, older_than_s=older_than_s, failed=failed
    )
    _remove(chosen, dry_run=dry_run, yes=yes, by=key)


def _remove(entries: Sequence[Entry], *, dry_run: bool, yes: bool, by: Key | None = None) -> None:
    """Tell what is to go, ask, and remove it.

    Raises:
        UsageError: nobody can be asked, or did not agree.
        RunDirectoryError: a process is at one by now, or it cannot be removed.
    """
    from splitrun.catalogue.removal import remove_run

    if not entries:
        echo("nothing to remove")
        return
    for entry in entries:
        value = "" if by is None else f"  {by.name} {SCREEN.value(_number(by.of(entry)))}"
        size = SCREEN.size(entry.size_bytes)
        echo(f"{entry.path}  {entry.status}  {age(entry.age_s)}  {size}{value}")
    directories = f"{len(entries):,} director" + ("y" if len(entries) == 1 else "ies")
    size = SCREEN.size(sum(entry.size_bytes for entry in entries))
    if dry_run:
        echo(f"would remove {directories}, {size}")
        return
    if not yes:
        _ask(f"remove {directories}, {size}?")
    freed = removed = 0
    try:
        for entry in entries:
            freed += remove_run(entry)
            removed += 1
    finally:
        echo(f"removed {removed:,} of {directories}; {SCREEN.size(freed)} freed")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; add --yes to remove them, or --dry-run")
    if not typer.confirm(question, err=True):
        raise UsageError("nothing was removed")
