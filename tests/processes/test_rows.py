"""A party's process that reads its rows itself has those that were planned with, or says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from splitrun.errors import DataError
from splitrun.party import Parties
from splitrun.processes.assignment import Assigner
from splitrun.processes.control import Assignment, decode, encode
from splitrun.processes.rows import party_of, reading_of
from splitrun.runtime import Observer
from splitrun.session import Experiment
from splitrun.session.job import job_of
from tests.runtime.running import Content, prepared, synthetic


def own_files(directory: Path) -> Content:
    """A spec of two parties with files of their own, of which one is referred to many times."""
    bank = "\n".join(f"{row % 40},u{row % 40},{row % 9},{row % 2}" for row in range(300))
    shop = "\n".join(f"u{row},{row * 7 % 11},{'red' if row % 3 else 'blue'}" for row in range(60))
    (directory / "bank.csv").write_text(f"city,user,age,y\n{bank}\n", encoding="utf-8")
    (directory / "shop.csv").write_text(f"user,spent,colour\n{shop}\n", encoding="utf-8")
    bottom = {"type": "mlp", "hidden": [8], "out": 4}
    made = synthetic(training={"epochs": 2})
    made["dataset"] = {"type": "csv", "label": "y", "batch_size": 32}
    made["parties"] = {
        "p0": {"path": str(directory / "bank.csv"), "columns": ["city", "age"], "bottom": bottom},
        "p1": {
            "path": str(directory / "shop.csv"),
            "key": "user",
            "on": "user",
            "columns": ["spent", "colour"],
            "bottom": bottom,
        },
    }
    return made


def shared_file(directory: Path) -> Content:
    """A spec of two parties that share a file, with rows for decisions and rows that count more."""
    rows = "\n".join(f"{row % 7},{row % 5},{1 + row % 3},{row % 2}" for row in range(300))
    (directory / "rows.csv").write_text(f"a,b,w,y\n{rows}\n", encoding="utf-8")
    made = synthetic(training={"epochs": 2})
    made["dataset"] = {
        "type": "csv",
        "path": str(directory / "rows.csv"),
        "label": "y",
        "weight": "w",
        "validation_fraction": 0.2,
        "batch_size": 32,
    }
    for name, column in (("p0", "a"), ("p1", "b")):
        made["parties"][name]["columns"] = [column]
    return made


def generated(_: Path) -> Content:
    return synthetic()


def assignments(experiment: Experiment, parties: Parties) -> dict[str, Assignment]:
    """By party, what a process that reads its rows itself is given, as it arrives there."""
    assigner = Assigner(job_of(parties, experiment.plan), Observer())
    found = {}
    for party in parties:
        with ExitStack() as files:
            assignment = assigner.assignment(party, files)
        assignment.files, assignment.reading = (), reading_of(party)
        told = decode(encode(assignment))
        assert isinstance(told, Assignment)
        found[party.name] = told
    return found


@pytest.mark.parametrize("made", [own_files, shared_file, generated])
def test_rows_that_are_read_again_are_the_same_to_the_bit(
    made: Callable[[Path], Content], tmp_path: Path
) -> None:
    experiment = prepared(made(tmp_path))
    for name, given in assignments(experiment, experiment.parties).items():
        planned = experiment.parties.by_name[name].data
        read = party_of(given, iter(())).data
        assert read.digests == planned.digests
        assert all(map(torch.equal, read.features, planned.features))


def test_rows_that_have_changed_are_refused_by_what_differs(tmp_path: Path) -> None:
    experiment = prepared(own_files(tmp_path))
    shop = assignments(experiment, experiment.parties)["p1"]
    file = tmp_path / "shop.csv"
    file.write_text(file.read_text().replace("blue", "red"), encoding="utf-8")
    with pytest.raises(DataError, match=r"on .*: the columns of p1 are not those that the run was"):
        party_of(shop, iter(()))
    file.unlink()
    with pytest.raises(DataError, match=r"on .*: .*shop\.csv.*"):
        party_of(shop, iter(()))


def test_fewer_rows_of_a_training_are_read_with_the_encoders_of_all(tmp_path: Path) -> None:
    experiment = prepared(shared_file(tmp_path))
    ids = experiment.parties.first.data.train_ids
    parties = experiment.parties.with_rows(ids[: len(ids) // 2])
    for name, given in assignments(experiment, parties).items():
        assert party_of(given, iter(())).data.digests == parties.by_name[name].data.digests
