"""What must fit together across the keys of a spec, as far as the spec alone tells.

`problems` forbid a run, `warnings` are about what is allowed and does nothing: an override often
turns a setting idle that its spec has reason to hold. What needs the data or the models is checked
where they are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from splitrun.errors import Path, Problem
from splitrun.spec.check_files import unused_file_problems
from splitrun.spec.check_ray import ray_problems, ray_warnings
from splitrun.spec.check_split import split_problems, split_warnings
from splitrun.spec.check_timing import known_steps, timing_problems, timing_warnings
from splitrun.spec.effective import (
    compensation_of,
    effective_depth,
    has_checksums,
    has_own_files,
    has_validation_rows,
    holds_label,
    holds_rows_out,
    key_of,
    metrics_of,
    optimizer_of,
    own_metrics,
    reading_of,
)
from splitrun.spec.measures import METRICS
from splitrun.spec.model import Spec
from splitrun.spec.section import components_of
from splitrun.spec.training import Clip
from splitrun.spec.wording import alternatives, closest, did_you_mean


def problems(spec: Spec) -> Iterator[Problem]:
    """Why the spec cannot run; not located yet."""
    parts = components_of(spec)
    faults = enumerate(spec.faults)
    return chain(
        _parties(spec),
        () if spec.dataset.own_files else unused_file_problems(spec),
        _learning(spec),
        timing_problems(spec),
        _compensation(spec),
        _checkpoint(spec),
        _stopping(spec),
        split_problems(spec),
        ray_problems(spec),
        chain.from_iterable(part.problems(spec, path) for path, part in parts),
        chain.from_iterable(it.problems(spec, ("faults", index)) for index, it in faults),
    )


def warnings(spec: Spec) -> Iterator[Problem]:
    """What has no effect in a spec that can run; not located yet."""
    steps = known_steps(spec)
    return chain(
        () if steps is None else step_warnings(spec, steps),
        _idle_evaluations(spec),
        timing_warnings(spec),
        split_warnings(spec),
        ray_warnings(spec),
        _idle_checkpoints(spec),
        _unseen_faults(spec),
        chain.from_iterable(part.warnings(spec, path) for path, part in components_of(spec)),
    )


def step_warnings(spec: Spec, steps: int) -> Iterator[Problem]:
    """What does nothing, or hardly the intended, in a run of so many steps."""
    section = spec.checkpoint
    if section is not None and section.every_steps is not None and section.every_steps >= steps:
        what = f"no checkpoint is ever taken: the run has {steps} steps"
        yield Problem(("checkpoint", "every_steps"), what, "lower it")
    warmup = spec.training.lr_schedule.warmup_steps
    if warmup >= steps:
        what = f"the warm-up never ends, and lr is never reached: the run has {steps} steps"
        yield Problem(("training", "lr_schedule", "warmup_steps"), what, "lower it")


def _parties(spec: Spec) -> Iterator[Problem]:
    """Parties that cannot take part as they are."""
    yield from _label_holder(spec)
    yield from _bottoms(spec)
    yield from _columns(spec)


def _label_holder(spec: Spec) -> Iterator[Problem]:
    party = spec.top.party
    if party not in spec.parties:
        remedy = did_you_mean(party, list(spec.parties), "use")
        yield Problem(("top", "party"), f"{party!r} is no party", remedy)


def _bottoms(spec: Spec) -> Iterator[Problem]:
    if not any(party.bottom for party in spec.parties.values()):
        what = "no party has a bottom model, so nothing can be learned"
        yield Problem(("parties",), what, "add a bottom to those with columns")
        return
    for name, party in spec.parties.items():
        path = ("parties", name)
        if party.bottom is not None:
            continue
        if name != spec.top.party and spec.top.party in spec.parties:
            meant = closest(name, [other for other in spec.parties if other != name])
            hint = f", or did you mean {meant!r}?" if meant else ", or remove the party"
            what = "has no bottom model, and only the label holder may have none"
            yield Problem((*path, "bottom"), what, f"add one{hint}")
            continue
        for key in ("columns", "depth", "optimizer", "clip", "warm_start", "freeze", "compute"):
            if getattr(party, key):
                remedy = f"add parties.{name}.bottom, or remove {key}"
                if key not in ("columns", "depth") and name == spec.top.party:
                    remedy += f"; the top model's are in top.{key}"
                yield Problem((*path, key), f"is not used: {name} has no bottom model", remedy)


def _columns(spec: Spec) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, party in spec.parties.items():
        path = ("parties", name, "columns")
        if party.bottom and not party.columns and spec.dataset.default_columns(name) is None:
            yield Problem(path, "its bottom model has no columns", f"list those that {name} holds")
        for index, column in enumerate(party.listed):
            place = (*path, index)
            if column in spec.dataset.labels and holds_label(spec, name):
                what = f"{column!r} is the label"
                yield Problem(place, what, "remove it: a model must not see what it predicts")
            elif column == spec.dataset.weight and holds_label(spec, name):
                what = f"{column!r} is what rows count for, which no model sees"
                yield Problem(place, what, "remove it, or dataset.weight")
            elif column in party.listed[:index]:
                yield Problem(place, f"{column!r} is listed twice", "keep one")
            elif column in owner and not has_own_files(spec):
                what = f"{column!r} is a column of {owner[column]}, too"
                yield Problem(place, what, f"leave it to {owner[column]} or to {name}")
            else:
                owner[column] = name


def _labels(spec: Spec) -> Iterator[Problem]:
    """Several labels where the loss takes one, or the other way round; and one that is listed
    twice."""
    labels, loss = spec.dataset.labels, spec.top.loss
    place = ("dataset", "label")
    if loss.labels != "multilabel" and not isinstance(spec.dataset.label, str):
        what = f"lists columns, and the loss {loss.title} takes one"
        yield Problem(place, what, "name one, or set top.loss=multilabel_binary_cross_entropy")
    elif loss.labels == "multilabel" and len(labels) < 2:
        what = f"the loss {loss.title} takes several labels"
        remedy = "list columns as dataset.label, or set top.loss=binary_cross_entropy"
        yield Problem(place, what, remedy)
    for index, label in enumerate(labels):
        if label in labels[:index]:
            yield Problem((*place, index), f"{label!r} is listed twice", "keep one")


def _learning(spec: Spec) -> Iterator[Problem]:
    """Settings under which the models cannot be built or cannot learn."""
    yield from _labels(spec)
    yield from _fusion(spec)
    yield from _metrics(spec)
    yield from _weights(spec)
    for key in ("optimizer", "clip", "warm_start", "freeze"):
        if getattr(spec.top, key) and spec.top.model is None:
            what = "has nothing to train: top has no model"
            yield Problem(("top", key), what, "remove it, or add top.model")
    yield from _clips(spec)


def _weights(spec: Spec) -> Iterator[Problem]:
    """A column of weights that serves another end, and classes where there are none."""
    dataset, holder = spec.dataset, spec.top.party
    if dataset.weight is not None and holder in spec.parties:
        others: dict[str | None, str] = {
            **dict.fromkeys(dataset.labels, "the label"),
            key_of(spec, holder): "the key",
            dataset.split.column: "what rows are split by",
            **dict.fromkeys(reading_of(spec, holder).dates, "a column of dates"),
            **dict.fromkeys(reading_of(spec, holder).categorical, "a column of categories"),
        }
        if dataset.weight in others:
            what = f"{dataset.weight!r} is {others[dataset.weight]}, too"
            yield Problem(("dataset", "weight"), what, "name a column of numbers, or remove it")
    without_classes = {"numbers": "whose labels are numbers", "multilabel": "of several labels"}
    loss = spec.top.loss
    if spec.training.class_weights is not None and loss.labels in without_classes:
        what = f"has no meaning with the loss {loss.title}, {without_classes[loss.labels]}"
        remedy = "remove it, or weigh rows by a column, dataset.weight"
        yield Problem(("training", "class_weights"), what, remedy)


def _clips(spec: Spec) -> Iterator[Problem]:
    clips: dict[Path, Clip | None] = {
        ("training",): spec.training.clip,
        ("top",): spec.top.clip,
        **{("parties", name): party.clip for name, party in spec.parties.items()},
    }
    for path, clip in clips.items():
        if clip is not None and (clip.norm is None) is (clip.value is None):
            what = "takes one of norm and value"
            yield Problem((*path, "clip"), what, "write clip: {norm: 1.0}, or {value: 0.5}")


def _fusion(spec: Spec) -> Iterator[Problem]:
    bottoms = {name: party.bottom for name, party in spec.parties.items() if party.bottom}
    widths = {name: it.width for name, it in bottoms.items() if it.width is not None}
    if spec.top.fusion != "concat" and len(set(widths.values())) > 1:
        given = ", ".join(f"{out} ({name})" for name, out in widths.items())
        what = f"{spec.top.fusion} needs bottoms of one width, not {given}"
        yield Problem(("top", "fusion"), what, "give them the same out, or use concat")


def _metrics(spec: Spec) -> Iterator[Problem]:
    fitting = METRICS[spec.top.loss.labels]
    seen: set[str] = set()
    own = own_metrics(spec)
    for index, metric in enumerate(metrics_of(spec) if spec.training.metrics else ()):
        place = ("training", "metrics", index)
        if index in own:
            if metric == "loss" or any(metric in known for known in METRICS.values()):
                what = f"{metric} is the name of one of splitrun's own"
                yield Problem((*place, "name"), what, "give it another name")
            elif metric in seen:
                what = f"{metric!r} is the name of another metric, too"
                yield Problem((*place, "name"), what, "give one of them another name")
        elif metric not in fitting:
            what = f"{metric} does not fit the loss {spec.top.loss.title}"
            yield Problem(place, what, f"use {alternatives(fitting)}")
        elif metric in seen:
            yield Problem(place, f"{metric} is listed twice", "keep one")
        seen.add(metric)
    for key in ("evaluate_every_epochs", "evaluate_every_steps"):
        if getattr(spec.training, key) is not None and not holds_rows_out(spec):
            what = "there is nothing to evaluate on: dataset.test_fraction is 0"
            yield Problem(("training", key), what, "remove it, or hold rows out")


def _stopping(spec: Spec) -> Iterator[Problem]:
    """How often to evaluate, said twice, and what early stopping cannot rest on."""
    training = spec.training
    if training.evaluate_every_epochs is not None and training.evaluate_every_steps is not None:
        what = "evaluate_every_epochs says how often, too"
        yield Problem(("training", "evaluate_every_steps"), what, "keep one of the two")
    if (stopping := training.early_stopping) is None:
        return
    if not has_validation_rows(spec):
        what = "needs validation rows: test rows would be no test of a model that they chose"
        remedy = "set dataset.validation_fraction, such as 0.1, or name validation rows by a column"
        yield Problem(("training", "early_stopping"), what, remedy)
    known = ("loss", *metrics_of(spec))
    if stopping.metric not in known:
        what = f"{stopping.metric!r} is not evaluated"
        remedy = f"use {alternatives(known)}"
        if stopping.metric in METRICS[spec.top.loss.labels]:
            remedy += ", or add it to training.metrics"
        yield Problem(("training", "early_stopping", "metric"), what, remedy)


def _idle_evaluations(spec: Spec) -> Iterator[Problem]:
    training = spec.training
    every = training.evaluate_every_epochs
    if every is not None and every > training.epochs:
        what = f"{every} is more than the {training.epochs} epochs; evaluated once, at the end"
        yield Problem(("training", "evaluate_every_epochs"), what, "lower or remove it")


def _compensation(spec: Spec) -> Iterator[Problem]:
    """Rules that are listed twice, and rules that a bottom's optimizer cannot follow."""
    given = spec.pipeline.compensation
    listed = isinstance(given, tuple)
    rules = given if isinstance(given, tuple) else ()
    told: set[tuple[str, str]] = set()
    for index, rule in enumerate(rules):
        if rule.type in [other.type for other in rules[:index]]:
            yield Problem(_place(index), f"{rule.type} is listed twice", "keep one")
    for party, section in spec.parties.items():
        if section.bottom is None:
            continue
        optimizer = optimizer_of(spec, party)
        for index, rule in enumerate(compensation_of(spec, party)):
            wrong = rule.unfit(optimizer)
            if wrong and (rule.type, wrong[0]) not in told:
                told.add((rule.type, wrong[0]))
                what = f"{rule.type} does not fit the optimizer of {party}'s bottom: {wrong[0]}"
                yield Problem(_place(index if listed else None), what, wrong[1])


def _place(index: int | None) -> Path:
    place: Path = ("pipeline", "compensation")
    return place if index is None else (*place, index)


def _checkpoint(spec: Spec) -> Iterator[Problem]:
    """Checkpoints that nobody knows when to take."""
    section = spec.checkpoint
    if section is None:
        return
    if section.every_steps is None and section.every_epochs is None:
        what = "does not say how often"
        yield Problem(("checkpoint",), what, "add every_epochs, such as 1, or every_steps")
    if section.every_steps is not None and section.every_epochs is not None:
        what = "every_epochs is given, too"
        yield Problem(("checkpoint", "every_steps"), what, "keep one of the two")


def _idle_checkpoints(spec: Spec) -> Iterator[Problem]:
    """Checkpoints that are never taken, and those before which the pipeline never fills."""
    section = spec.checkpoint
    if section is None:
        return
    epochs, steps = section.every_epochs, section.every_steps
    if epochs is not None and epochs >= spec.training.epochs:
        what = f"no checkpoint is ever taken: the run has {spec.training.epochs} epochs"
        yield Problem(("checkpoint", "every_epochs"), what, "lower it, or use every_steps")
    depth = max(effective_depth(spec, name) for name in spec.parties)
    if steps is not None and depth > 1 and steps < depth:
        what = f"the pipeline drains before it is {depth} batches deep"
        yield Problem(("checkpoint", "every_steps"), what, "raise it, or lower pipeline.depth")


def _unseen_faults(spec: Spec) -> Iterator[Problem]:
    for index, fault in enumerate(spec.faults):
        if fault.is_seen_by_checksums and not has_checksums(spec):
            what = "nobody will notice: runtime.checksums is off"
            yield Problem(("faults", index), what, "set it to auto or on")
