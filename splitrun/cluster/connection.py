"""The Ray cluster that work is given to: one that runs, or one of this process's own, here.

Ray is told to send no usage statistics, and to say nothing on the terminal.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, NamedTuple

from splitrun.errors import MissingExtra, NoCluster, one_line
from splitrun.interrupts import SIGNALS

NICENESS = "RAY_worker_niceness"
"""Of processes that a node starts, as it is told when it is started: Ray's own choice, 15, has
anything else on the machine go first."""
_ANSWERS_S = 5.0
"""A cluster that is named has so long to take a connection."""
_TAKES_S = 1.0
"""A process of Ray has so long to take a connection."""


def refuse_missing() -> None:
    """Look whether Ray is installed; nothing of it is imported.

    Raises:
        MissingExtra: it is not.
    """
    if find_spec("ray") is None:
        what = "Ray runs parties and studies on a cluster, and is not installed"
        raise MissingExtra(f"{what}; run pip install 'splitrun[ray]'")


def imported_ray() -> Any:
    """The module `ray`.

    Raises:
        MissingExtra: it is not installed.
    """
    refuse_missing()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it is read at the import
    import ray

    return ray


@contextmanager
def connected(
    address: str | None, cpus: float = 0, asked: str = "runtime.address"
) -> Iterator[Any]:
    """In here the module `ray`, which is given, speaks to a cluster.

    A program that is connected already stays so, whatever the address.

    Args:
        address: `auto` for the one that runs on this machine, or `HOST:PORT`; without it, one is
            started here, and ended with all that it has started.
        cpus: so many at least one that is started here counts, for actors to share.
        asked: what the address was given by, for messages.

    Raises:
        MissingExtra: Ray is not installed.
        NoCluster: there is none at the address, or none that this process can speak to.
    """
    ray = imported_ray()
    if ray.is_initialized():
        if not answers(head_of(ray)):
            what = "the head of the cluster that this process was connected to is gone"
            raise NoCluster(f"{what}; `splitrun train --resume` goes on with another one")
        yield ray
        return
    if address not in (None, "auto"):
        _refuse_silent(address, asked)
    with _quiet(ray):
        with _handlers_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _join(ray, address, cpus, asked)
        try:
            yield ray
        finally:
            briefly(ray, ray.shutdown)


def _join(ray: Any, address: str | None, cpus: float, asked: str) -> None:
    quiet = {"log_to_driver": False, "configure_logging": False}
    try:
        if address is None:
            most = max(os.cpu_count() or 1, cpus)
            os.environ.setdefault(NICENESS, "0")
            with _ends_asked_of_us():
                ray.init("local", num_cpus=most, include_dashboard=False, **quiet)
        else:
            with _mute():
                ray.init(address, **quiet)
    except Exception as error:  # Ray raises whatever its parts do
        ray.shutdown()
        raise NoCluster(_why(error, address, asked)) from error


def _why(error: Exception, address: str | None, asked: str) -> str:
    """Why there is no connection, and what helps."""
    said = one_line(error)
    if address is None:
        return f"Ray cannot be started on this machine: {said}; try `ray start --head` by itself"
    where = f"{asked}: {address}"
    if "Version mismatch" in said:
        other = said.partition("Version mismatch: ")[2]
        return f"{where}: versions differ ({other}); install the same on all machines"
    if isinstance(error, ConnectionError) and address == "auto":
        what = "no Ray cluster runs on this machine"
        return f"{where}: {what}; start one by `ray start --head`, or leave the address out"
    remedy = "if it has a token, set RAY_AUTH_MODE=token and copy its ~/.ray/auth_token here"
    return f"{where}: the cluster does not take this process ({said}); {remedy}"


def _refuse_silent(address: str, asked: str) -> None:
    """Ray itself tries for a minute.

    Raises:
        NoCluster: nobody listens at the address.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_S).close()
    except (OSError, ValueError) as error:
        what = f"{asked}: {address}: no Ray cluster answers ({one_line(error)})"
        raise NoCluster(f"{what}; use what `ray start --head` said, or auto") from error


@contextmanager
def _ends_asked_of_us() -> Iterator[None]:
    """What is started in here does not hear signals that ask for an end, which a terminal and a
    service manager send to all processes of a run: this process decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _mute() -> Iterator[None]:
    """In here nothing is written to stderr: Ray's core tells there, each second, why it is refused,
    before it raises an error that says less."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Node(NamedTuple):
    """Where one of Ray's processes listens."""

    host: str
    port: int


def head_of(ray: Any) -> Node:
    """The process that all others of the cluster report to."""
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return Node(host.strip("[]"), int(port))


def answers(node: Node) -> bool:
    """Whether somebody takes a connection; of who is not to be reached nobody knows."""
    try:
        socket.create_connection(node, _TAKES_S).close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def briefly(ray: Any, call: Callable[[], object]) -> None:
    """Have Ray end something, unless its head is gone, for which it would wait a minute and then
    end this process."""
    with suppress(Exception):  # Ray raises where something is gone already
        if answers(head_of(ray)):
            call()


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """In here, where Ray takes SIGTERM for itself, handlers of signals stay what they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """In here Ray prints nothing: of its accord it tells on stdout of actors and nodes that have
    ended, of which the run tells, too."""
    worker = ray._private.worker  # noqa: SLF001 - as Ray's own debugger does; nothing public does
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    worker._worker_logs_enabled = False  # noqa: SLF001
    try:
        yield
    finally:
        worker._worker_logs_enabled = True  # noqa: SLF001
        logger.setLevel(level)
