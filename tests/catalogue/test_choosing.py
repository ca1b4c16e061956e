"""Conditions, orders, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from splitrun.catalogue.entry import Entry
from splitrun.catalogue.keys import find_key, selected
from splitrun.catalogue.order import best_first, differing, short_names
from splitrun.catalogue.reading import read_catalogue
from splitrun.errors import UsageError
from tests.catalogue.made import evaluated, make_run


@pytest.fixture
def entries(tmp_path: Path) -> Sequence[Entry]:
    """Four runs of which the second is the best by AUROC, and the third by loss."""
    make_run(tmp_path, "one", {"pipeline.depth": 1}, metrics=evaluated(loss=0.5, auroc=0.90))
    lr = {"training.optimizer.lr": 0.001}
    make_run(tmp_path, "two", lr, metrics=evaluated(loss=0.4, auroc=0.95))
    text = {"dataset.path": "4", "training.epochs": 3}
    make_run(tmp_path, "three", text, metrics=evaluated(loss=0.3, auroc=0.91))
    make_run(tmp_path, "four", {"name": "other"}, status="failed")
    return read_catalogue(tmp_path).entries


def names(entries: Sequence[Entry]) -> set[str]:
    return {entry.run for entry in entries}


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        (["pipeline.depth=4"], "two three four"),
        (["pipeline.depth!=4"], "one"),
        (["pipeline.depth<4"], "one"),
        (["lr=0.001"], "two"),
        (["lr=1e-3"], "two"),
        (["training.optimizer.lr>=0.01", "auroc>0.9"], "three"),
        (["test.loss<=0.3"], "three"),
        (["status=failed"], "four"),
        (["name=trial"], "one two three"),
        (["run=two"], "two"),
        (["path=4"], "three"),
        (["checkpoint=null"], "one two three four"),
        (["parties.alice.columns=[age,job]"], "one two three four"),
        (["age<1h"], ""),
        (["age > 1h", "kind=run"], "one two three four"),
        (["samples_per_s>999"], "one two three"),
    ],
)
def test_those_are_listed_of_which_all_conditions_hold(
    entries: Sequence[Entry], conditions: list[str], wanted: str
) -> None:
    assert names(selected(entries, conditions)) == set(wanted.split())


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("pipeline.depth", "no condition; such are pipeline.depth=4"),
        ("=4", "no condition"),
        ("pipeline.dept=4", "did you mean pipeline.depth?"),
        ("out=2", "several keys end so; write one of parties.alice.bottom.out"),
        ("age<soon", "no time; write one such as 12h, 30d or 4w"),
    ],
)
def test_what_is_no_condition_is_refused(
    entries: Sequence[Entry], condition: str, told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        selected(entries, [condition])
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("auroc", "two three one four"),
        ("loss", "three two one four"),
        ("test.loss", "three two one four"),
        ("epochs", "one two four three"),
    ],
)
def test_the_best_is_first_and_what_has_no_value_last(
    entries: Sequence[Entry], key: str, wanted: str
) -> None:
    in_order = sorted(entries, key=lambda entry: ["one", "two", "three", "four"].index(entry.run))
    found = best_first(in_order, find_key(key, entries))
    assert " ".join(entry.run for entry in found) == wanted


def test_a_metric_of_the_user_s_is_the_better_the_less_it_is_where_the_spec_says_so(
    tmp_path: Path,
) -> None:
    cost = {"class": "my_metrics:Cost", "name": "cost", "greater_is_better": False}
    for name, value in (("dear", 9.0), ("cheap", 2.0)):
        make_run(tmp_path, name, {"training.metrics": [cost]}, metrics=evaluated(cost=value))
    entries = read_catalogue(tmp_path).entries
    assert best_first(entries, find_key("cost", entries))[0].run == "cheap"


def test_what_differs_is_what_was_changed(entries: Sequence[Entry]) -> None:
    assert set(differing(entries)) == {
        "pipeline.depth",
        "training.optimizer.lr",
        "dataset.path",
        "training.epochs",
    }
    assert differing(entries[:1]) == []


def test_a_section_in_the_place_of_none_differs_and_a_key_of_later_does_not(
    tmp_path: Path,
) -> None:
    make_run(tmp_path, "without")
    make_run(tmp_path, "with", {"checkpoint": {"every_steps": 5}})
    make_run(tmp_path, "later", {"training.clip": "auto"})
    assert differing(read_catalogue(tmp_path).entries) == ["checkpoint.every_steps"]


def test_a_key_is_shown_by_its_shortest_end_that_is_enough_to_name_it(
    entries: Sequence[Entry],
) -> None:
    keys = ["training.optimizer.lr", "parties.alice.bottom.out", "pipeline.depth"]
    short = short_names(keys, entries)
    assert list(short.values()) == ["lr", "alice.bottom.out", "depth"]
    assert [find_key(end, entries).name for end in short.values()] == keys
