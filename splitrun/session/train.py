"""One run, from a prepared experiment to a trained model in a run directory."""

from __future__ import annotations

import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from splitrun import runtime
from splitrun.errors import Interrupted, RunFailed, SplitrunError, told
from splitrun.events import Emit, Event, RunEnded, Sink
from splitrun.model import default_metrics, evaluate
from splitrun.plan.explain import describe
from splitrun.runtime.clock import now
from splitrun.session.environment import environment
from splitrun.session.feeds import feeds
from splitrun.session.forecast import forecast
from splitrun.session.ledger import Ledger, run_started
from splitrun.session.prepare import Experiment
from splitrun.session.run_directory import RunDirectory
from splitrun.session.store import save

RunStatus = Literal["done", "failed", "interrupted"]

Source = Callable[[Emit], AbstractContextManager[object]]
"""What emits events of its own, from within its context, while the roles are at work."""


@dataclass(frozen=True)
class Result:
    """What `splitrun train --json` prints."""

    run_dir: str
    schedule: str
    depth: int
    steps: int
    samples: int
    wall_s: float
    """Training time; evaluations are outside the clock."""
    evaluation_s: float
    samples_per_s: float
    train_loss: float | None
    """Mean over every sample of the last epoch."""
    metrics: Mapping[str, Mapping[str, float | None]]
    staleness: Mapping[str, Mapping[str, float]]
    """`mean` and `max` over the updates of each role."""
    weights_sha256: str


def train(
    experiment: Experiment,
    runs_dir: Path,
    sinks: Sequence[Sink] = (),
    sources: Sequence[Source] = (),
) -> Result:
    """Run an experiment's plan and save what comes of it.

    Whatever happens, the run directory tells: its manifest says `done`, `failed` or `interrupted`.

    Raises:
        RunFailed: naming role, instruction and batch.
        Interrupted: the user stopped the run; what was trained until then is saved.
    """
    directory = RunDirectory.create(runs_dir, experiment.document)
    run = _Run(experiment, directory, sinks, sources)
    with _one_interrupt():
        try:
            run.execute()
            result = run.result(run.save_model())
        except KeyboardInterrupt as error:
            message = f"interrupted after {run.ledger.steps} of {experiment.plan.steps} steps"
            run.close("interrupted", message, run.result(run.save_model()))
            interrupted = Interrupted(message)
            interrupted.add_note(f"what was trained until then is in {directory.path}")
            raise interrupted from error
        except Exception as error:
            where = "writing" if isinstance(error, OSError) else "an unforeseen point"
            failed = RunFailed("the run", where, told(error))
            failure = error if isinstance(error, SplitrunError) else failed
            run.close("failed", str(failure))
            directory.note_failure("".join(traceback.format_exception(error)))
            failure.add_note(f"the run directory is {directory.path}")
            raise failure from error
        run.close("done", "", result)
    return result


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """The first Ctrl-C stops the run in order; further ones wait until it has been written down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Run:
    """The state of one run: its books, its events on their way to the sinks, its manifest."""

    def __init__(
        self,
        experiment: Experiment,
        directory: RunDirectory,
        sinks: Sequence[Sink],
        sources: Sequence[Source],
    ) -> None:
        self.ledger = Ledger()
        self._experiment = experiment
        self._directory = directory
        self._sinks: tuple[Sink, ...] = (self.ledger, *sinks)
        self._sources = sources
        self._events: deque[Event] = deque()
        self._written = 0
        self._manifest: dict[str, object] = {
            "status": "running",
            "started": _utc(),
            "seed": experiment.plan.seed,
            "directory": str(experiment.document.directory.resolve()),
            "resolved_sha256": directory.resolved_sha256(),
            "threads": {"intra_op": experiment.document.spec.runtime.intra_op_threads},
            "environment": environment(experiment.document.directory),
        }
        directory.write_json("manifest.json", self._manifest)
        directory.write_json("plan.json", describe(experiment.plan) | forecast(experiment))

    def execute(self) -> None:
        """Run the plan to its end, handing events to the sinks meanwhile."""
        experiment, spec = self._experiment, self._experiment.document.spec
        plan = experiment.plan
        bottoms, top = experiment.models.stages(spec, plan)
        metrics = spec.training.metrics or default_metrics(spec.top.loss)
        self._events.append(run_started(plan, str(self._directory.path)))
        with ExitStack() as stack:
            for source in self._sources:
                stack.enter_context(source(self._events.append))
            channels = runtime.run(
                plan,
                bottoms,
                top,
                feeds(experiment.data, plan),
                partial(evaluate, spec.top.loss, metrics),
                runtime=spec.runtime.type,
                intra_op_threads=spec.runtime.intra_op_threads,
                emit=self._events.append,
                attend=self._attend,
            )
        self._attend()
        self._manifest["channels"] = {
            name: {"messages": passed.messages, "bytes": passed.bytes}
            for name, passed in channels.items()
        }

    def save_model(self) -> str:
        """Save the weights as they are; gives their digest."""
        experiment = self._experiment
        return save(self._directory.model, experiment.models.modules, experiment.data)

    def result(self, weights_sha256: str) -> Result:
        """What the run has come to so far."""
        ledger, plan = self.ledger, self._experiment.plan
        return Result(
            run_dir=str(self._directory.path),
            schedule=plan.schedule,
            depth=plan.depth,
            steps=ledger.steps,
            samples=ledger.samples,
            wall_s=ledger.train_s,
            evaluation_s=ledger.evaluation_s,
            samples_per_s=ledger.samples / ledger.train_s if ledger.train_s else 0.0,
            train_loss=ledger.last_loss,
            metrics={"test": ledger.test} if ledger.test else {},
            staleness={
                role: {"mean": late.mean, "max": late.max} for role, late in ledger.lateness.items()
            },
            weights_sha256=weights_sha256,
        )

    def close(self, status: RunStatus, message: str, result: Result | None = None) -> None:
        """Tell manifest and sinks how the run ended; a sink that fails now changes nothing."""
        self._manifest |= {"status": status, "ended": _utc(), "message": message}
        if result is not None:
            self._manifest["result"] = asdict(result)
        self._directory.write_json("manifest.json", self._manifest)
        self._events.append(RunEnded(status, message, now()))
        with suppress(OSError):
            self._attend()

    def _attend(self) -> None:
        while self._events:
            event = self._events.popleft()
            for sink in self._sinks:
                sink(event)
        fresh = self.ledger.history[self._written :]
        if fresh:
            self._directory.append_lines("metrics.jsonl", fresh)
            self._written += len(fresh)


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
