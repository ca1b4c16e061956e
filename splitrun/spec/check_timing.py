"""Checks on what overlaps and how long it takes: schedule, depth, links, emulated compute, and
whether a deadline can be kept."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Path, Problem
from splitrun.spec.effective import effective_depth, effective_micro_batches
from splitrun.spec.explain import belongs
from splitrun.spec.model import Compute, Link, Spec
from splitrun.spec.shape import fields
from splitrun.spec.wording import alternatives, closest


def timing_problems(spec: Spec) -> Iterator[Problem]:
    """Schedules, links and emulated hardware that cannot be."""
    yield from _micro_batches(spec)
    yield from _depth_for_all(spec)
    yield from _depth_beyond_steps(spec)
    yield from _links(spec)
    yield from _compute(spec)
    yield from _deadline(spec)


def known_steps(spec: Spec) -> int | None:
    """The steps of the whole run, where the spec tells how many rows there are."""
    rows = spec.dataset.training_rows
    return None if rows is None else spec.training.epochs * -(-rows // spec.dataset.batch_size)


def timing_warnings(spec: Spec) -> Iterator[Problem]:
    """What the schedule makes idle, and links that carry nothing."""
    schedule = spec.pipeline.schedule
    idle = f"has no effect with the schedule {schedule}"
    depths: list[tuple[Path, int | str | None]] = [(("pipeline", "depth"), spec.pipeline.depth)]
    depths += [(("parties", name, "depth"), party.depth) for name, party in spec.parties.items()]
    if schedule != "stale":
        for path, depth in depths:
            if depth not in (None, 1):
                yield Problem(path, idle, "remove it, or use the schedule stale")
    if schedule != "microbatch" and spec.pipeline.micro_batches not in (None, 1):
        path = ("pipeline", "micro_batches")
        yield Problem(path, idle, "remove it, or use the schedule microbatch")
    for key in spec.links:
        ends = _ends(key)
        if ends and spec.top.party not in ends:
            what = f"carries nothing: messages go to and from {spec.top.party}, the label holder"
            yield Problem(("links", key), what, "remove it")


def _micro_batches(spec: Spec) -> Iterator[Problem]:
    slices, rows = effective_micro_batches(spec), spec.dataset.batch_size
    if slices > rows:
        what = f"a batch of {rows} rows has no {slices} slices"
        remedy = f"use at most {rows}, or a greater dataset.batch_size"
        yield Problem(("pipeline", "micro_batches"), what, remedy)


def _depth_for_all(spec: Spec) -> Iterator[Problem]:
    if spec.pipeline.schedule != "stale" or spec.pipeline.depth != "auto":
        return
    for name, party in spec.parties.items():
        if party.depth:
            what = "is given, but pipeline.depth: auto looks for one depth of all bottoms"
            yield Problem(("parties", name, "depth"), what, "remove it, or give pipeline.depth")


def _depth_beyond_steps(spec: Spec) -> Iterator[Problem]:
    steps = known_steps(spec)
    if steps is None:
        return
    told: set[Path] = set()
    for name, party in spec.parties.items():
        path: Path = ("parties", name, "depth") if party.depth else ("pipeline", "depth")
        depth = effective_depth(spec, name)
        if party.bottom is not None and 0 < steps < depth and path not in told:
            told.add(path)
            what = f"depth {depth} is more than the {steps} steps of the run"
            remedy = f"use at most {steps}, more epochs or a smaller dataset.batch_size"
            yield Problem(path, what, remedy)


def _ends(key: str) -> tuple[str, str] | None:
    """The two parties of a link's key; None for `default` and for what is no pair."""
    source, separator, target = key.partition("->" if "->" in key else "-")
    return (source, target) if separator else None


def _links(spec: Spec) -> Iterator[Problem]:
    pairs: dict[frozenset[str], str] = {}
    for key in spec.links:
        path = ("links", key)
        ends = _ends(key)
        if key == "default":
            continue
        if ends is None:
            yield Problem(path, f"{key!r} is no link", _no_link(key, spec))
            continue
        unknown = [end for end in ends if end not in spec.parties]
        for end in unknown[:1]:
            near = closest(end, spec.parties)
            parties = alternatives(list(spec.parties))
            remedy = f"did you mean {near!r}?" if near else f"use {parties}"
            yield Problem(path, f"{end!r} is no party", remedy)
        if unknown:
            continue
        if ends[0] == ends[1]:
            yield Problem(path, f"joins {ends[0]} to itself", "name two parties")
        elif "->" not in key:
            first = pairs.setdefault(frozenset(ends), key)
            if first != key:
                what = f"is the same link as {first}"
                remedy = f"keep one, or write {ends[0]}->{ends[1]} for one direction"
                yield Problem(path, what, remedy)


def _no_link(key: str, spec: Spec) -> str:
    if key in fields(Link):
        return belongs(key, ("links",))
    if key in spec.parties:
        return f"name both ends, such as {key}-{spec.top.party}"
    if closest(key, ["default"]):
        return "did you mean 'default'?"
    return "use default, a-b (both directions) or a->b"


def _compute(spec: Spec) -> Iterator[Problem]:
    for name, party in spec.parties.items():
        path: Path = ("parties", name, "compute")
        yield from _one_compute(path, party.compute, ("loss_ms",), "use top.compute")
    remedy = "use loss_ms, for the forward and backward of the top model"
    yield from _one_compute(("top", "compute"), spec.top.compute, _TOP_LACKS, remedy)


_TOP_LACKS = ("forward_ms", "backward_ms")


def _one_compute(
    path: Path, compute: Compute | None, lacks: tuple[str, ...], remedy: str
) -> Iterator[Problem]:
    if compute is None:
        return
    given = [key for key, value in compute if value is not None]
    for key in given:
        if key in lacks:
            yield Problem((*path, key), "has no effect here", remedy)
    if "scale" in given and len(given) > 1:
        what = f"scale and {given[1]} both say how long an instruction lasts"
        yield Problem((*path, "scale"), what, "keep one way")


def _deadline(spec: Spec) -> Iterator[Problem]:
    deadline = spec.supervision.deadline_s
    if deadline == "auto":
        return
    for key, link in spec.links.items():
        longest_s = (link.latency_ms + link.jitter_ms) / 1e3
        if longest_s >= deadline:
            yield _late(f"a message over links.{key} takes up to {longest_s:g} s")
    sections = {f"parties.{name}": party.compute for name, party in spec.parties.items()}
    for name, compute in {**sections, "top": spec.top.compute}.items():
        for key, value in compute or ():
            if key.endswith("_ms") and value is not None and value / 1e3 >= deadline:
                yield _late(f"{name}.compute.{key} is {value / 1e3:g} s")


def _late(cause: str) -> Problem:
    what = f"{cause}, so it would be late"
    return Problem(("supervision", "deadline_s"), what, "raise it, or use auto")
