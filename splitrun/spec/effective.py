"""What a spec comes to: defaults that depend on other keys, and the finest of several settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from splitrun.events import FALLING
from splitrun.spec.contracts import OptimizerSection, RuleSection
from splitrun.spec.files import ReadingKeys
from splitrun.spec.measures import MetricSection
from splitrun.spec.model import Link, PartySection, Spec
from splitrun.spec.section import of_type
from splitrun.spec.training import Clip

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


def clip_of(spec: Spec, party: str | None) -> Clip | None:
    """How the gradients of a party's bottom model are clipped or, for None, of the top model."""
    role = spec.top if party is None else spec.parties[party]
    return role.clip or spec.training.clip


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


def reading_of(spec: Spec, party: str) -> ReadingKeys:
    """How a party's file is read: as the dataset says, but for what the party sets."""
    return own_reading(spec.dataset.reading_keys, spec.parties[party])


def own_reading(keys: ReadingKeys, own: PartySection | None) -> ReadingKeys:
    """These keys, but for what a party sets, if it is one party's file."""
    if own is None or own.reading is None:
        return keys
    return keys.model_copy(update={key: getattr(own.reading, key) for key in own.reading.stated})


def has_own_files(spec: Spec) -> bool:
    """Whether each party has a file of its own; else all share one."""
    return any(party.path is not None for party in spec.parties.values())


def has_test_file(spec: Spec) -> bool:
    """Whether the rows that are held out are in files of their own."""
    own = (section.test_path for section in spec.parties.values())
    return any(path is not None for path in (spec.dataset.test_file, *own))


def holds_rows_out(spec: Spec) -> bool:
    """Whether there are rows, of validation or test, to evaluate on."""
    dataset = spec.dataset
    fractions = dataset.test_fraction + dataset.validation_fraction
    return fractions > 0 or dataset.split.by == "column" or has_test_file(spec)


def has_validation_rows(spec: Spec) -> bool:
    """Whether there are rows that decisions rest on."""
    split = spec.dataset.split
    return spec.dataset.validation_fraction > 0 or (split.by == "column" and bool(split.validation))


def holds_label(spec: Spec, party: str) -> bool:
    """Whether the label is in the file that a party reads."""
    return party == spec.top.party or not has_own_files(spec)


def not_features(spec: Spec, party: str) -> Iterator[str]:
    """Columns of a party's file that serve another end, and are features only where listed."""
    if (key := key_of(spec, party)) is not None:
        yield key
    # A partner's column of a label's name is its copy, as in a shared file.
    yield from spec.dataset.labels
    if holds_label(spec, party):
        beside = (spec.dataset.split.column, spec.dataset.weight)
        yield from (column for column in beside if column is not None)
    if party == spec.top.party:
        yield from (section.on for section in spec.parties.values() if section.on is not None)


def key_of(spec: Spec, party: str) -> str | None:
    """The column of a party's file that its rows are joined by, if it has one."""
    return spec.parties[party].key or spec.dataset.row_key


def is_joined(spec: Spec) -> bool:
    """Whether rows are joined by keys."""
    return any(key_of(spec, name) is not None for name in spec.parties)


def reference_to(spec: Spec, party: str) -> str | None:
    """The label holder's column that refers to a party's key; its own key, unless `on` says
    otherwise."""
    return spec.parties[party].on or key_of(spec, spec.top.party)


def metrics_of(spec: Spec) -> tuple[str, ...]:
    """What evaluations come to beside the loss, by name; the first counts where one has to."""
    named = (it if isinstance(it, str) else it.name for it in spec.training.metrics)
    return tuple(named) or spec.top.loss.default_metrics


def own_metrics(spec: Spec) -> Mapping[int, MetricSection]:
    """Those of the spec's metrics that are classes, by where they are listed."""
    listed = enumerate(spec.training.metrics)
    return {index: it for index, it in listed if not isinstance(it, str)}


def is_falling(spec: Spec, metric: str) -> bool:
    """Whether a metric, or the loss, is the better the less it is."""
    own = {it.name: it for it in own_metrics(spec).values()}
    return not own[metric].greater_is_better if metric in own else metric in FALLING


def as_trained(spec: Spec) -> Spec:
    """The same experiment for weights that are there: nothing begins with those of a file, which
    may be gone."""
    fresh = {"warm_start": None}
    parties = {name: party.model_copy(update=fresh) for name, party in spec.parties.items()}
    top = spec.top.model_copy(update=fresh)
    return spec.model_copy(update={"parties": parties, "top": top})


def in_float32(spec: Spec) -> Spec:
    """The same experiment without lower precision, for who runs the weights elsewhere."""
    training = spec.training.model_copy(update={"precision": "float32"})
    return spec.model_copy(update={"training": training})


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
