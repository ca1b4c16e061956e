"""Parties in network namespaces of their own, over kernel TCP that loses, resets and is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.certificates import throw_away
from splitrun.session import prepare, train
from splitrun.spec import load
from tests.remote.parties import (
    PartyProcess,
    content,
    own_directory,
    until,
    weights,
    write_credentials,
)
from tests.remote.relay import ADDRESSES, NoRelay, relay

PORT = f"{ADDRESSES[0]}:7000"


def test_whatever_the_wire_does_the_weights_are_those_of_one_process(tmp_path: Path) -> None:
    made = content(training={"epochs": 12, "optimizer": "adam"})
    for name, credentials in throw_away(made["parties"]).items():
        own_directory(tmp_path / name, made, [name])
        write_credentials(tmp_path / name / "tls", name, credentials)
    try:
        with relay(delay_ms=5, mbps=100) as wire:
            wire.tell("loss 0.01")
            alice, bob = (
                PartyProcess(name, tmp_path / name, [where, PORT, "--tls", "tls"], namespace)
                for name, where, namespace in zip(
                    made["parties"], ("--listen", "--connect"), wire.namespaces, strict=True
                )
            )
            until(lambda: bob.steps() > 20)
            wire.tell("reset")
            until(lambda: bob.steps() > 60)
            wire.tell("cut")
            lost = wire.lost()
            until(lambda: wire.lost() > lost + 5)
            wire.tell("heal")
            assert alice.wait() == 0, alice.said
            assert bob.wait() == 0, bob.said
    except NoRelay as why:
        pytest.skip(str(why))
    together = own_directory(tmp_path / "joint", made, list(made["parties"]))
    result = train(prepare(load(together / "spec.yaml")), together / "runs")
    assert weights([alice, bob]) == result.weights_sha256
