"""What the programs promise, for every schedule, depth and number of micro-batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.errors import PlanInvalid, SpecError
from splitrun.plan import Instruction, Op, Plan, Role, check
from splitrun.plan.check import check_programs
from tests.plan.plans import make_plan


def text(plan: Plan, role: Role, *ops: Op) -> str:
    """A program as in DESIGN: F0 B0 U0 …, of the given operations."""
    letters = {Op.FORWARD: "F", Op.BACKWARD: "B", Op.UPDATE: "U", Op.LOSS: "L"}
    program = plan.program(role)
    slices = plan.micro_batches > 1
    return " ".join(
        f"{letters[i.op]}{i.step}" + (f",{i.micro}" if slices and i.op is not Op.UPDATE else "")
        for i in program
        if i.op in (ops or letters)
    )


def test_sequential_runs_one_batch_at_a_time() -> None:
    plan = make_plan(rows=30)
    assert text(plan, plan.bottoms[1]) == "F0 B0 U0 F1 B1 U1 F2 B2 U2"


def test_stale_fills_then_alternates_then_drains() -> None:
    plan = make_plan(schedule="stale", depth=2, rows=40)
    assert text(plan, plan.bottoms[1]) == "F0 F1 B0 U0 F2 B1 U1 F3 B2 U2 B3 U3"


def test_microbatch_updates_once_a_batch() -> None:
    plan = make_plan(schedule="microbatch", micro_batches=2, rows=20)
    assert text(plan, plan.bottoms[0]) == "F0,0 F0,1 B0,0 B0,1 U0 F1,0 F1,1 B1,0 B1,1 U1"


def test_the_top_sends_the_gradients_before_it_updates_itself() -> None:
    plan = make_plan(rows=10)
    program = [str(instruction) for instruction in plan.program(plan.top)]
    assert program == [
        "LOAD 0",
        "RECV 0 from p0.bottom",
        "RECV 0 from p1.bottom",
        "LOSS 0",
        "SEND 0 to p0.bottom",
        "SEND 0 to p1.bottom",
        "UPDATE 0",
        "DRAIN 1",
    ]


def test_the_next_batch_is_loaded_while_a_gradient_is_on_its_way() -> None:
    plan = make_plan(schedule="stale", depth=2, rows=40)
    program = [i for i in plan.program(plan.bottoms[1]) if i.op in (Op.LOAD, Op.RECV)]
    assert [str(i) for i in islice(program, 4)] == [
        "LOAD 0",
        "LOAD 1",
        "LOAD 2",
        "RECV 0 from p0.top",
    ]


def test_an_epochs_end_is_no_drain_and_an_evaluation_is() -> None:
    once = make_plan(schedule="stale", depth=4, epochs=6, test_rows=9)
    every_second = make_plan(
        schedule="stale", depth=4, epochs=6, test_rows=9, evaluate_every_epochs=2
    )

    def drains(plan: Plan) -> list[int]:
        return [i.step for i in plan.program(plan.top) if i.op is Op.DRAIN]

    assert drains(once) == [60]
    assert drains(every_second) == [20, 40, 60]


def test_a_batch_smaller_than_the_micro_batches_is_cut_into_its_rows() -> None:
    plan = make_plan(schedule="microbatch", micro_batches=4, rows=12)
    assert [plan.slices(step) for step in range(plan.steps)] == [4, 2]
    check(plan)


plans = st.builds(
    make_plan,
    schedule=st.sampled_from(["sequential", "microbatch", "stale"]),
    depth=st.integers(1, 9),
    micro_batches=st.integers(1, 5),
    depths=st.dictionaries(st.integers(0, 4), st.integers(1, 9), max_size=3),
    parties=st.integers(2, 6),
    rows=st.integers(90, 400),
    epochs=st.integers(1, 3),
    test_rows=st.integers(0, 20_000),
    evaluate_every_epochs=st.none() | st.integers(1, 3),
    checkpoint_every_steps=st.none() | st.integers(1, 60),
)


@given(plans)
def test_every_plan_passes_the_checker(plan: Plan) -> None:
    check(plan)


@given(plans)
def test_every_forward_sees_the_version_that_the_plan_states(plan: Plan) -> None:
    for role in plan.bottoms:
        updates = 0
        for instruction in plan.program(role):
            if instruction.op is Op.FORWARD:
                assert updates == plan.version(role, instruction.step)
            updates += instruction.op is Op.UPDATE
        assert updates == plan.steps


@given(plans)
def test_a_program_from_a_checkpoint_on_is_the_rest_of_the_whole_one(plan: Plan) -> None:
    for role in plan.roles:
        whole = list(plan.program(role))
        checkpoints = [place for place, i in enumerate(whole) if i.op is Op.CHECKPOINT]
        assert len(checkpoints) == (plan.steps - 1) // (plan.checkpoint_every_steps or plan.steps)
        for place in checkpoints[:1] + checkpoints[-1:]:
            assert list(plan.program(role, whole[place].step)) == whole[place + 1 :]


def test_at_one_step_the_pipeline_drains_then_is_evaluated_then_kept() -> None:
    plan = make_plan(
        schedule="stale",
        depth=4,
        epochs=2,
        test_rows=9,
        evaluate_every_epochs=1,
        checkpoint_every_steps=5,
    )
    told = (Op.DRAIN, Op.EVALUATE, Op.CHECKPOINT)
    assert [str(i) for i in plan.program(plan.top) if i.op in told] == [
        "DRAIN 5",
        "CHECKPOINT 5",
        "DRAIN 10",
        "EVALUATE 10",
        "CHECKPOINT 10",
        "DRAIN 15",
        "CHECKPOINT 15",
        "DRAIN 20",
        "EVALUATE 20",
    ]


@pytest.mark.parametrize("kind", ["bottom", "top"])
def test_the_checker_finds_a_checkpoint_that_is_missing_early_or_not_last(kind: str) -> None:
    plan = make_plan(schedule="stale", depth=3, checkpoint_every_steps=5, test_rows=9)
    segment = next(plan.segments())
    role = plan.top if kind == "top" else plan.bottoms[0]
    program = list(plan.segment_program(role, segment))
    *others, checkpoint = program
    assert checkpoint.op is Op.CHECKPOINT
    wrong = {
        "without its checkpoint": others,
        "before the drain": [*others[:-1], checkpoint, others[-1]],
        "after the segment's checkpoint": [*program, checkpoint],
    }
    for complaint, changed in wrong.items():
        programs = {each: plan.segment_program(each, segment) for each in plan.roles}
        programs[role] = iter(changed)
        with pytest.raises(PlanInvalid, match=complaint):
            check_programs(plan, programs, segment)


@given(plans, st.data())
def test_the_checker_finds_two_instructions_that_changed_places(
    plan: Plan, data: st.DataObject
) -> None:
    """Swapping two neighbours of which both matter breaks a rule, or commutes by nature."""
    segment = next(plan.segments())
    role = data.draw(st.sampled_from(plan.roles))
    program = list(plan.segment_program(role, segment))
    places = [
        i
        for i, (first, second) in enumerate(pairwise(program))
        if {first.op, second.op} in ({Op.BACKWARD, Op.UPDATE}, {Op.LOSS, Op.UPDATE})
        or (first.op is second.op and first.op in (Op.SEND, Op.RECV) and first.peer == second.peer)
    ]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    program[place], program[place + 1] = program[place + 1], program[place]
    programs = {each: plan.segment_program(each, segment) for each in plan.roles}
    programs[role] = iter(program)
    with pytest.raises(PlanInvalid):
        check_programs(plan, programs, segment)


def without(program: Iterator[Instruction], op: Op, step: int) -> Iterator[Instruction]:
    return (i for i in program if (i.op, i.step) != (op, step))


@pytest.mark.parametrize(
    ("op", "complaint"),
    [
        (Op.LOAD, "FORWARD 4 comes before LOAD"),
        (Op.SEND, "deadlock|would be handed"),
        (Op.RECV, "BACKWARD 4 comes before RECV"),
        (Op.BACKWARD, "gradient is whole"),
        (Op.UPDATE, "depth|version|out of order"),
        (Op.FORWARD, "SEND 4 to p0.top comes before work"),
        (Op.DRAIN, "without a drain"),
    ],
)
def test_the_checker_finds_a_missing_instruction(op: Op, complaint: str) -> None:
    plan = make_plan(schedule="stale", depth=3, rows=80)
    segment = next(plan.segments())
    programs = {role: plan.segment_program(role, segment) for role in plan.roles}
    role = plan.bottoms[1]
    programs[role] = without(programs[role], op, segment.stop if op is Op.DRAIN else 4)
    with pytest.raises(PlanInvalid, match=complaint):
        check_programs(plan, programs, segment)


def test_the_checker_finds_a_deadlock_between_a_role_that_waits_and_one_that_never_sends() -> None:
    plan = make_plan(rows=20)
    segment = next(plan.segments())
    programs = {role: plan.segment_program(role, segment) for role in plan.roles}
    programs[plan.bottoms[0]] = without(programs[plan.bottoms[0]], Op.SEND, 0)
    with pytest.raises(PlanInvalid, match=r"deadlock: p0\.bottom at RECV 0"):
        check_programs(plan, programs, segment)


def test_a_pipeline_deeper_than_the_run_is_long_is_refused() -> None:
    with pytest.raises(SpecError, match=r"pipeline\.depth: depth 11 is more than the 10 steps"):
        make_plan(schedule="stale", depth=11)
    with pytest.raises(SpecError, match=r"parties\.p1\.depth: depth 12"):
        make_plan(schedule="stale", depth=2, depths={1: 12})


def test_a_program_of_ten_million_steps_starts_at_once() -> None:
    plan = make_plan(schedule="stale", depth=8, rows=10**8)
    assert plan.steps == 10**7
    check(plan)
    assert len(list(islice(plan.program(plan.top), 10))) == 10
