"""A process that has imported everything and runs nothing: it forks one for every command line.

So a case has real signals, real devices and a real end of the interpreter, without the seconds that
imports take. On stdin comes a case a line, as JSON; on stdout go the process's number, and how it
ended.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import sys
import termios
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer

import splitrun
from splitrun.cli.app import app, main
from splitrun.session.probe import probe_costs
from splitrun.spec import loads
from tests.ends.processes import FILES, SPEC
from tests.probing import BRIEF

MOMENTS = {
    "while loading": ("splitrun.session.prepare.Parties.load", 1),
    "while probing": ("splitrun.session.prepare.probe_costs", 1),
    "while the directory is made": ("splitrun.session.run_directory.write_text", 1),
    "while a checkpoint is restored": ("splitrun.session.attempt_state.restore", 1),
    "while training": ("splitrun.runtime.watchdog.Watchdog.look", 4),
    "while events are recorded": ("splitrun.telemetry.jsonl.JsonLines._take", 5),
    "while a checkpoint is written": ("splitrun.session.checkpoint.encode", 1),
    "while the model is saved": ("splitrun.session.store.save_file", 1),
    "with the last event": ("splitrun.session.attempt.Attempt._tell_the_end", 1),
    "while the result is printed": ("splitrun.cli.train.summary", 1),
    "before a restart": ("splitrun.session.resume.attempts_of", 1),
    "while arms are timed": ("splitrun.study.timing.train_fresh", 2),
    "while arms are recorded": ("splitrun.study.training.train_fresh", 1),
    "while the page is written": ("splitrun.report.write.render", 1),
    "in the second cell": ("splitrun.study.bench.sweep.measure", 2),
    "while soaking": ("splitrun.study.bench.soak._Run._look", 30),
    "for the recording": ("splitrun.telemetry.jsonl.JsonLines._write", 1),
    "for the metrics": ("splitrun.session.run_directory.RunDirectory.append_lines", 1),
    "for the last manifest": ("splitrun.session.run_directory.RunDirectory.write_json", 3),
}
"""The function at whose call it happens, and at which call."""


def serve() -> None:
    """Fork for every case until there are no more."""
    _import_everything()
    _hurry()
    loads(SPEC, "ends.yaml")  # the first one has validators made
    gc.collect()
    gc.freeze()
    cases, answers = (os.fdopen(os.dup(place), mode) for place, mode in ((0, "r"), (1, "w")))
    answers.write("ready\n")
    answers.flush()
    seen = []  # what the interpreter does at its end is a matter of streams and signals alone
    for line in cases:
        case = json.loads(line)
        end = case["streams"], case["signals"]
        pid = os.fork()
        if not pid:
            cases.close()
            answers.close()
            _run(case, wholly=tuple(case["streams"]) != FILES and end not in seen)
        seen.append(end)
        answers.write(f"{pid}\n")
        answers.flush()
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _import_everything() -> None:
    """All of splitrun, so that no case has to."""
    for module in pkgutil.walk_packages(splitrun.__path__, "splitrun."):
        if module.name not in ("splitrun.__main__", "splitrun.telemetry.tensorboard"):
            importlib.import_module(module.name)


def _hurry() -> None:
    """Look at events soon, measure as little as there can be, and collect what is new alone: what
    figures come to is not asked here."""
    for name, value in {
        "runtime.threaded.LOOK_EVERY_S": 0.005,
        "session.prepare.probe_costs": partial(probe_costs, effort=BRIEF),
        "study.compare._FORECAST_DEPTHS": (1, 2),
        "study.timing._STEPS": 8,
        "study.timing._LONGEST_S": 0.1,
        "study.timing._SHORTEST_S": 0.05,
        "study.bench.soak._SHORTEST_S": 0.005,
    }.items():
        owner, attribute = _found(f"splitrun.{name}")
        if not hasattr(owner, attribute):
            raise AttributeError(name)
        setattr(owner, attribute, value)
    gc.unfreeze = lambda: None
    command = typer.main.get_command(app)
    typer.main.get_command = lambda _: command  # type: ignore[assignment]


def _run(case: dict[str, Any], *, wholly: bool) -> None:
    """Run a command line.

    Args:
        wholly: the interpreter ends, too, which takes longer than many a command.
    """
    os.chdir(case["directory"])
    terminal = _open_streams(case["streams"])
    for name in case["ignored"]:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if case["moment"]:
        _arm(case["moment"], _happening(case["signals"], terminal))
    sys.argv = ["splitrun", *case["arguments"]]
    if not wholly:
        sys.exit = os._exit  # type: ignore[assignment]
    main()


def _open_streams(streams: list[str]) -> int:
    """Give the process its three streams: `closed`, `gone`, `terminal`, or the name of a file; the
    terminal's other end, if there is one."""
    terminal, own = (_away(end) for end in os.openpty())
    opened = [_opened(name, own) for name in streams]
    for place, descriptor in enumerate(opened):
        os.close(place)
        if descriptor is not None:
            os.dup2(descriptor, place)
    for descriptor in (own, *opened):
        if descriptor is not None:
            os.close(descriptor)
    if "terminal" not in streams:
        os.close(terminal)
    sys.stdin, sys.stdout, sys.stderr = map(_stream, range(3))
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    return terminal


def _opened(name: str, terminal: int) -> int | None:
    if name == "closed":
        return None
    if name == "gone":
        reader, writer = os.pipe()
        os.close(reader)
        return _away(writer)
    if name == "terminal":
        if os.getsid(0) != os.getpid():
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        return _away(os.dup(terminal))
    return _away(os.open(name, os.O_RDWR | os.O_CREAT))


def _away(descriptor: int) -> int:
    """The same, out of the way of the first three."""
    other = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return other


def _stream(place: int) -> io.TextIOWrapper | None:
    """A stream as Python opens it when it begins."""
    try:
        os.fstat(place)
    except OSError:
        return None
    raw = io.FileIO(place, "w" if place else "r", closefd=False)
    binary: Any = io.BufferedWriter(raw) if place else io.BufferedReader(raw)
    return io.TextIOWrapper(binary, "utf-8", "backslashreplace", line_buffering=place == 2)


def _happening(signals: list[str], terminal: int) -> Callable[[], None]:
    def happen() -> None:
        for name in signals:
            if name == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if name == "hangup":
                os.close(terminal)
            else:
                os.kill(os.getpid(), getattr(signal, name))

    return happen


def _arm(moment: str, happen: Callable[[], None]) -> None:
    name, at = MOMENTS[moment]
    owner, attribute = _found(name)
    whole, calls = getattr(owner, attribute), 0

    def armed(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            happen()
        return whole(*args, **kwargs)

    setattr(owner, attribute, armed)


def _found(name: str) -> tuple[Any, str]:
    """The module or class that has a dotted name, and its last part."""
    path, _, attribute = name.rpartition(".")
    try:
        return importlib.import_module(path), attribute
    except ImportError:
        module, _, kind = path.rpartition(".")
        return getattr(importlib.import_module(module), kind), attribute


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    serve()
