"""Parties that have nothing but a spec and a connection in common."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from splitrun.certificates import throw_away
from splitrun.errors import Refused
from splitrun.records.run import read_manifest
from splitrun.remote import Meeting, OwnParty, OwnRows, PartyState, RunState
from splitrun.remote.holder import Holder
from splitrun.spec import load, loads
from tests.chaos.dying import DieAt
from tests.remote.parties import (
    Parties,
    PartyProcess,
    assert_ended,
    content,
    own_directory,
    until,
    weights,
    write_credentials,
)


@pytest.fixture
def parties(tmp_path: Path) -> Iterator[Parties]:
    made = Parties(tmp_path, content())
    yield made
    for process in made.started:
        process.process.kill()


@pytest.mark.parametrize(
    ("names", "weight", "class_weights"),
    [(("alice", "bob"), "exposure", "balanced"), (("alice", "bob", "carol"), None, None)],
)
def test_parties_with_their_own_columns_alone_train_the_model_of_one_process(
    names: Sequence[str], weight: str | None, class_weights: str | None, tmp_path: Path
) -> None:
    made = content(names)
    made["dataset"]["weight"] = weight
    made["training"]["class_weights"] = class_weights
    parties = Parties(tmp_path, made)
    processes = parties.start_all()
    assert_ended(processes)
    assert weights(processes) == parties.together()
    for process in processes:
        assert [path.name for path in process.run_directory.glob("model/*")] == [process.name]
        assert [path.name for path in process.run_directory.glob("checkpoints/*")] == [process.name]
        others = [name for name in names if name != "alice"]
        peers = others if process.name == "alice" else [process.name]
        _tells_of_its_links(
            process, {way for it in peers for way in (f"alice->{it}", f"{it}->alice")}
        )


def _tells_of_its_links(process: PartyProcess, directions: set[str]) -> None:
    """Its links were measured, and are told as a section that a spec takes."""
    manifest = read_manifest(process.run_directory)
    assert manifest is not None
    assert manifest.result is not None
    assert set(manifest.result.links) == directions
    section = process.said.partition("for a spec:\n")[2]
    text = (process.directory / "spec.yaml").read_text(encoding="utf-8")
    emulated = loads(f"{text}\n{section}", "spec.yaml").spec.links
    told = {name: link.latency_ms for name, link in manifest.result.links.items()}
    assert {name: link.latency_ms for name, link in emulated.items()} == told


def test_what_differs_is_named_on_both_sides(parties: Parties) -> None:
    alice, bob = parties.start("alice"), parties.start("bob", "training.epochs=5", "seed=4")
    assert_ended([alice, bob], 2)
    assert "training.epochs: alice has 4, bob has 5" in alice.said
    assert "training.epochs: bob has 5, alice has 4" in bob.said
    assert "seed: alice has 3, bob has 4" in alice.said


def test_other_rows_are_named_on_both_sides(parties: Parties) -> None:
    from tests.remote.parties import COLUMNS, write_rows

    write_rows(parties.directories["bob"], COLUMNS["bob"], rows=590)
    alice, bob = parties.start("alice"), parties.start("bob")
    assert_ended([alice], 2)
    assert "train_rows: 480 and 472" in alice.said
    assert bob.wait() != 0
    assert "train_rows" in bob.said


@pytest.mark.parametrize("name", ["alice", pytest.param("bob", marks=pytest.mark.long)])
def test_a_party_that_is_killed_and_started_again_finds_its_run(name: str, tmp_path: Path) -> None:
    parties = Parties(tmp_path, content(training={"epochs": 20, "optimizer": "adam"}))
    processes = {process.name: process for process in parties.start_all()}
    until(lambda: bool(list(processes[name].directory.glob("runs/*/checkpoints/*/step-*"))))
    processes[name].signal(signal.SIGKILL)
    processes[name].process.join()
    processes[name] = parties.start(name)
    assert_ended(list(processes.values()))
    assert weights(list(processes.values())) == parties.together()
    manifests = [len(list(it.directory.glob("runs/*"))) for it in processes.values()]
    assert manifests == [1, 1]


ENDS = {
    "with nothing saved": ("alice", "splitrun.session.attempt:Attempt.finish", 60, [2, 2, 2]),
    "with all saved": ("bob", "splitrun.remote.side:Side._is_saved", 5, [1, 1, 1]),
}


@pytest.mark.long
@pytest.mark.parametrize("name", ENDS)
def test_a_party_that_is_killed_after_its_last_step_is_waited_for(
    name: str, tmp_path: Path
) -> None:
    killed, at, deadline_s, lives = ENDS[name]
    made = content(("alice", "bob", "carol"), supervision={"deadline_s": deadline_s})
    parties = Parties(tmp_path, made)
    processes = {
        party: parties.start(party, first=DieAt(at, 1) if party == killed else None)
        for party in parties.made["parties"]
    }
    assert processes[killed].wait() == -signal.SIGKILL
    processes[killed] = parties.start(killed)
    assert_ended(list(processes.values()))
    assert weights(list(processes.values())) == parties.together()
    told = [it.run_directory / "parties.json" for it in processes.values()]
    assert [json.loads(path.read_text())["life"] for path in told] == lives


def test_a_party_that_does_not_come_back_is_named_and_the_others_end_in_time(
    tmp_path: Path,
) -> None:
    made = content(("alice", "bob", "carol"), training={"epochs": 400, "optimizer": "adam"})
    parties = Parties(tmp_path, made | {"supervision": {"deadline_s": 8}})
    alice, bob, carol = parties.start_all()
    until(lambda: carol.steps() > 5)
    bob.signal(signal.SIGKILL)
    bob.process.join()
    assert alice.wait() == 1
    assert carol.wait() == 1
    assert "bob failed at" in alice.said
    assert re.search(r"no connection for [\d.]+ s: ", alice.said)
    assert "bob failed at" in carol.said
    assert "Traceback" not in alice.said + carol.said


def test_an_interrupt_at_one_party_ends_all_with_the_reason(tmp_path: Path) -> None:
    parties = Parties(tmp_path, content(training={"epochs": 400, "optimizer": "adam"}))
    alice, bob = parties.start_all()
    until(lambda: bob.steps() > 5)
    bob.signal(signal.SIGINT)
    assert bob.wait() == 130
    assert alice.wait() == 1
    assert "bob failed at its own machine" in alice.said
    assert "interrupted" in alice.said


def test_parties_meet_over_tls_and_a_stranger_is_turned_away(tmp_path: Path) -> None:
    parties = Parties(tmp_path, content(), with_tls=True)
    write_credentials(tmp_path / "bob" / "other", "bob", throw_away(["bob"])["bob"])
    alice = parties.start("alice")
    stranger = parties.start("bob", "--tls", "other")
    until(lambda: "its certificate is not signed by our ca.crt" in stranger.said)
    stranger.process.kill()
    bob = parties.start("bob")
    assert_ended([alice, bob])
    assert weights([alice, bob]) == parties.together()


BAD = {
    "no address": ([], "alice listens: give it --listen HOST:PORT"),
    "the other's": (["--connect", "127.0.0.1:7000"], "alice listens: give it --listen"),
    "no port": (["--listen", "127.0.0.1"], "not HOST:PORT"),
    "open to others": (["--listen", "0.0.0.0:7000"], "without TLS only this machine"),
    "no certificates": (["--listen", "127.0.0.1:7000", "--tls", "none"], "none/alice.key"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_told_in_a_line(
    name: str, parties: Parties, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from splitrun.cli.app import run

    arguments, told = BAD[name]
    monkeypatch.chdir(parties.directories["alice"])
    assert run(["party", "alice", "spec.yaml", "--progress", "none", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_port_that_somebody_listens_at_is_told(
    parties: Parties, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from splitrun.cli.app import run

    monkeypatch.chdir(parties.directories["alice"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert run(["party", "alice", "spec.yaml", "--progress", "none", "--listen", address]) == 2
    assert f"{address}: cannot be listened at" in capsys.readouterr().err


def test_a_party_that_tells_of_anothers_model_is_refused(tmp_path: Path) -> None:
    joint = own_directory(tmp_path, content(), ["alice", "bob"])
    document = load(joint / "spec.yaml")
    alice, bob = (
        OwnParty.of(document, OwnRows.of(document.spec, name, joint), joint)
        for name in ("alice", "bob")
    )
    facts, own = bob.rows.load().facts(), alice.rows.load().facts()
    meeting = Meeting("alice", ["bob"], RunState(alice.introduction))
    for odd in (
        dataclasses.replace(facts, party="alice"),
        dataclasses.replace(facts, roles={**facts.roles, **own.roles}),
        dataclasses.replace(facts, roles={}),
    ):
        meeting.theirs["bob"] = PartyState(bob.introduction, odd.to_json())
        with pytest.raises(Refused, match="and not of its own"):
            Holder(alice, meeting, lambda _: None).agree()


def test_a_name_that_is_no_partys_is_told(
    parties: Parties, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from splitrun.cli.app import run

    monkeypatch.chdir(parties.directories["alice"])
    assert run(["party", "dave", "spec.yaml", "--listen", "127.0.0.1:7000"]) == 2
    assert "parties: 'dave' is no party; use alice or bob" in capsys.readouterr().err
