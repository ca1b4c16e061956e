"""How a study's result is delivered: its page, then what is printed of it, then its gates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splitrun.cli.options import own_stdout
from splitrun.cli.output import echo
from splitrun.cli.streams import deliver
from splitrun.errors import GateFailed, SplitrunError


def deliver_study(
    kept: Path,
    show: Callable[[], None],
    gate: Callable[[], None] = lambda: None,
    *,
    names_page: bool,
) -> None:
    """Write the page, print the result, and judge it; what fails on the way is told at the end.

    Args:
        kept: the file that the result is in, in the study's directory.
        show: prints the result.
        gate: raises GateFailed.
        names_page: whether it is printed where the page is.
    """
    directory = kept.parent
    unwritten: SplitrunError | None = None

    def print_all() -> None:
        nonlocal unwritten
        from splitrun.report.write import written_or_why

        with own_stdout():
            unwritten = written_or_why(directory)
        show()
        if names_page and unwritten is None:
            echo(f"report: {directory / 'report.html'}")

    def judge() -> None:
        try:
            gate()
        except GateFailed as failed:
            if unwritten is not None:
                failed.add_note(str(unwritten))
            raise
        if unwritten is not None:
            raise unwritten

    deliver(print_all, kept, judge)
