"""The server that parties' processes are forked from: it has imported what they need, and has done
nothing else, so that none inherits threads or locks.

To import all of that takes seconds, on a core that is idle while data are read. So whoever knows
that parties' processes will be needed starts the server as soon as it does.
"""

from __future__ import annotations

import signal
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import ForkServerContext

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
