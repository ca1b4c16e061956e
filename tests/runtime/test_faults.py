"""Whatever goes wrong, the run ends, says who and where, and leaves no thread."""

from __future__ import annotations

import threading
import time
from functools import cache
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitrun.errors import Damaged, Lost, RunFailed, Stalled
from splitrun.events import Executed
from tests.runtime.running import Content, prepared, synthetic, trained

Kind = Literal["serial", "threaded"]

STEPS = 5
DEADLINE_S = 0.3
HANG_S = 60.0
"""A run that takes longer than this is taken for one that never ends."""
BOTTOM_OPS = ["load", "forward", "send", "receive", "backward", "update"]
TOP_OPS = ["load", "receive", "loss", "send", "update"]
PIPELINES: list[Content] = [
    {"schedule": "sequential"},
    {"schedule": "microbatch", "micro_batches": 2},
    {"schedule": "stale", "depth": 1},
    {"schedule": "stale", "depth": 3},
]
runtimes = st.sampled_from(["serial", "threaded"])
pipelines = st.sampled_from(PIPELINES)
steps = st.integers(0, STEPS - 1)


def content(*faults: Content, pipeline: Content | None = None, **sections: Any) -> Content:
    """Three parties, five steps and an evaluation; the label holder is `p0`."""
    return synthetic(
        parties=3,
        rows=100,
        dataset={"batch_size": 16},
        training={"epochs": 1},
        pipeline=pipeline or {"schedule": "stale", "depth": 3},
        links={"default": {"latency_ms": 0.5}},
        supervision={"deadline_s": DEADLINE_S},
        faults=list(faults),
        **sections,
    )


def failure(spec: Content, kind: Kind) -> RunFailed:
    """What a run fails with; it ends, and so do its threads."""
    experiment = prepared(spec)
    before = set(threading.enumerate())
    failures: list[BaseException] = []

    def run() -> None:
        try:
            trained(experiment, kind)
        except RunFailed as error:
            failures.append(error)

    runner = threading.Thread(target=run)
    runner.start()
    runner.join(HANG_S)
    assert not runner.is_alive(), "the run hangs"
    assert set(threading.enumerate()) == before
    (error,) = failures
    assert isinstance(error, RunFailed)
    assert not error.left_behind
    return error


@st.composite
def instructions(draw: st.DrawFn) -> Content:
    """A role and an instruction of it, and how a message names that."""
    top = draw(st.booleans())
    role = "p0.top" if top else draw(st.sampled_from(["p0.bottom", "p1.bottom", "p2.bottom"]))
    at = draw(st.sampled_from(TOP_OPS if top else BOTTOM_OPS))
    return {"role": role, "at": at, "step": draw(steps)}


def named(fault: Content) -> str:
    op = {"receive": "RECV"}.get(fault["at"], fault["at"].upper())
    return f"{fault['role']} failed at {op} {fault['step']}"


@settings(max_examples=25)
@given(instructions(), pipelines, runtimes)
def test_a_role_that_raises_anywhere_is_named(at: Content, pipeline: Content, kind: Kind) -> None:
    error = failure(content({"type": "raise", **at}, pipeline=pipeline), kind)
    assert str(error).startswith(named(at))
    assert "InjectedError: faults[0] of the spec" in str(error)


@settings(max_examples=15)
@given(instructions(), pipelines, runtimes)
def test_a_role_that_stalls_anywhere_is_named(at: Content, pipeline: Content, kind: Kind) -> None:
    error = failure(content({"type": "stall", **at}, pipeline=pipeline), kind)
    assert isinstance(error, Stalled)
    assert str(error).startswith(named(at))
    assert "has not come back for" in str(error)
    assert "more than the deadline of 0.3 s" in str(error)
    assert "in _happen" in error.stacks
    assert (at["role"] if kind == "threaded" else "serial") in error.stacks


@settings(max_examples=20)
@given(instructions(), pipelines, runtimes)
def test_a_role_that_dies_anywhere_is_missed_without_any_deadline(
    at: Content, pipeline: Content, kind: Kind
) -> None:
    spec = content({"type": "die", **at}, pipeline=pipeline)
    error = failure(spec | {"supervision": {"deadline_s": 10 * HANG_S}}, kind)
    assert isinstance(error, Lost)
    assert str(error).startswith(named(at))
    assert "ended without a word" in str(error)


@settings(max_examples=10)
@given(st.sampled_from(["p1->p0", "p0->p2"]), steps, pipelines, runtimes)
def test_a_link_that_falls_silent_is_named(
    link: str, step: int, pipeline: Content, kind: Kind
) -> None:
    fault = {"type": "silence", "link": link, "step": step}
    error = failure(content(fault, pipeline=pipeline), kind)
    source, _, target = link.partition("->")
    up = target == "p0"
    receiver, sender = ("p0.top", f"{source}.bottom") if up else (f"{target}.bottom", "p0.top")
    assert isinstance(error, Stalled)
    assert str(error).startswith(f"{receiver} failed at RECV {step} from {sender}: ")
    assert f"{sender}->{receiver} is silent" in str(error)


@settings(max_examples=20)
@given(st.sampled_from(["p1->p0", "p0->p2"]), steps, pipelines, runtimes)
def test_a_damaged_message_is_noticed_on_its_arrival(
    link: str, step: int, pipeline: Content, kind: Kind
) -> None:
    fault = {"type": "damage", "link": link, "step": step}
    error = failure(content(fault, pipeline=pipeline), kind)
    source, _, target = link.partition("->")
    receiver = "p0.top" if target == "p0" else f"{target}.bottom"
    assert isinstance(error, Damaged)
    assert error.role == receiver
    assert error.instruction.startswith(f"RECV {step}")
    assert f"{source}." in str(error)
    assert "checksum" in str(error)


@pytest.mark.parametrize("kind", ["serial", "threaded"])
@pytest.mark.parametrize(
    ("at", "role", "step", "told"),
    [
        ("predict", "p1.bottom", 0, "PREDICT 0 (evaluation)"),
        ("predict", "p0.top", 0, "PREDICT 0 (evaluation)"),
        ("evaluate", "p0.top", STEPS, f"EVALUATE {STEPS}"),
        ("drain", "p2.bottom", STEPS, f"DRAIN {STEPS}"),
    ],
)
@pytest.mark.parametrize("type_", ["raise", "stall", "die"])
def test_evaluations_and_drains_are_watched_as_well(
    type_: str, at: str, role: str, step: int, told: str, kind: Kind
) -> None:
    error = failure(content({"type": type_, "role": role, "at": at, "step": step}), kind)
    assert (error.role, error.instruction) == (role, told)


def test_without_checksums_damage_changes_the_weights_and_nobody_notices() -> None:
    fault = {"type": "damage", "link": "p1->p0", "step": 1}
    damaged = trained(prepared(content(fault, runtime={"checksums": "off"})), "threaded")
    sound = trained(prepared(content()), "threaded")
    assert damaged.weights_sha256 != sound.weights_sha256


@pytest.mark.parametrize("kind", ["serial", "threaded"])
def test_checksums_find_nothing_in_sound_messages(kind: Kind) -> None:
    checked = trained(prepared(content(runtime={"checksums": "on"})), kind)
    assert checked.weights_sha256 == trained(prepared(content()), kind).weights_sha256


DELAYS = {
    "slow": {"role": "p1.bottom", "factor": 6.0, "steps": 3},
    "stall": {"role": "p0.top", "for_ms": 60.0},
    "silence": {"link": "p1->p0", "for_ms": 60.0},
}


@cache
def undisturbed_sha256(pipeline: int) -> str:
    """The weights of a serial run without faults, with the pipeline of this index."""
    return trained(prepared(content(pipeline=PIPELINES[pipeline])), "serial").weights_sha256


@settings(max_examples=20)
@given(st.sampled_from(sorted(DELAYS)), steps, pipelines, runtimes)
def test_what_only_delays_changes_no_bit(
    type_: str, step: int, pipeline: Content, kind: Kind
) -> None:
    fault = {"type": type_, "step": step, **DELAYS[type_]}
    delayed = trained(prepared(content(fault, pipeline=pipeline)), kind)
    assert delayed.weights_sha256 == undisturbed_sha256(PIPELINES.index(pipeline))


def test_slow_lengthens_the_work_of_its_steps_and_emulated_work_too() -> None:
    fault = {"type": "slow", "role": "p1.bottom", "step": 1, "factor": 5.0, "steps": 2}
    emulated = content(fault)
    emulated["parties"]["p1"]["compute"] = {"forward_ms": 4}
    lasted_s = [
        event.end - event.start
        for event in trained(prepared(emulated), "threaded").events
        if isinstance(event, Executed) and (event.role, event.op) == ("p1.bottom", "FORWARD")
    ]
    assert len(lasted_s) >= STEPS
    assert min(lasted_s[1:3]) >= 5 * 0.004
    assert min(lasted_s[0], *lasted_s[3:STEPS]) < 5 * 0.004


def test_two_faults_of_one_role_both_happen() -> None:
    first = {"type": "stall", "role": "p1.bottom", "step": 1, "for_ms": 30.0}
    second = {"type": "raise", "role": "p1.bottom", "step": 3, "at": "backward"}
    error = failure(content(first, second), "threaded")
    assert "faults[1]" in str(error)
    assert error.instruction == "BACKWARD 3"


def test_the_first_of_several_failures_is_told_and_a_stalled_role_is_let_go() -> None:
    """A role that raises while another one stalls: the run need not wait for a deadline."""
    stalls = {"type": "stall", "role": "p1.bottom", "step": 2}
    raises = {"type": "raise", "role": "p0.bottom", "step": 2}
    spec = content(stalls, raises) | {"supervision": {"deadline_s": 10 * HANG_S}}
    error = failure(spec, "threaded")
    assert (error.role, error.instruction) == ("p0.bottom", "FORWARD 2")


@pytest.mark.parametrize("kind", ["serial", "threaded"])
def test_a_thread_in_code_that_does_not_come_back_is_left_behind_and_named(kind: Kind) -> None:
    experiment = prepared(content())
    enough = threading.Event()
    role = "p1.bottom"
    stages = experiment.parties.stages(experiment.plan)
    stages[role].module.register_forward_pre_hook(lambda *_: enough.wait(HANG_S) and None)
    before = set(threading.enumerate())
    try:
        with pytest.raises(Stalled) as caught:
            trained(experiment, kind, stages=stages)
        left = caught.value.left_behind
        assert left == ((role,) if kind == "threaded" else ("serial",))
        assert f"{left[0]} does not come back and is left behind" in caught.value.__notes__
        assert caught.value.role == role
    finally:
        enough.set()
        ended = time.monotonic() + HANG_S
        while set(threading.enumerate()) != before and time.monotonic() < ended:
            time.sleep(0.01)
    assert set(threading.enumerate()) == before
