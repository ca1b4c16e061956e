"""What only bottoms and only the top do, and the workers of a job."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import cast

import torch
from torch import Tensor

from splitrun.errors import LOWER_THE_RATE, NonFiniteLoss
from splitrun.events import (
    Classification,
    Decided,
    EpochDone,
    Evaluated,
    EvaluatedRows,
    StepDone,
)
from splitrun.model import BottomStage, State, Tensors, TopStage, is_finite, parameters_of
from splitrun.plan import ComputeEmulation, Deadline, Instruction, Op, Role
from splitrun.runtime.affinity import CpuPin
from splitrun.runtime.channel import ReceiverEnd, SenderEnd, open_channel
from splitrun.runtime.clock import now
from splitrun.runtime.hooks import Codecs, EmulatedCompute
from splitrun.runtime.job import (
    Hook,
    Job,
    Observer,
    Outcome,
    RoleContext,
    RoleHook,
    RoleOutcome,
    RoleWork,
    Run,
)
from splitrun.runtime.stopping import Decision
from splitrun.runtime.watchdog import Watchdog
from splitrun.runtime.worker import RoleChannels, Slice, Worker


class BottomWorker(Worker):
    """Runs a bottom's program."""

    def __init__(
        self,
        context: RoleContext,
        work: RoleWork,
        channels: RoleChannels,
        observer: Observer,
        hooks: Sequence[RoleHook],
    ) -> None:
        super().__init__(context, work, channels, observer, hooks)
        self._bottom = cast("BottomStage", work.stage)
        self._top = context.plan.top.name

    def _own_runs(self) -> dict[Op, Run]:
        return super()._own_runs() | {
            Op.FORWARD: self._forward,
            Op.BACKWARD: self._backward,
            Op.PREDICT: self._predict,
            Op.DECIDE: self._decide,
        }

    def _forward(self, instruction: Instruction) -> None:
        step, micro = instruction.step, instruction.micro
        inputs = self._batches["train", step].slice(micro, self._plan.slices(step))
        cut = self._bottom.forward((step, micro), inputs)
        self._outgoing[self._top, ("train", step, micro)] = cut

    def _backward(self, instruction: Instruction) -> None:
        step, micro = instruction.step, instruction.micro
        gradients = self._incoming.pop((self._top, ("train", step, micro)))
        self._bottom.backward((step, micro), gradients)

    def _predict(self, instruction: Instruction) -> None:
        step = instruction.step
        cut = self._bottom.predict(step, self._batches["evaluate", step].tensors)
        self._outgoing[self._top, ("evaluate", step, 0)] = cut

    def _decide(self, instruction: Instruction) -> None:
        told, *_ = self._incoming.pop((self._top, ("decide", instruction.step, 0)))
        self._follow(Decision.of(float(told.reshape(-1)[0])), instruction.step)


class _Rows:
    """Batches put together as they come: kept one by one, small tensors would lie between large
    ones that are freed, and keep their memory from being used again."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._filled = 0
        self._whole: Tensor | None = None

    def __bool__(self) -> bool:
        return self._filled > 0

    def append(self, batch: Tensor) -> None:
        """The next rows."""
        if self._whole is None:
            self._whole = batch.new_empty((self._rows, *batch.shape[1:]))
        stop = self._filled + len(batch)
        self._whole[self._filled : stop] = batch
        self._filled = stop

    def take(self) -> Tensor:
        """All of them; then it begins anew."""
        assert self._whole is not None, "an evaluation has rows"
        whole = self._whole[: self._filled]
        self._whole, self._filled = None, 0
        return whole


def _share(weights: Tensor, of_batch: Tensor) -> float:
    """What part of a batch's weight a micro-batch has; none where no row weighs anything."""
    total = of_batch.sum().item()
    return weights.sum().item() / total if total else 0.0


class TopWorker(Worker):
    """Runs the top's program, adds up the loss, and evaluates."""

    def __init__(
        self,
        context: RoleContext,
        work: RoleWork,
        channels: RoleChannels,
        observer: Observer,
        hooks: Sequence[RoleHook],
    ) -> None:
        super().__init__(context, work, channels, observer, hooks)
        self._top = cast("TopStage", work.stage)
        self._score, self._classify = work.score, work.classify
        self._bottoms = [bottom.name for bottom in self._plan.bottoms]
        self._step_loss, self._epoch_loss = 0.0, context.start.epoch_loss
        rows = sum(self._plan.facts.evaluated_rows.values())
        self._evaluated_rows = [_Rows(rows) for _ in ("outputs", "labels", "weights")]
        self._evaluation_start = 0.0
        self._evaluated: Mapping[str, float | None] = {}
        self._found = context.start.found

    def _own_runs(self) -> dict[Op, Run]:
        return super()._own_runs() | {
            Op.LOSS: self._loss,
            Op.PREDICT: self._predict,
            Op.EVALUATE: self._evaluate,
            Op.DECIDE: self._decide,
        }

    def _loss(self, instruction: Instruction) -> None:
        step, micro = instruction.step, instruction.micro
        batch = self._batches["train", step]
        labels, *weights = batch.slice(micro, self._plan.slices(step))
        share = len(labels) / batch.rows
        if weights:
            share = _share(weights[0], batch.tensors[1])
        cuts = self._cuts(("train", step, micro))
        loss, gradients = self._top.loss((step, micro), cuts, labels, share, *weights)
        if not math.isfinite(loss):
            raise self._not_finite(instruction, loss, cuts, labels)
        self._step_loss += share * loss
        for bottom, gradient in zip(self._bottoms, gradients, strict=True):
            self._outgoing[bottom, ("train", step, micro)] = gradient

    def _update(self, instruction: Instruction) -> None:
        step = instruction.step
        self._top.update()
        rows = self._batches.pop(("train", step)).rows
        epoch = step // self._plan.steps_per_epoch
        self._emit(StepDone(step, epoch, rows, self._step_loss, now()))
        self._epoch_loss += self._step_loss * rows / self._plan.facts.train_rows
        self._step_loss = 0.0
        if (step + 1) % self._plan.steps_per_epoch == 0:
            self._emit(EpochDone(epoch, self._epoch_loss, now()))
            self._epoch_loss = 0.0

    def _predict(self, instruction: Instruction) -> None:
        step = instruction.step
        if step == 0:
            self._evaluation_start = now()
        labels_and_weights = self._batches.pop(("evaluate", step)).tensors
        cuts = self._cuts(("evaluate", step, 0))
        output = self._top.predict(step, cuts)
        if not is_finite(output):
            raise self._not_finite(instruction, math.nan, cuts)
        for rows, tensor in zip(self._evaluated_rows, (output, *labels_and_weights), strict=False):
            rows.append(tensor)

    def _evaluate(self, instruction: Instruction) -> None:
        filled = [rows for rows in self._evaluated_rows if rows]
        outputs, *labels_and_weights = [rows.take() for rows in filled]
        found: dict[EvaluatedRows, dict[str, float | None]] = {}
        classes: dict[EvaluatedRows, Classification] = {}
        steps, start = instruction.step, 0
        may_be_last = steps == self._plan.steps or self._plan.early_stopping is not None
        for part, rows in self._plan.facts.evaluated_rows.items():
            own = slice(start, start + rows)
            beside = [tensor[own] for tensor in labels_and_weights]
            found[part] = self._score(outputs[own], *beside) if self._score else {}
            if self._classify and may_be_last:
                told = self._classify(outputs[own], *beside)
                classes |= {part: told} if told else {}
            start += rows
        self._evaluated = found.get("validation", {})
        self._emit(
            Evaluated(
                steps,
                steps // self._plan.steps_per_epoch,
                len(outputs),
                found.get("test", {}),
                self._evaluation_start,
                now(),
                found.get("validation", {}),
                classes,
            )
        )

    def _decide(self, instruction: Instruction) -> None:
        """Decide by the validation rows whether the run goes on, for all roles."""
        limits, step = self._plan.early_stopping, instruction.step
        assert limits is not None, "the plan has this instruction where a run may stop early"
        self._found = found = self._found.after(limits, step, self._evaluated.get(limits.metric))
        stops = step == self._plan.steps or found.waited >= limits.patience
        decision = Decision(keeps=found.best_step == step, stops=stops)
        for bottom in self._plan.bottoms:
            self._outgoing[bottom.name, ("decide", step, 0)] = tuple(
                torch.full((1, *it.shape), decision.code, dtype=getattr(torch, it.dtype))
                for it in self._plan.role_facts(bottom.name).cut
            )
        self._follow(decision, step)
        told = (found.best_step, found.best, found.waited, now(), stops)
        self._emit(Decided(step, limits.metric, *told))

    def _state(self) -> State:
        found = {} if self._plan.early_stopping is None else {"found": asdict(self._found)}
        return {**super()._state(), "epoch_loss": self._epoch_loss, **found}

    def _cuts(self, part: Slice) -> list[Tensors]:
        return [self._incoming.pop((bottom, part)) for bottom in self._bottoms]

    def _not_finite(
        self, at: Instruction, loss: float, cuts: Sequence[Tensors], labels: Tensor | None = None
    ) -> NonFiniteLoss:
        """The error that names the likely culprit, whose values stopped being finite first, and
        what helps: before any update, no other learning rate does."""
        for role, cut in zip(self._plan.bottoms, cuts, strict=True):
            if not all(map(is_finite, cut)):
                cause, remedy = (
                    "its cut is not finite, so its weights have diverged",
                    LOWER_THE_RATE,
                )
                if not self._was_updated(role, at):
                    cause = f"its cut is not finite {_when(at)}"
                    remedy = (
                        "look for huge numbers in its columns, which "
                        f"parties.{role.party}.scaling makes small, and check its forward()"
                    )
                return NonFiniteLoss(role.name, str(at), f"the loss is {loss}: {cause}; {remedy}")
        if not all(map(is_finite, parameters_of(self._top.module).values())):
            cause, remedy = "its weights have diverged", LOWER_THE_RATE
        elif self._was_updated(self._plan.top, at):
            cause, remedy = "every cut and weight is finite, so it overflowed", LOWER_THE_RATE
        else:
            cause, remedy = self._why_at_first(at, cuts, labels)
        return NonFiniteLoss(self.name, str(at), f"the loss is {loss}: {cause}; {remedy}")

    def _was_updated(self, role: Role, at: Instruction) -> bool:
        """Whether training has changed the weights that its values there come from."""
        if at.phase == "evaluate":
            return self._plan.steps > 0
        if role is self._plan.top:
            return at.step > 0
        return self._plan.version(role, at.step) > 0

    def _why_at_first(
        self, at: Instruction, cuts: Sequence[Tensors], labels: Tensor | None
    ) -> tuple[str, str]:
        """Cause and remedy where weights, as they began, and cuts are finite."""
        if labels is not None and not is_finite(labels):
            return "a label is not finite", "mend the label's column"
        output = self._top.predict(at.step, cuts)
        if not is_finite(output):
            return (
                f"the output is not finite {_when(at)}, though all that it is made of is",
                "check the top's forward()",
            )
        reaches = f"outputs reach {_reach(output)}"
        if labels is not None and labels.is_floating_point():
            reaches += f" and labels {_reach(labels)}"
        return (
            f"it overflowed {_when(at)}: {reaches}",
            "scale the labels, or the models' outputs, down",
        )


def _when(at: Instruction) -> str:
    return "before any update" if at.phase == "train" else "at the saved weights"


def _reach(tensor: Tensor) -> str:
    return f"{tensor.abs().max().item():.3g}"


def make_workers(
    job: Job,
    observer: Observer,
    hooks: Iterable[Hook] = (),
    pins: Mapping[str, CpuPin] | None = None,
) -> Sequence[Worker]:
    """The workers of a job's roles, in the plan's order, with the ends of their channels.

    Args:
        hooks: the runtime's own, within the job's.
        pins: by role, where threads keep to cores while all hardware is emulated.

    Raises:
        KeyError: a channel leads elsewhere, and the job has no end of it.
    """
    channels = _channels(job, observer)
    stopped = threading.Event()
    workers: list[Worker] = []
    for role in job.plan.roles:
        if role.name not in job.roles:
            continue
        work, context = job.roles[role.name], RoleContext(job.plan, role, job.start, stopped)
        # Codecs are outside all others, which act on what is on its way.
        outer = (Codecs(), *job.hooks, *((job.faults,) if job.faults else ()))
        here = [hook.for_role(context) for hook in outer]
        if role.compute is not None:
            emulation, pin = ComputeEmulation(role.compute), pins.get(role.name) if pins else None
            emulated = EmulatedCompute(context, emulation, work.batches, pin)
            here.append(emulated)
            work = replace(work, batches=emulated)
        here += [hook.for_role(context) for hook in hooks]
        acting = [hook for hook in here if hook is not None]
        kind = TopWorker if role.kind == "top" else BottomWorker
        workers.append(kind(context, work, channels[role.name], observer, acting))
    return workers


def _channels(job: Job, observer: Observer) -> Mapping[str, RoleChannels]:
    """By role, the ends that it has: those that lead elsewhere are the job's."""
    senders: dict[str, dict[str, SenderEnd]] = {role: {} for role in job.roles}
    receivers: dict[str, dict[str, ReceiverEnd]] = {role: {} for role in job.roles}
    for channel in job.plan.channels:
        source, target, name = channel.source, channel.target, channel.name
        if source in job.roles and target in job.roles:
            sender, receiver = open_channel(channel, observer.emit)
            senders[source][target], receivers[target][source] = sender, receiver
        elif source in job.roles:
            senders[source][target] = job.senders[name]
        elif target in job.roles:
            receivers[target][source] = job.receivers[name]
    return {role: RoleChannels(senders[role], receivers[role]) for role in job.roles}


def watchdog_of(job: Job, observer: Observer, threads: Mapping[str, Sequence[Worker]]) -> Watchdog:
    """Who watches the workers of every thread, by its name."""
    return Watchdog(
        [
            *(worker.status for workers in threads.values() for worker in workers),
            *job.elsewhere,
        ],
        {thread: [worker.name for worker in workers] for thread, workers in threads.items()},
        job.deadline or Deadline.of(job.plan),
        observer.emit,
        observer.look,
    )


def outcome_of(job: Job, workers: Sequence[Worker]) -> Outcome:
    """What a run has come to that has ended."""
    roles = {}
    for worker in workers:
        peak_bytes = dict(worker.stage.peak_bytes)
        if "cuts" in peak_bytes:
            sent = [end.statistics().peak_bytes for end in worker.channels.senders.values()]
            heard = [end.statistics().peak_bytes for end in worker.channels.receivers.values()]
            peak_bytes["messages"] = max(peak_bytes.pop("cuts") + max(heard), *sent)
        digest = worker.stage.digest() if job.digests else ""
        roles[worker.name] = RoleOutcome(digest, peak_bytes)
    channels = {
        f"{source}->{worker.name}": receiver.statistics()
        for worker in workers
        for source, receiver in worker.channels.receivers.items()
    }
    return Outcome(roles, channels)
