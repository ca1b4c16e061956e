"""Hooks stand around instructions and messages, the first outermost, and change no bit by that."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

import pytest

from splitrun.errors import RunFailed
from splitrun.plan import Channel, Instruction, Op
from splitrun.runtime import Message, Receive, RoleContext, RoleHook, Run, Send
from tests.runtime.running import Content, prepared, synthetic, trained

DEEP: Content = {"schedule": "stale", "depth": 3}
BY_RUNTIME = pytest.mark.parametrize("kind", ["serial", "threaded"])


@dataclass
class Noting(RoleHook):
    """Notes, in every role, when an instruction or a message passes it."""

    name: str
    log: list[tuple[str, str, str]] = field(default_factory=list)
    role: str = ""

    def for_role(self, context: RoleContext) -> RoleHook:
        return Noting(self.name, self.log, context.role.name)

    def note(self, what: str) -> None:
        self.log.append((self.role, self.name, what))

    def around_instruction(self, op: Op, run: Run) -> Run:
        def noted(instruction: Instruction) -> None:
            self.note(f"begins {op}")
            run(instruction)
            self.note(f"ends {op}")

        return noted

    def around_send(self, channel: Channel, send: Send) -> Send:
        def noted(message: Message) -> None:
            self.note(f"sends to {channel.target}")
            send(message)

        return noted

    def around_receive(self, channel: Channel, receive: Receive) -> Receive:
        def noted() -> Message:
            message = receive()
            self.note(f"receives from {channel.source}")
            return message

        return noted


@BY_RUNTIME
def test_the_first_hook_is_the_outermost(kind: Literal["serial", "threaded"]) -> None:
    log: list[tuple[str, str, str]] = []
    hooks = [Noting("first", log), Noting("second", log)]
    run = trained(prepared(synthetic(pipeline=DEEP)), kind, hooks=hooks)
    assert run.weights_sha256 == trained(prepared(synthetic(pipeline=DEEP)), kind).weights_sha256
    of_the_top = [(name, what) for role, name, what in log if role == "p0.top"]
    sends, receives = (
        of_the_top.index(("first", "begins SEND")),
        of_the_top.index(("first", "begins RECV")),
    )
    assert of_the_top[sends : sends + 6] == [
        ("first", "begins SEND"),
        ("second", "begins SEND"),
        ("first", "sends to p0.bottom"),
        ("second", "sends to p0.bottom"),
        ("second", "ends SEND"),
        ("first", "ends SEND"),
    ]
    assert of_the_top[receives : receives + 6] == [
        ("first", "begins RECV"),
        ("second", "begins RECV"),
        ("second", "receives from p0.bottom"),
        ("first", "receives from p0.bottom"),
        ("second", "ends RECV"),
        ("first", "ends RECV"),
    ]


@BY_RUNTIME
def test_every_instruction_and_every_message_passes_a_hook(
    kind: Literal["serial", "threaded"],
) -> None:
    noting = Noting("it")
    run = trained(prepared(synthetic(pipeline=DEEP)), kind, hooks=[noting])
    plan = run.experiment.plan
    begun = [what for *_, what in noting.log if what.startswith("begins")]
    programs = [list(plan.program(role)) for role in plan.roles]
    assert len(begun) == sum(map(len, programs))
    for verb, op in (("sends", Op.SEND), ("receives", Op.RECV)):
        passed = [what for *_, what in noting.log if what.startswith(verb)]
        assert len(passed) == sum(each.op is op for program in programs for each in program)


class OfOneRole:
    """Acts on one role, and is asked about every one with its plan."""

    def __init__(self, hook: RoleHook) -> None:
        self.asked: list[RoleContext] = []
        self._hook = hook

    def for_role(self, context: RoleContext) -> RoleHook | None:
        self.asked.append(context)
        return self._hook if context.role.name == "p1.bottom" else None


@BY_RUNTIME
def test_a_hook_is_asked_once_for_every_role_and_where_it_has_nothing_to_do_nothing_is_done(
    kind: Literal["serial", "threaded"],
) -> None:
    noting = Noting("it")
    hook = OfOneRole(noting)
    run = trained(prepared(synthetic(pipeline=DEEP)), kind, hooks=[hook])
    assert [context.role for context in hook.asked] == list(run.experiment.plan.roles)
    assert all(context.plan is run.experiment.plan for context in hook.asked)
    begun = [what for *_, what in noting.log if what.startswith("begins")]
    assert len(begun) == len(list(run.experiment.plan.program(hook.asked[1].role)))


class Breaking(RoleHook):
    """Breaks at a step's message, or its instruction."""

    def __init__(self, where: str) -> None:
        self._where = where

    def around_instruction(self, op: Op, run: Run) -> Run:
        def broken(instruction: Instruction) -> None:
            if instruction.step == 2:
                raise ValueError("of the hook")
            run(instruction)

        return broken if (self._where, op) == ("instruction", Op.BACKWARD) else run

    def around_send(self, channel: Channel, send: Send) -> Send:
        def broken(message: Message) -> None:
            if message.step == 2:
                raise ValueError("of the hook")
            send(message)

        return broken if (self._where, channel.target) == ("message", "p0.top") else send


@BY_RUNTIME
@pytest.mark.parametrize(
    ("where", "at"), [("instruction", "BACKWARD 2"), ("message", "SEND 2 to p0.top")]
)
def test_what_a_hook_raises_is_its_roles_failure(
    where: str, at: str, kind: Literal["serial", "threaded"]
) -> None:
    before = set(threading.enumerate())
    experiment = prepared(synthetic(pipeline=DEEP))
    with pytest.raises(RunFailed) as caught:
        trained(experiment, kind, hooks=[OfOneRole(Breaking(where))])
    assert str(caught.value).startswith(f"p1.bottom failed at {at}: ValueError: of the hook")
    assert set(threading.enumerate()) == before
