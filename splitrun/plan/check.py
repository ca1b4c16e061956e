"""Proof that a plan's programs fit together, by running them without data or clock.

Roles are deterministic, every channel has one writer and one reader, and a role waits on one
channel at a time: a Kahn process network (Kahn 1974; with bounded channels, Parks 1995, §2.4). In
such a network the order in which roles get to run changes neither what is sent nor whether all
finish, so that one run that completes proves that every run completes, at any speed.

Programs repeat: beyond the fill, every step of a segment gives the same instructions. The check
thus runs whole segments up to a length of three times the greatest depth plus two, and longer ones
shortened to that, keeping the ends of epochs out of it: there, batches are only shorter.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from splitrun.errors import PlanInvalid
from splitrun.plan.instruction import Instruction, Op
from splitrun.plan.plan import Plan, Role
from splitrun.plan.schedule import Program, Segment


def check(plan: Plan) -> None:
    """Prove that no channel deadlocks, that no role exceeds its depth, that every forward has its
    backward and every batch its update, and that nothing is in flight at a drain.

    Raises:
        PlanInvalid: naming the role and the instruction.
    """
    for segment in _distinct_segments(plan):
        programs = {role: plan.segment_program(role, segment) for role in plan.roles}
        check_programs(plan, programs, segment)


def check_programs(plan: Plan, programs: dict[Role, Program], segment: Segment) -> None:
    """Check one segment's programs, which may come from anywhere.

    Raises:
        PlanInvalid: naming the role and the instruction.
    """
    checked = {
        role: _checked(role, program, segment, plan.slices) for role, program in programs.items()
    }
    _run_to_the_end(plan, checked)


def _distinct_segments(plan: Plan) -> Iterator[Segment]:
    """One of each kind of segment, shortened where its middle only repeats."""
    longest = 3 * plan.depth + 2
    seen = set()
    for segment in plan.segments():
        short = replace(segment, start=max(segment.start, segment.stop - longest))
        kind = (short.stop - short.start, plan.rows(short.stop - 1))
        if kind not in seen:
            seen.add(kind)
            yield short


def _run_to_the_end(plan: Plan, programs: dict[Role, Program]) -> None:
    """Advance every role as far as it can go, in turn, until all have ended or none can move."""
    queues: dict[tuple[str, str], deque[Instruction]] = {
        (channel.source, channel.target): deque() for channel in plan.channels
    }
    capacity = {(channel.source, channel.target): channel.capacity for channel in plan.channels}
    waiting: dict[Role, Instruction | None] = {
        role: next(program, None) for role, program in programs.items()
    }
    moved = True
    while moved:
        moved = False
        for role, program in programs.items():
            instruction = waiting[role]
            while instruction is not None:
                if instruction.op is Op.RECV:
                    queue = queues[instruction.peer, role.name]
                    if not queue:
                        break
                    _expect_match(role, instruction, queue.popleft())
                elif instruction.op is Op.SEND:
                    ends = (role.name, instruction.peer)
                    if len(queues[ends]) >= capacity[ends]:
                        break
                    queues[ends].append(instruction)
                moved = True
                instruction = next(program, None)
            waiting[role] = instruction
    stuck = [f"{role.name} at {at}" for role, at in waiting.items() if at is not None]
    if stuck:
        raise PlanInvalid(f"deadlock: {', '.join(stuck)}")
    for (source, target), queue in queues.items():
        if queue:
            raise PlanInvalid(f"{target} never receives {source}'s {queue[0]}")


def _expect_match(role: Role, receive: Instruction, sent: Instruction) -> None:
    if (receive.phase, receive.step, receive.micro) != (sent.phase, sent.step, sent.micro):
        raise PlanInvalid(f"{role.name}: {receive} would be handed {sent}")


def _checked(
    role: Role, program: Program, segment: Segment, slices: Callable[[int], int]
) -> Program:
    """Pass a program on, and raise where it breaks a rule of its own role."""
    forward: Counter[int] = Counter()
    backward: Counter[int] = Counter()
    version = segment.start
    for instruction in program:
        step = instruction.step
        match instruction.op:
            case Op.FORWARD:
                forward[step] += 1
                if len(forward) > role.depth:
                    raise PlanInvalid(f"{role.name}: {instruction} exceeds depth {role.depth}")
                if role.kind == "bottom" and version != max(segment.start, step - role.depth + 1):
                    raise PlanInvalid(f"{role.name}: {instruction} sees version {version}")
            case Op.BACKWARD:
                backward[step] += 1
                if backward[step] > forward[step]:
                    raise PlanInvalid(f"{role.name}: {instruction} has no forward")
            case Op.LOSS:
                forward[step] += 1
                backward[step] += 1
            case Op.UPDATE:
                if not forward[step] == backward[step] == slices(step):
                    raise PlanInvalid(f"{role.name}: {instruction} before its gradient is whole")
                if step != version:
                    raise PlanInvalid(f"{role.name}: {instruction} is out of order")
                del forward[step], backward[step]
                version += 1
            case Op.DRAIN:
                if forward or version != segment.stop:
                    raise PlanInvalid(f"{role.name}: {instruction} with batches in flight")
        yield instruction
    if version != segment.stop:
        raise PlanInvalid(f"{role.name}: ended after {version} of {segment.stop} updates")
