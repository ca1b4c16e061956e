"""What a spec comes to: defaults that depend on other keys, and the finest of several settings."""

from __future__ import annotations

from splitrun.spec.contracts import OptimizerSection, RuleSection
from splitrun.spec.model import Link, Spec, of_type

DEFAULT_DEPTH = 4
DEFAULT_MICRO_BATCHES = 4


def effective_depth(spec: Spec, party: str) -> int:
    """The most batches in flight at a party's bottom: 1 unless the schedule is `stale`.

    Where `auto` has not been resolved yet it is 1, which every run has steps for.
    """
    if spec.pipeline.schedule != "stale":
        return 1
    depth = spec.pipeline.depth or DEFAULT_DEPTH
    return spec.parties[party].depth or (1 if depth == "auto" else depth)


def effective_micro_batches(spec: Spec) -> int:
    """The slices of a batch: 1 unless the schedule is `microbatch`."""
    if spec.pipeline.schedule != "microbatch":
        return 1
    return spec.pipeline.micro_batches or DEFAULT_MICRO_BATCHES


def link_between(spec: Spec, source: str, target: str) -> Link | None:
    """The link that messages from one party to another take.

    None where they arrive at once: within a party, and where the spec gives no link. `a->b` comes
    before `a-b` and `b-a`, and those before `default`.
    """
    if source == target:
        return None
    keys = (f"{source}->{target}", f"{source}-{target}", f"{target}-{source}", "default")
    return next((spec.links[key] for key in keys if key in spec.links), None)


def has_checksums(spec: Spec) -> bool:
    """Whether messages carry checksums: within one process memory is trusted, so by default they
    do only where a fault damages one."""
    given = spec.runtime.checksums
    if given == "auto":
        return any(fault.is_seen_by_checksums for fault in spec.faults)
    return given == "on"


def optimizer_of(spec: Spec, party: str | None) -> OptimizerSection:
    """The optimizer of a party's bottom model or, for None, of the top model."""
    role = spec.top if party is None else spec.parties[party]
    return role.optimizer or spec.training.optimizer


def compensation_of(spec: Spec, party: str) -> tuple[RuleSection, ...]:
    """What a party's bottom does about its staleness, if it has any; `auto` is what fits its
    optimizer."""
    given = spec.pipeline.compensation
    if given == "none":
        return ()
    if given == "auto":
        return tuple(
            of_type("compensation", name) for name in optimizer_of(spec, party).fitting_rules
        )
    return given if isinstance(given, tuple) else (given,)


def resolved(spec: Spec) -> Spec:
    """The same experiment with its effective depth and micro-batches stated; idempotent."""
    stale = spec.pipeline.schedule == "stale"
    pipeline = spec.pipeline.model_copy(
        update={
            "depth": (spec.pipeline.depth or DEFAULT_DEPTH) if stale else 1,
            "micro_batches": effective_micro_batches(spec),
        }
    )
    parties = {
        name: party if stale else party.model_copy(update={"depth": None})
        for name, party in spec.parties.items()
    }
    return spec.model_copy(update={"pipeline": pipeline, "parties": parties})
