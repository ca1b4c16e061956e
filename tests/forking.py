"""Processes that tests have forked from one that has imported what any of them needs.

There is one such server; whoever needs it first says what it imports, for all who come later. What
it lacks each process would import for itself, for seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

from splitrun.processes.server import _IMPORTED, server


def forkserver() -> ForkServerContext:
    """What starts such processes."""
    context = server()
    own = ("splitrun.cli.app", "splitrun.party", "splitrun.remote", "splitrun.session")
    context.set_forkserver_preload([*_IMPORTED, *own])
    return context


def run_command(arguments: Sequence[str], directory: Path, output: Path) -> None:
    """What a process does: run a command line in a directory, and print to a file."""
    from splitrun.cli.app import run

    os.chdir(directory)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.exit(run(arguments))
