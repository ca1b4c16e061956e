"""One attempt of a run: its statistics, its events on their way to the sinks, its manifest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Literal

from msgspec import structs

from splitrun.errors import NonFiniteWeights, RunFailed, writable
from splitrun.events import Emit, Event, RunEnded
from splitrun.interrupts import Interrupts
from splitrun.model import Stage
from splitrun.plan import PlannedFault, deadline_of
from splitrun.plan.explain import describe
from splitrun.records.reading import flattened
from splitrun.records.run import ChannelTotals, Invocation, Manifest, RunResult, Staleness
from splitrun.runtime import Faults, Job, Observer, Outcome
from splitrun.runtime.clock import now
from splitrun.session.attempt_state import AttemptState
from splitrun.session.elsewhere import Elsewhere
from splitrun.session.environment import environment
from splitrun.session.job import job_of
from splitrun.session.prepare import Experiment, forecast
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory, fired_faults, forget_torn, note_fired
from splitrun.session.run_statistics import run_started
from splitrun.session.sinks import SinkGroup
from splitrun.session.store import save
from splitrun.spec import metrics_of, resolved_tree

_LONGEST_MESSAGE = 100_000
"""Of how a run ended, in characters: a line of events has its bounds."""

RunStatus = Literal["done", "failed", "interrupted"]


Source = Callable[[Emit], AbstractContextManager[object]]
"""What emits events of its own, from within its context, while the roles are at work."""


class Attempt:
    """From the beginning of a run, or from a checkpoint of it, to its end, whichever that is."""

    def __init__(
        self,
        experiment: Experiment,
        directory: RunDirectory,
        planned: Sequence[PlannedFault],
        sinks: SinkGroup,
        sources: Sequence[Source],
        resume: Resume | None,
        interrupts: Interrupts,
        elsewhere: Elsewhere | None,
        asked: Invocation,
    ) -> None:
        self._state = AttemptState(experiment, directory, resume, asked)
        self.statistics = self._state.statistics
        self.plan = experiment.plan
        self._planned = planned
        first_step = self._state.first_step
        self._deadline = deadline_of(experiment.document.spec, experiment.plan, first_step)
        self._experiment = experiment
        self._directory = directory
        self._sinks = sinks
        self._sources = sources
        self._interrupts = interrupts
        self._elsewhere = elsewhere
        if elsewhere is not None:
            elsewhere.enter(directory.path)
        self.has_begun = False
        """Whether the models are those that the statistics tell of."""
        self._events: deque[Event] = deque()
        self._has_started = False
        """Whether sinks have been, or will be, told that the run has."""
        self._open_sources = ExitStack()
        self._written = len(self.statistics.history)
        self._stages: Mapping[str, Stage] = {}
        """By role name, once there are any."""
        self._manifest = Manifest(
            status="running",
            started=self._state.attempts[0].started,
            attempts=self._state.attempts,
            seed=experiment.plan.seed,
            directory=str(experiment.directory.resolve()),
            resolved_sha256=directory.resolved_sha256(),
            spec=flattened(resolved_tree(experiment.document.spec)),
            deadline_s=self._deadline.base_s,
            allow_code=self._state.names_classes,
            threads={"intra_op": experiment.document.spec.runtime.intra_op_threads},
            environment=environment(experiment.directory),
            data=experiment.data,
        )
        directory.write_json("manifest.json", self._manifest)
        if resume is None:
            directory.write_json("plan.json", forecast(experiment, describe(experiment.plan)))

    @property
    def observer(self) -> Observer:
        """Who takes the run's events and checkpoints."""
        emit, collect = self._events.append, self._state.collect
        if self._elsewhere is None:
            return Observer(emit, self.poll, collect, self._start)
        return Observer(emit, self._poll_all, collect, self._start, self._elsewhere.look)

    def _poll_all(self) -> None:
        self.poll()
        if self._elsewhere is not None:
            self._elsewhere.poll()

    def begin(self) -> Job:
        """What a runtime is to do: all that is left of the plan, on stages of the state that the
        attempt begins with."""
        experiment, spec = self._experiment, self._experiment.document.spec
        metrics = metrics_of(spec)
        with experiment.document.located():
            job = job_of(experiment.parties, self.plan, metrics)
        self._stages = {name: work.stage for name, work in job.roles.items()}
        start = self._state.begin(self._stages)
        self.has_begun = True
        if self._elsewhere is not None:
            job = self._elsewhere.join(job, self._events.append)
        faults = self._faults()
        return replace(job, start=start, deadline=self._deadline, faults=faults, digests=False)

    def _faults(self) -> Faults:
        directory = self._directory
        forget_torn(directory)
        return Faults(self._planned, fired_faults(directory), partial(note_fired, directory))

    def _start(self) -> None:
        """The roles are about to start."""
        if self._elsewhere is not None:
            self._elsewhere.begin(self._poll_all)
        self._tell_the_start()
        if self._elsewhere is not None:
            self._events.extend(self._elsewhere.measured())
        for source in self._sources:
            self._open_sources.enter_context(source(self._events.append))

    def _tell_the_start(self) -> None:
        attempt, run_dir = len(self._state.attempts), str(self._directory.path)
        here = {party.name for party in self._experiment.parties}
        roles = [role.name for role in self.plan.roles if role.party in here]
        started = run_started(self.plan, run_dir, attempt, self._state.first_step, roles)
        self._events.append(started)
        self._has_started = True

    @contextmanager
    def sources(self) -> Iterator[None]:
        """In here, what emits events of its own does, once the roles start."""
        with self._open_sources:
            yield

    def finish(self, outcome: Outcome) -> RunResult:
        """Save what a run that is done has come to.

        Raises:
            NonFiniteWeights: its weights are not finite; there is no model then.
            OSError: they cannot be written.
        """
        self.poll()
        copied = self._state.copied_bytes
        self._manifest = structs.replace(
            self._manifest,
            peak_bytes={
                name: {
                    **role.peak_bytes,
                    **({"checkpoint_copy": copied[name]} if name in copied else {}),
                }
                for name, role in outcome.roles.items()
            },
            channels={
                name: ChannelTotals(messages=passed.messages, bytes=passed.bytes)
                for name, passed in outcome.channels.items()
            },
        )
        with self._interrupts.held():
            result = self.result(self.save_model())
            self.close("done", "", result)
            self._interrupts.finish()
        return result

    def save_model(self) -> str:
        """Save the weights as they are; gives their digest.

        Raises:
            NonFiniteWeights: they are not finite; there is no model then.
            OSError: they cannot be written.
        """
        for role, stage in self._stages.items():
            if odd := stage.odd_weight():
                raise NonFiniteWeights(role, "the save of the model", odd)
        parties = self._experiment.parties
        return save(self._directory.model, self._experiment.plan, parties, self._stages)

    def recall_best(self) -> int | None:
        """Go back to the weights of the best evaluation so far; gives its step, or None where
        nothing was kept, or roles were stopped while they heard of another one."""
        steps = {stage.kept_step for stage in self._stages.values()}
        step = steps.pop() if len(steps) == 1 else None
        if step is not None:
            for stage in self._stages.values():
                stage.recall()
        return step

    def result(self, weights_sha256: str) -> RunResult:
        """What the run has come to so far."""
        statistics, plan = self.statistics, self._experiment.plan
        samples = statistics.samples or plan.samples_before(statistics.steps)
        party = {role.name: role.party for role in plan.roles}
        codecs = {f"{party[it.source]}->{party[it.target]}": it.codec for it in plan.channels}
        return RunResult(
            run_dir=str(self._directory.path),
            schedule=plan.schedule,
            depth=plan.depth,
            steps=statistics.steps,
            samples=samples,
            wall_s=statistics.train_s,
            evaluation_s=statistics.evaluation_s,
            samples_per_s=samples / statistics.train_s if statistics.train_s else 0.0,
            train_loss=statistics.last_loss,
            metrics=statistics.metrics,
            classes=statistics.classes,
            links={
                name: structs.replace(link, codec=codecs[name])
                for name, link in statistics.links.items()
            },
            staleness={
                role: Staleness(mean=each.mean, max=each.max)
                for role, each in statistics.staleness.items()
            },
            best_step=statistics.best_step,
            stopped_early=statistics.stopped_early,
            weights_sha256=weights_sha256,
        )

    def close(self, status: RunStatus, message: str, result: RunResult | None = None) -> None:
        """Tell manifest and sinks how the run ended.

        Raises:
            OSError: the manifest cannot be written.
        """
        message = writable(message[:_LONGEST_MESSAGE])
        self._manifest = self._state.close(self._manifest, status, message)
        if result is not None:
            self._manifest = structs.replace(self._manifest, result=result)
        try:
            self._write_manifest()
        except OSError:
            if status == "failed":
                self._tell_the_end(status, message)
            raise
        self._tell_the_end(status, message)

    def _write_manifest(self) -> None:
        self._manifest = structs.replace(self._manifest, warnings=tuple(self._sinks.warnings))
        self._directory.write_json("manifest.json", self._manifest)

    def _tell_the_end(self, status: RunStatus, message: str) -> None:
        warned = len(self._sinks.warnings)
        if not self._has_started:
            self._tell_the_start()
        events = [*self._take_events(), RunEnded(status, message, now())]
        for event in events:
            with suppress(Exception):
                self._state.take_all([event])
        self._sinks.take_all(events)
        with suppress(Exception):
            self.poll()
        if len(self._sinks.warnings) > warned:
            with suppress(OSError):
                self._write_manifest()

    def discard(self, error: RunFailed) -> None:
        """Keep no checkpoint that a failure has made doubtful, and note what became of them."""
        if error.sound_until is None:
            return
        with suppress(Exception):
            self.poll()  # of earlier steps, one may be about to be written
        if said := self._state.discard(error.sound_until):
            error.add_note(said)

    def add_remedy(self, error: Exception) -> None:
        """Tell how to go on, if one can."""
        recurs = isinstance(error, RunFailed) and error.recurs
        if not recurs and (remedy := self._state.remedy()):
            error.add_note(remedy)

    def poll(self) -> None:
        """Hand over what has happened so far, and write down what is due.

        Raises:
            OSError: the run directory cannot be written.
            KeyboardInterrupt: the user interrupted meanwhile.
        """
        with self._interrupts.held():
            events = self._take_events()
            try:
                self._state.take_all(events)
            finally:
                self._sinks.take_all(events)
            fresh = self.statistics.history[self._written :]
            if fresh:
                self._directory.append_lines("metrics.jsonl", fresh)
                self._written += len(fresh)
            self._state.write()
        self._interrupts.let_through()

    def _take_events(self) -> list[Event]:
        """What has been emitted until now, while roles go on emitting."""
        take = self._events.popleft
        return [take() for _ in range(len(self._events))]
