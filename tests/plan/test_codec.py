"""What a codec makes of a cut, before there is any: its bytes, and whoever counts with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.plan import Deadline, Plan, TensorFacts, encoded
from splitrun.plan.explain import describe
from splitrun.simulate import bound
from splitrun.spec import Codec
from tests.plan.plans import make_plan
from tests.simulate.timing import uniform_costs

CODECS: list[Codec] = ["none", "fp16", "bf16", "int8"]
WIDTH = 3
"""Of a cut of these plans."""
codecs = st.sampled_from(CODECS)
floats = st.sampled_from([("float64", 8), ("float32", 4), ("float16", 2), ("bfloat16", 2)])
shapes = st.lists(st.integers(0, 9), max_size=3).map(tuple)


def size(codec: Codec, tensor: TensorFacts) -> int:
    return sum(part.bytes_per_row for part in encoded(codec, tensor))


def bytes_per_row(plan: Plan) -> dict[str, int]:
    return {channel.name: plan.bytes_per_row(channel) for channel in plan.channels}


@given(st.integers(1, 4096))
def test_int8_sends_a_byte_for_four_and_a_scale_a_row(width: int) -> None:
    assert size("int8", TensorFacts((width,), 4)) <= width + 4
    assert size("fp16", TensorFacts((width,), 4)) == 2 * width


@given(codecs, floats, shapes)
def test_no_codec_makes_a_tensor_larger(
    codec: Codec, kind: tuple[str, int], shape: tuple[int, ...]
) -> None:
    dtype, itemsize = kind
    tensor = TensorFacts(shape, itemsize, dtype)
    assert size(codec, tensor) <= tensor.bytes_per_row


@given(codecs, st.sampled_from([("int64", 8), ("int32", 4), ("bool", 1)]), shapes)
def test_whole_numbers_are_sent_as_they_are(
    codec: Codec, kind: tuple[str, int], shape: tuple[int, ...]
) -> None:
    tensor = TensorFacts(shape, kind[1], kind[0])
    assert encoded(codec, tensor) == (tensor,)


def test_codecs_are_of_directions_between_parties_and_the_finest_wins() -> None:
    links: dict[str, object] = {
        "default": {"codec": "int8"},
        "p0-p1": {"codec": "fp16"},
        "p0->p1": {"codec": "none"},
    }
    assert bytes_per_row(make_plan(parties=3, links=links)) == {
        "p0.bottom->p0.top": 4 * WIDTH,
        "p0.top->p0.bottom": 4 * WIDTH,
        "p1.bottom->p0.top": 2 * WIDTH,
        "p0.top->p1.bottom": 4 * WIDTH,
        "p2.bottom->p0.top": WIDTH + 4,
        "p0.top->p2.bottom": WIDTH + 4,
    }


def test_a_link_that_has_a_codec_alone_is_not_emulated() -> None:
    plan = make_plan(links={"default": {"codec": "int8"}})
    assert all(channel.timing is None for channel in plan.channels)
    assert {channel.codec for channel in plan.channels} == {"none", "int8"}


def test_an_evaluation_is_encoded_as_the_training_is() -> None:
    plan = make_plan(test_rows=20, links={"default": {"codec": "int8", "latency_ms": 5}})
    assert bytes_per_row(plan.evaluation()) == bytes_per_row(plan)


@pytest.mark.parametrize(("codec", "share"), [("fp16", 1 / 2), ("int8", (WIDTH + 4) / 4 / WIDTH)])
def test_the_plan_the_bound_and_the_deadline_know_of_fewer_bytes(
    codec: Codec, share: float
) -> None:
    """A message of 10 rows and 120 bytes takes 12 s."""
    plain, coded = (
        make_plan(links={"default": {"bandwidth_mbps": 8e-5, "codec": it}})
        for it in ("none", codec)
    )
    periods, deadlines, transfers_ms = [], [], []
    for plan in (plain, coded):
        periods.append(bound(plan, uniform_costs(plan)).period_s)
        deadlines.append(Deadline.of(plan).base_s)
        channel = describe(plan).channels["p1.bottom->p0.top"]
        transfers_ms.append(channel.transfer_ms)
        assert channel.bandwidth_mbps == pytest.approx(8e-5)
    for plain_s, coded_s in (periods, deadlines, transfers_ms):
        assert coded_s / plain_s == pytest.approx(share, rel=1e-3)


def test_a_plan_without_codecs_is_another_than_one_with_them() -> None:
    plain = make_plan(links={"default": {"preset": "wan"}})
    coded = make_plan(links={"default": {"preset": "wan", "codec": "fp16"}})
    assert replace(coded, channels=plain.channels) == plain
    assert describe(coded).channels["p1.bottom->p0.top"].codec == "fp16"
    assert describe(plain).channels["p1.bottom->p0.top"].codec == "none"
