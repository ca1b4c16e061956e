"""Parties whose files have other rows, and keys that tell which belong together."""

from __future__ import annotations

import csv
import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from splitrun.alignment import Document
from splitrun.remote import Meeting, PartyState, RunState
from splitrun.remote.states import PROTOCOL, Introduction
from splitrun.session import prepare, train
from splitrun.spec import load
from tests.remote.parties import Parties, PartyProcess, assert_ended, content, until, weights
from tests.wire.running import Memory

KEYS = {"alice": "customer", "bob": "policy", "carol": "card"}
FEATURES = {"alice": ["age"], "bob": ["visits", "score"], "carol": ["debt"]}


class Keyed(Parties):
    """Parties each of which has a file of its own, with other rows in another order."""

    def __init__(
        self, root: Path, names: Sequence[str], training: Mapping[str, Any], **dataset: Any
    ) -> None:
        rows = {"type": "csv", "label": "churned", "batch_size": 32, "key_type": "text"}
        made = content(names, dataset=rows | dataset)
        made["training"] |= training
        for name in names:
            del made["parties"][name]["columns"]
        super().__init__(root, made)
        self.joint = root / "joint"
        self.joint.mkdir()
        for name in names:
            self.write(name)

    def write(self, name: str, seed: int = 0) -> None:
        """Its file, and what is its own of the spec; both are beside the joint spec, too."""
        own = {"path": f"{name}.csv", "key": KEYS[name], "columns": FEATURES[name]}
        for directory in (self.directories[name], self.joint):
            (directory / "local.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
            self._write_rows(directory / f"{name}.csv", name, seed)

    def _write_rows(self, path: Path, name: str, seed: int) -> None:
        drawn = random.Random(f"{name} {seed}")
        people = drawn.sample(range(500), 430)
        columns = [*FEATURES[name], *(["churned"] if name == "alice" else [])]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([KEYS[name], *columns])
            for one in people:
                values = [(one * 37 + index * 11) % 97 for index in range(len(columns))]
                if name == "alice":
                    values[-1] = one % 3 == 0
                writer.writerow([f"c{one:04d}", *values])

    def start(self, name: str, *arguments: str, **how: Any) -> PartyProcess:
        """Start a party with what is its own."""
        return super().start(name, "--local", "local.yaml", *arguments, **how)

    def together(self) -> str:
        """The weights of a run in one process."""
        made = self.made | {
            "parties": {
                name: section
                | {"path": f"{name}.csv", "key": KEYS[name], "columns": FEATURES[name]}
                for name, section in self.made["parties"].items()
            }
        }
        (self.joint / "spec.yaml").write_text(yaml.safe_dump(made, sort_keys=False))
        result = train(prepare(load(self.joint / "spec.yaml")), self.joint / "runs")
        return result.weights_sha256


Make = Callable[..., Keyed]
"""(names, training, keys of the dataset) -> parties, which are gone after the test."""


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Make]:
    made: list[Keyed] = []

    def make(
        names: Sequence[str] = ("alice", "bob"),
        training: Mapping[str, Any] = MappingProxyType({}),
        **dataset: Any,
    ) -> Keyed:
        made.append(Keyed(tmp_path, names, training, **dataset))
        return made[-1]

    yield make
    for parties in made:
        for process in parties.started:
            process.process.kill()


@pytest.mark.parametrize(
    ("names", "align"), [(("alice", "bob", "carol"), "hmac"), (("alice", "bob"), "psi")]
)
def test_parties_apart_train_on_the_rows_that_one_process_would_join(
    names: Sequence[str], align: str, keyed: Make
) -> None:
    training = {"epochs": 40, "early_stopping": {"patience": 2, "min_delta": 9}}
    dataset = {"split": "stratified", "validation_fraction": 0.1}
    parties = keyed(names, training, align=align, **dataset)
    processes = parties.start_all()
    assert_ended(processes)
    assert weights(processes) == parties.together()
    for process in processes:
        assert f"in common of 430 rows of {process.name}" in process.said
    for process in processes[1:]:
        written = [it for it in process.directory.rglob("*") if it.is_file()]
        assert not any(b"churned" in it.read_bytes() for it in written if it.suffix == ".jsonl")


@pytest.mark.long
def test_rows_are_aligned_again_with_whoever_was_started_again(keyed: Make) -> None:
    parties = keyed(training={"epochs": 80}, align="hmac")
    processes = {process.name: process for process in parties.start_all()}

    def last_checkpoint(name: str) -> int:
        found = processes[name].directory.glob("runs/*/checkpoints/*/step-*")
        return max((int(path.name.removeprefix("step-")) for path in found), default=0)

    def is_later(name: str, than: int) -> bool:
        return last_checkpoint(name) > than

    for name in ("bob", "alice"):
        until(partial(is_later, name, last_checkpoint(name)))
        processes[name].signal(signal.SIGKILL)
        processes[name].process.join()
        processes[name] = parties.start(name)
    assert_ended(list(processes.values()))
    assert weights(list(processes.values())) == parties.together()


def test_a_party_that_comes_back_with_other_rows_is_told(keyed: Make) -> None:
    parties = keyed(training={"epochs": 400}, align="hmac")
    alice, bob = parties.start_all()
    until(lambda: bob.steps() > 5)
    bob.signal(signal.SIGKILL)
    bob.process.join()
    parties.write("bob", seed=1)
    again = parties.start("bob")
    assert_ended([alice], 2)
    assert again.wait() != 0
    assert "the rows in common with bob are not what they were" in alice.said
    assert "are not what they were" in again.said


def test_keys_that_all_should_have_are_told_where_they_do_not(keyed: Make) -> None:
    parties = keyed(align="sorted")
    alice, bob = parties.start_all()
    assert_ended([alice], 2)
    assert bob.wait() == 1
    for said in (alice.said, bob.said):
        assert "do not have the same keys: 430 and 430 of them; use dataset.align=" in said
        assert "Traceback" not in said


def test_what_is_wrong_with_a_party_s_rows_is_told_there_and_nowhere_else(keyed: Make) -> None:
    parties = keyed(align="psi")
    file = parties.directories["bob"] / "bob.csv"
    _, first, *_ = file.read_text().splitlines()
    file.write_text(file.read_text() + first + "\n")
    key = first.partition(",")[0]
    alice, bob = parties.start_all()
    assert_ended([bob], 2)
    assert alice.wait() == 1
    assert f"the key '{key}' in column 'policy' is that of" in bob.said
    assert "bob failed at its own machine: something is wrong with its own spec" in alice.said
    assert not any(word in alice.said for word in (key, "policy", "bob.csv"))


def test_a_part_of_a_model_says_nothing_by_itself(
    keyed: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    from splitrun.cli.app import run

    parties = keyed(align="hmac")
    processes = parties.start_all()
    assert_ended(processes)
    assert run(["eval", str(processes[1].run_directory)]) == 2
    said = capsys.readouterr().err
    assert "one party's part of a run; alice's is in its own directory" in said


def test_how_keys_are_compared_must_be_said(keyed: Make) -> None:
    parties = keyed()
    alice = parties.start("alice")
    assert_ended([alice], 2)
    assert "set dataset.align: psi shows nobody a key" in alice.said


def _introduction(party: str) -> Introduction:
    return Introduction(PROTOCOL, party, party, {}, {}, "", (), 0)


def test_documents_come_whole_over_connections_that_are_cut() -> None:
    alice = Meeting("alice", ["bob"], RunState(_introduction("alice")))
    bob = Meeting("bob", ["alice"], PartyState(_introduction("bob")))
    memory = Memory(alice.links["bob"], bob.links["alice"])
    parts = [bytes([number]) * (1 + 40_000 * number) for number in range(40)]
    alice.offer("bob", "now", "letters", Document(len(parts), iter(parts)))
    heard: list[bytes] = []

    def hear() -> None:
        heard.extend(bob.pull("alice", "now", "letters", lambda _: None))

    reader = threading.Thread(target=hear, daemon=True)
    reader.start()
    cuts = iter(range(1, 60, 2))
    wanted = [next(cuts)]

    def cut() -> None:
        if len(heard) >= wanted[0]:
            wanted[0] = next(cuts)
            memory.cut()

    alice.wait_for(lambda: not reader.is_alive(), cut)
    assert heard == parts
    assert wanted[0] > 1
