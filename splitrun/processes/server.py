"""The server that parties' processes are forked from: it has imported what they need, and has done
nothing else, so that none inherits threads or locks.

To import all of that takes seconds, on a core that is idle while data are read. So whoever knows
that parties' processes will be needed starts the server as soon as it does.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType

from splitrun.interrupts import SIGNALS

_IMPORTED = (
    "splitrun.processes.party_process",
    "splitrun.data.sources.bank_marketing",
    "splitrun.data.sources.synthetic",
    "splitrun.model.compensation",
    "splitrun.model.custom.section",
    "splitrun.model.late_gradients",
    "splitrun.model.losses",
    "splitrun.model.mlp",
    "splitrun.model.optimizers",
    "splitrun.runtime.serial",
    "splitrun.runtime.threaded",
    "splitrun.runtime.worker",
    "splitrun.telemetry.mlflow",
    "splitrun.telemetry.tensorboard",
    "splitrun.wire.stream",
    "numpy.random",
)
"""Modules that parties' processes come to need."""


def start() -> None:
    """Start the server, unless it runs; returns at once.

    Signals that ask for an end, which a terminal and a service manager send to all processes of a
    run, never reach the server nor what is forked from it: whoever has started them decides.
    """
    server().set_forkserver_preload(list(_IMPORTED))
    resource_tracker.ensure_running()  # which changes the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def server() -> ForkServerContext:
    """What starts processes by way of the server."""
    return get_context("forkserver")


def start_process(
    main: Callable[[Connection], None], name: str
) -> tuple[ForkServerProcess, Connection]:
    """A process that runs `main`, and this process's end of a pipe to it.

    Args:
        main: a module's function, given the other end.
    """
    start()
    ours, theirs = server().Pipe()
    process = server().Process(target=main, args=(theirs,), name=name)
    with no_main_module():
        process.start()
    theirs.close()
    return process, ours


@contextmanager
def no_main_module() -> Iterator[None]:
    """In here, a process that is started does not run the program's main module first: it needs
    nothing of it."""
    main_module = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main_module


def fate(process: ForkServerProcess) -> str:
    """How a process ended that has ended without a word."""
    process.join()
    code = process.exitcode or 0
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended without a word, with exit code {code}"
