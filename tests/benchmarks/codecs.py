"""What a codec gains where bandwidth is the limit, and what it costs a message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import median, quantiles

import torch

from splitrun.plan import Plan, TensorFacts
from splitrun.runtime import AffinityTuner
from splitrun.runtime.codec import decode, encode
from splitrun.session import prepare
from splitrun.session.environment import usable_cores
from splitrun.study.arms import CODECS, Arm
from splitrun.study.timing import shorten
from tests.benchmarks.cases import Case, stale, way
from tests.benchmarks.measuring import steady_samples_per_s, subject_of

CODED = CODECS[1:]
DEPTH, STEPS = 8, 64
NARROW = Case(
    "batch 1,024 over 25 ms and 20 Mbit/s",
    batch_size=1024,
    pipeline=stale(DEPTH),
    links={"default": way(25, 20)},
    bottom={"type": "mlp", "hidden": [100], "out": 64},
)
SIZES = ((128, 64), (1024, 64), (1024, 512))
"""Rows and width of a message."""
TIMES = 200


def measure(repeats: int) -> Iterator[str]:
    """Rows of two Markdown tables."""
    yield "| codec | a step sends | ms a step | of the bound | speedup, median | quartiles |"
    yield "|---|---|---|---|---|---|"
    yield from _gains(repeats)
    yield ""
    yield "| rows × width | codec | bytes | encoding, µs | decoding, µs |"
    yield "|---|---|---|---|---|"
    for rows, width in SIZES:
        yield from _costs(rows, width, repeats)


def _gains(repeats: int) -> Iterator[str]:
    document = NARROW.document()
    experiment, tuner = prepare(document), AffinityTuner(usable_cores())
    arms = [Arm("stale", DEPTH, codec=codec) for codec in CODECS]
    specs = [replace(document, spec=arm.applied(document.spec)) for arm in arms]
    subjects = [subject_of(experiment, spec, STEPS) for spec in specs]
    steady_samples_per_s(shorten(subjects[0], 3 * DEPTH + 2), tuner)
    rounds = [[steady_samples_per_s(it, tuner) for it in subjects] for _ in range(repeats)]
    for codec, subject, rates in zip(CODECS, subjects, zip(*rounds, strict=True), strict=True):
        plan, rate = subject.plan(), median(rates)
        speedups = [one / plain[0] for one, plain in zip(rates, rounds, strict=True)]
        low, _, high = quantiles(speedups, n=4) if repeats > 1 else (speedups[0],) * 3
        size = plan.batch_size * plan.bytes_per_row(plan.channels[-1])
        yield (
            f"| {codec} | {size:,} bytes | {plan.batch_size / rate * 1e3:.1f} | "
            f"{rate * _transfer_s(plan) / plan.batch_size:.3f} | {median(speedups):.2f} | "
            f"{low:.2f} – {high:.2f} |"
        )


def _transfer_s(plan: Plan) -> float:
    """Of the largest message: where bandwidth is the limit, no step takes less."""
    return max(
        plan.batch_size * plan.bytes_per_row(channel) / channel.timing.bytes_per_s
        for channel in plan.channels
        if channel.timing is not None
    )


def _costs(rows: int, width: int, repeats: int) -> Iterator[str]:
    cut, tensors = (TensorFacts((width,), 4),), (torch.randn(rows, width),)
    for codec in CODED:
        coded = encode(codec, cut, tensors)
        size = sum(tensor.nbytes for tensor in coded)
        there = _microseconds(repeats, partial(encode, codec, cut, tensors))
        back = _microseconds(repeats, partial(decode, codec, cut, coded))
        yield f"| {rows:,} × {width} | {codec} | {size:,} | {there:.0f} | {back:.0f} |"


def _microseconds(repeats: int, code: Callable[[], object]) -> float:
    """Of the fastest of some rounds, in the mean."""
    lasted_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(TIMES):
            code()
        lasted_s.append(time.perf_counter() - start)
    return min(lasted_s) / TIMES * 1e6
