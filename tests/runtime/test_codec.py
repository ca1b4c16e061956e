"""Codecs: what a message carries is what the plan says, nothing is hidden, and the law holds."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from splitrun.errors import CodecOverflow, Damaged, NonFiniteLoss
from splitrun.events import Sent
from splitrun.plan import TensorFacts, encoded
from splitrun.runtime.codec import decode, encode
from splitrun.spec import Codec
from tests.runtime.running import Content, labels_of, prepared, synthetic, trained

Kind = Literal["serial", "threaded", "processes"]
KINDS: list[Kind] = ["serial", "threaded", "processes"]
CODECS: list[Codec] = ["fp16", "bf16", "int8"]
codecs = st.sampled_from(CODECS)
kinds = st.sampled_from(["float64", "float32", "float16", "bfloat16", "int64"])
shapes = st.lists(st.integers(1, 6), max_size=3).map(tuple)
magnitudes = st.sampled_from([0.0, 1e-44, 1e-38, 1e-30, 1e-3, 1.0, 1e4])


def facts_of(tensor: Tensor) -> TensorFacts:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorFacts(tuple(tensor.shape[1:]), tensor.element_size(), dtype)


def message_of(codec: Codec, tensor: Tensor) -> tuple[Tensor, ...]:
    return encode(codec, [facts_of(tensor)], [tensor])


def there_and_back(codec: Codec, tensor: Tensor) -> Tensor:
    facts = [facts_of(tensor)]
    (decoded,) = decode(codec, facts, encode(codec, facts, [tensor]))
    return decoded


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Of some rows, each of a magnitude of its own."""
    rows = draw(st.lists(magnitudes, min_size=1, max_size=5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    shape = (len(rows), *draw(shapes))
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
    scaled = drawn * torch.tensor(rows, dtype=torch.float64).view(-1, *[1] * (len(shape) - 1))
    return scaled.to(getattr(torch, draw(kinds)))


@given(codecs, tensors())
def test_a_message_carries_what_the_plan_says(codec: Codec, tensor: Tensor) -> None:
    message = message_of(codec, tensor)
    assert tuple(map(facts_of, message)) == encoded(codec, facts_of(tensor))
    decoded = there_and_back(codec, tensor)
    assert (decoded.shape, decoded.dtype) == (tensor.shape, tensor.dtype)
    assert decoded.isfinite().all()


@given(tensors())
def test_int8_is_off_by_half_of_a_127th_of_its_rows_largest_number(tensor: Tensor) -> None:
    rows = tensor.double().view(len(tensor), -1)
    decoded = there_and_back("int8", tensor).double().view(len(tensor), -1)
    largest = rows.abs().amax(1, keepdim=True)
    rounding = torch.finfo(tensor.dtype).eps if tensor.is_floating_point() else 0.0
    least = torch.finfo(torch.float32).tiny
    allowed = largest * (0.5 / 127 + rounding + 1e-6) + least
    assert ((decoded - rows).abs() <= allowed).all()


@given(codecs, tensors())
def test_what_was_encoded_once_is_encoded_again_without_loss(codec: Codec, tensor: Tensor) -> None:
    once = there_and_back(codec, tensor.float())
    assert torch.equal(there_and_back(codec, once), once)


def test_int8_rounds_halves_to_the_even_number_on_both_sides_of_zero() -> None:
    row = torch.tensor([[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -127.0]])
    _, numbers = message_of("int8", row)
    assert numbers.tolist() == [[127, 0, 2, 2, 0, -2, -2, -127]]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_codec_hides_what_is_not_finite(codec: Codec, odd: float, dtype: torch.dtype) -> None:
    tensor = torch.ones(3, 70, dtype=dtype)
    tensor[1, 64] = odd
    decoded = there_and_back(codec, tensor)
    assert decoded[0].isfinite().all()
    assert not decoded[1].isfinite().all()


@pytest.mark.parametrize(
    ("codec", "value", "dtype"),
    [
        ("fp16", 65520.0, torch.float32),
        ("bf16", 3.4e38, torch.float32),
        ("int8", 3.4e38, torch.float32),
        ("fp16", -1e300, torch.float64),
        ("int8", -1e300, torch.float64),
    ],
)
def test_a_finite_number_never_becomes_infinite(
    codec: Codec, value: float, dtype: torch.dtype
) -> None:
    tensor = torch.ones(3, 8, dtype=dtype)
    tensor[2, 5] = value
    with pytest.raises(OverflowError):
        message_of(codec, tensor)


def test_large_numbers_whose_sum_overflows_are_encoded_all_the_same() -> None:
    for codec, value in (("fp16", 65504.0), ("bf16", 3e38), ("int8", 3e38)):
        decoded = there_and_back(codec, torch.full((600, 16), value))  # type: ignore[arg-type]
        assert decoded == pytest.approx(value, rel=0.01)


def content(codec: Codec = "none", **sections: Any) -> Content:
    """Three parties; one direction has a codec of its own, and one has none."""
    links = {"default": {"codec": codec}, "p0->p1": {"codec": "bf16"}, "p2->p0": {"codec": "none"}}
    made = synthetic(parties=3, pipeline={"schedule": "stale", "depth": 3}, links=links)
    made["parties"]["p1"]["bottom"] = {"type": "mlp", "hidden": [12], "out": 6, "dropout": 0.3}
    return made | sections


@pytest.mark.parametrize("codec", CODECS)
def test_the_law_holds_under_a_codec_and_the_codec_is_in_the_weights(codec: Codec) -> None:
    checked = content(codec, runtime={"checksums": "on"})
    first, *others = (trained(prepared(checked), kind).weights_sha256 for kind in KINDS)
    assert others == [first, first]
    assert first != trained(prepared(content()), "serial").weights_sha256


@settings(max_examples=10)
@given(codecs, st.sampled_from(["sum", "mean", "concat"]), st.integers(1, 4))
def test_micro_batches_and_fusions_obey_the_law_under_a_codec(
    codec: Codec, fusion: str, slices: int
) -> None:
    pipeline = {"schedule": "microbatch", "micro_batches": slices}
    made = content(codec, pipeline=pipeline)
    made["top"]["fusion"] = fusion
    serial, threaded = (trained(prepared(made), kind) for kind in ("serial", "threaded"))
    assert serial.weights_sha256 == threaded.weights_sha256


@pytest.mark.parametrize("kind", KINDS)
def test_messages_are_told_of_as_they_are_sent_in_training_and_evaluation(kind: Kind) -> None:
    run = trained(prepared(content("int8")), kind)
    row = {"p1.bottom->p0.top": 6 + 4, "p0.top->p1.bottom": 2 * 6, "p2.bottom->p0.top": 4 * 6}
    row |= {"p0.top->p2.bottom": 6 + 4, "p0.bottom->p0.top": 4 * 6, "p0.top->p0.bottom": 4 * 6}
    plan, total = run.experiment.plan, dict.fromkeys(row, 0)
    for event in run.events:
        if isinstance(event, Sent):
            trains = event.phase == "train"
            rows = plan.rows(event.step) if trains else plan.facts.test_rows
            assert event.bytes == rows * row[event.channel]
            total[event.channel] += event.bytes
    assert {name: it.bytes for name, it in run.outcome.channels.items()} == total


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_that_its_codec_cannot_hold_is_named_with_the_step_and_what_to_do(
    kind: Kind,
) -> None:
    made = content("fp16")
    made["parties"]["p1"]["bottom"] = {"type": "mlp", "hidden": [], "out": 6}
    made["parties"]["p1"]["optimizer"] = {"type": "sgd", "lr": 1e20}
    with pytest.raises(CodecOverflow) as caught:
        trained(prepared(made), kind)
    assert caught.value.recurs
    assert (caught.value.role, caught.value.instruction) == ("p1.bottom", "SEND 3 to p0.top")
    assert ": its cut reaches " in str(caught.value)
    assert "more than the link's codec fp16 holds; use bf16, int8 or none" in str(caught.value)
    assert "as its links.*.codec, or a lower training.optimizer.lr" in str(caught.value)


def test_so_is_a_gradient() -> None:
    made = content("fp16", top={"party": "p0", "loss": "mse"})
    made["top"]["model"] = {"type": "mlp", "hidden": [8], "out": 1}
    experiment = prepared(made)
    labels_of(experiment).fill_(1e12)
    with pytest.raises(CodecOverflow, match=r"^p0\.top failed at SEND 0 to p2\.bottom: the grad"):
        trained(experiment, "serial")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", CODECS)
def test_whose_numbers_have_diverged_is_told_as_without_a_codec(codec: Codec, kind: Kind) -> None:
    made = content(codec)
    made["parties"]["p1"]["bottom"] = {"type": "mlp", "hidden": [], "out": 6}
    made["parties"]["p1"]["optimizer"] = {"type": "sgd", "lr": 3e38, "weight_decay": 1e30}
    with pytest.raises(NonFiniteLoss) as caught:
        trained(prepared(made), kind)
    assert (caught.value.role, caught.value.instruction) == ("p1.bottom", "LOSS 3")
    assert "its cut is not finite, so its weights have diverged" in str(caught.value)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("link", ["p1->p0", "p0->p2"])
def test_checksums_are_of_what_is_sent_and_damage_to_it_is_noticed(codec: Codec, link: str) -> None:
    fault = {"type": "damage", "link": link, "step": 2}
    with pytest.raises(Damaged, match="its checksum differs"):
        trained(prepared(content(codec, faults=[fault])), "threaded")
    unnoticed = content(codec, faults=[fault], runtime={"checksums": "off"})
    damaged = trained(prepared(unnoticed), "threaded")
    assert damaged.weights_sha256 != trained(prepared(content(codec)), "threaded").weights_sha256
