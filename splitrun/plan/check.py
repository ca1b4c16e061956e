"""Proof that a plan's programs fit together, by running them without data or clock.

Roles are deterministic, every channel has one writer and one reader, and a role waits on one
channel at a time: a Kahn process network (Kahn 1974; with bounded channels, Parks 1995, §2.4). In
such a network the order in which roles get to run changes neither what is sent nor whether all
finish, so that one run that completes proves that every run completes, at any speed.

Programs repeat: beyond the fill, every step of a segment gives the same instructions. The check
thus runs whole segments up to a length of three times the greatest depth plus two, and of longer
ones the last steps, an epoch's end among them. Epochs that end earlier in a segment add nothing: a
shorter batch has no more slices than a full one, and fewer messages cannot fill a channel.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from splitrun.errors import PlanInvalid
from splitrun.plan.plan import Plan, Role
from splitrun.plan.schedule import Instruction, Op, Program, Segment


def check(plan: Plan) -> None:
    """Prove that no channel deadlocks, that no role exceeds its depth, that every forward has its
    backward and every batch its update, and that nothing is in flight at a drain.

    Raises:
        PlanInvalid: naming the role and the instruction.
    """
    for segment in _distinct_segments(plan):
        programs = {role: plan.segment_program(role, segment) for role in plan.roles}
        check_programs(plan, programs, segment)


def check_programs(plan: Plan, programs: Mapping[Role, Program], segment: Segment) -> None:
    """Check one segment's programs, which may come from anywhere.

    Raises:
        PlanInvalid: naming the role and the instruction.
    """
    wires = _Wires(plan)
    peers = {"top": [bottom.name for bottom in plan.bottoms], "bottom": [plan.top.name]}
    checked = {
        role: _Rules(role, peers[role.kind], segment, plan.slices).follow(program)
        for role, program in programs.items()
    }
    waiting = {role: next(program, None) for role, program in checked.items()}
    moved = True
    while moved:
        moved = False
        for role, program in checked.items():
            while (instruction := waiting[role]) and wires.carry(role, instruction):
                waiting[role] = next(program, None)
                moved = True
    stuck = [f"{role.name} at {at}" for role, at in waiting.items() if at is not None]
    if stuck:
        raise PlanInvalid(f"deadlock: {', '.join(stuck)}")
    wires.expect_empty()


def _distinct_segments(plan: Plan) -> Iterator[Segment]:
    """One of each kind of segment, shortened where its middle only repeats."""
    longest = 3 * plan.depth + 2
    seen = set()
    for segment in plan.segments():
        short = replace(segment, start=max(segment.start, segment.stop - longest))
        kind = (
            short.stop - short.start,
            plan.rows(short.stop - 1),
            short.evaluation_batches,
            short.checkpoint,
            short.decides,
        )
        if kind not in seen:
            seen.add(kind)
            yield short


class _Wires:
    """The channels without data: what was sent and not yet received."""

    def __init__(self, plan: Plan) -> None:
        self._queues: dict[tuple[str, str], deque[Instruction]] = {
            (channel.source, channel.target): deque(maxlen=channel.capacity)
            for channel in plan.channels
        }

    def carry(self, role: Role, instruction: Instruction) -> bool:
        """Let an instruction send or receive; False if it has to wait."""
        if instruction.op is Op.SEND:
            queue = self._queues[role.name, instruction.peer]
            if len(queue) == queue.maxlen:
                return False
            queue.append(instruction)
        elif instruction.op is Op.RECV:
            queue = self._queues[instruction.peer, role.name]
            if not queue:
                return False
            sent = queue.popleft()
            if _slice(sent) != _slice(instruction):
                raise PlanInvalid(f"{role.name}: {instruction} would be handed {sent}")
        return True

    def expect_empty(self) -> None:
        for (source, target), queue in self._queues.items():
            if queue:
                raise PlanInvalid(f"{target} never receives {source}'s {queue[0]}")


def _slice(instruction: Instruction) -> tuple[str, int, int]:
    return instruction.phase, instruction.step, instruction.micro


class _Rules:
    """The rules of one role: depth, order, and that nothing is left out."""

    def __init__(
        self, role: Role, peers: Sequence[str], segment: Segment, slices: Callable[[int], int]
    ) -> None:
        self._role = role
        self._segment = segment
        self._slices = slices
        self._forward: Counter[int] = Counter()
        self._backward: Counter[int] = Counter()
        self._version = segment.start
        self._peers = peers
        self._done: set[tuple[object, ...]] = set()
        self._drained = self._checkpointed = False

    def follow(self, program: Program) -> Program:
        """Pass a program on, and raise where it breaks a rule."""
        rules: dict[Op, Callable[[int], str]] = {
            Op.FORWARD: self._on_forward,
            Op.BACKWARD: self._on_backward,
            Op.LOSS: self._on_loss,
            Op.UPDATE: self._on_update,
            Op.DRAIN: self._on_drain,
            Op.CHECKPOINT: self._on_checkpoint,
        }
        for instruction in program:
            fault = self._missing(instruction) or rules.get(instruction.op, _nothing)(
                instruction.step
            )
            if fault:
                raise PlanInvalid(f"{self._role.name}: {instruction} {fault}")
            yield instruction
        if self._version != self._segment.stop or not self._drained:
            done = f"{self._version} of {self._segment.stop} updates"
            raise PlanInvalid(f"{self._role.name}: ended after {done}, without a drain")
        if self._checkpointed != self._segment.checkpoint:
            raise PlanInvalid(f"{self._role.name}: ended without its checkpoint")

    def _missing(self, instruction: Instruction) -> str:
        """What an instruction needs and has not been done; else the instruction counts as done."""
        if self._checkpointed:
            return "comes after the segment's checkpoint"
        op, step, micro, peer, phase = instruction
        batch, part = (phase, step), (phase, step, micro)
        needs: list[tuple[object, ...]] = []
        if op in (Op.FORWARD, Op.PREDICT, Op.RECV, Op.LOSS) and phase != "decide":
            needs = [(Op.LOAD, *batch)]
        if op is Op.DECIDE:
            needs = [
                ("work", "evaluate", self._segment.evaluation_batches - 1, 0)
                if self._role.kind == "top"
                else (Op.RECV, *part, self._peers[0])
            ]
        if op in (Op.LOSS, Op.BACKWARD) or (op is Op.PREDICT and self._role.kind == "top"):
            needs += [(Op.RECV, *part, peer) for peer in self._peers]
        if op is Op.SEND:
            needs = [("work", *part)]
        if lacking := [need for need in needs if need not in self._done]:
            return f"comes before {lacking[0][0]}"
        if op is Op.LOAD:
            self._done.add((Op.LOAD, *batch))
        elif op is Op.RECV:
            self._done.add((Op.RECV, *part, peer))
        elif op in (Op.FORWARD, Op.PREDICT, Op.LOSS, Op.DECIDE):
            self._done.add(("work", *part))
        return ""

    def _on_forward(self, step: int) -> str:
        self._forward[step] += 1
        depth = self._role.depth
        if len(self._forward) > depth:
            return f"exceeds depth {depth}"
        if self._version != max(self._segment.start, step - depth + 1):
            return f"sees version {self._version}"
        return ""

    def _on_backward(self, step: int) -> str:
        self._backward[step] += 1
        return "has no forward" if self._backward[step] > self._forward[step] else ""

    def _on_loss(self, step: int) -> str:
        self._forward[step] += 1
        self._backward[step] += 1
        return ""

    def _on_update(self, step: int) -> str:
        if not self._forward.pop(step, 0) == self._backward.pop(step, 0) == self._slices(step):
            return "comes before its gradient is whole"
        in_order = step == self._version
        self._version += 1
        return "" if in_order else "is out of order"

    def _on_drain(self, _: int) -> str:
        whole = not self._forward and self._version == self._segment.stop and not self._drained
        self._drained = True
        return "" if whole else "with batches in flight"

    def _on_checkpoint(self, _: int) -> str:
        self._checkpointed = True
        evaluated = sum(phase == "evaluate" for op, phase, *_ in self._done if op is Op.LOAD)
        decided = ("work", "decide", self._segment.stop, 0) in self._done
        if not self._drained or evaluated != self._segment.evaluation_batches:
            return "comes before the drain and the evaluation"
        if decided != self._segment.decides:
            return "comes before what the evaluation decides"
        return "" if self._segment.checkpoint else "is not the plan's"


def _nothing(_: int) -> str:
    return ""
