"""What must fit together in how the rows of a spec are split."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Path, Problem
from splitrun.spec.effective import has_test_file
from splitrun.spec.files import Split
from splitrun.spec.model import Spec

_PATH: Path = ("dataset", "split")


def split_problems(spec: Spec) -> Iterator[Problem]:
    """Rules that cannot be followed, and two that say the same."""
    yield from _rule(spec)
    yield from _values(spec)
    yield from _shares(spec)


def split_warnings(spec: Spec) -> Iterator[Problem]:
    """Rules without effect, and a column that the model should perhaps not see."""
    dataset = spec.dataset
    fractions = dataset.validation_fraction
    if not has_test_file(spec):
        fractions += dataset.test_fraction
    if dataset.split.by in {"stratified", "time"} and fractions == 0:
        what = "has no effect: no row is held out"
        yield Problem(_PATH, what, "remove it, or raise dataset.test_fraction")
    listed = spec.parties[spec.top.party].listed
    if (column := dataset.split.column) in listed:
        place = ("parties", spec.top.party, "columns", listed.index(column))
        what = f"{column!r} says which rows are held out, and the model sees it"
        yield Problem(place, what, "take it off the columns unless that is meant")


def _rule(spec: Spec) -> Iterator[Problem]:
    dataset, split = spec.dataset, spec.dataset.split
    yield from _keys(split)
    unshared = {"numbers": "numbers for labels", "multilabel": "several labels"}
    if split.by == "stratified" and spec.top.loss.labels in unshared:
        has = unshared[spec.top.loss.labels]
        what = f"{spec.top.loss.title} has {has}, not classes to share out"
        yield Problem((*_PATH, "by"), what, "use random, or time")
    if split.column in dataset.labels:
        what = f"{split.column!r} is the label, which is not known of new rows"
        yield Problem((*_PATH, "column"), what, "split by another column, or use stratified")
    if split.by == "column" and has_test_file(spec):
        what = "a test_path says which rows are held out, too"
        yield Problem((*_PATH, "by"), what, "keep one of the two")


def _keys(split: Split) -> Iterator[Problem]:
    """Keys that the rule wants, and those that it has no use for."""
    by = split.by
    if by == "time" and split.column is None:
        what = "by time needs a column that says when each row was"
        yield Problem(_PATH, what, "write split: {by: time, column: NAME}")
    elif by == "column" and (split.column is None or not split.test):
        what = "by column needs a column, and its values in the rows that are held out"
        yield Problem(_PATH, what, "write split: {by: column, column: NAME, test: [VALUE]}")
    if by not in {"time", "column"} and split.column is not None:
        what = f"has no meaning with by {by}"
        yield Problem((*_PATH, "column"), what, "remove it, or split by time or by column")
    for part in ("test", "validation"):
        if by != "column" and getattr(split, part):
            what = f"has no meaning with by {by}"
            yield Problem((*_PATH, part), what, "remove it, or split by column")


def _values(spec: Spec) -> Iterator[Problem]:
    split = spec.dataset.split
    for part, others in (("test", ()), ("validation", split.test)):
        values: tuple[str, ...] = getattr(split, part)
        for index, value in enumerate(values):
            if value in values[:index]:
                yield Problem((*_PATH, part, index), f"{value!r} is listed twice", "keep one")
            elif value in others:
                what = f"{value!r} is under test, too"
                yield Problem((*_PATH, part, index), what, "a row is in one part: keep one")


def _shares(spec: Spec) -> Iterator[Problem]:
    dataset = spec.dataset
    share = ("dataset", "validation_fraction")
    otherwise = None
    if has_test_file(spec):
        otherwise = "test_path"
    elif dataset.split.by == "column":
        otherwise = "dataset.split.test"
    if dataset.split.validation and dataset.validation_fraction > 0:
        what = "dataset.split.validation says which rows decisions rest on, too"
        yield Problem(share, what, "keep one of the two")
    if otherwise is None:
        together = dataset.test_fraction + dataset.validation_fraction
        if together >= 1:
            what = f"with test_fraction it is {together:g}, which leaves no row to train on"
            yield Problem(share, what, "lower one of the two")
    elif dataset.test_fraction != type(dataset).model_fields["test_fraction"].default:
        # The default cannot be told from a number that says the same: a resolved spec states it.
        what = f"is not used: {otherwise} says which rows are held out"
        yield Problem(("dataset", "test_fraction"), what, "remove it")
