"""Parties as their operators start them: `splitrun party` in a process and a directory each."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from splitrun.certificates import Credentials, throw_away
from splitrun.session import prepare, train
from splitrun.spec import load
from tests.forking import forkserver, run_command

COLUMNS = {"alice": ["age", "income"], "bob": ["visits", "score"], "carol": ["debt"]}
"""Each party's own; alice holds the label."""


def content(parties: Sequence[str] = ("alice", "bob"), **sections: Any) -> dict[str, Any]:
    """A spec of some of the parties, with dropout at bob's, and checkpoints."""
    bottom: dict[str, Any] = {"type": "mlp", "hidden": [8], "out": 4}
    made: dict[str, Any] = {
        "name": "apart",
        "seed": 3,
        "dataset": {"type": "csv", "path": "rows.csv", "label": "churned", "batch_size": 32},
        "parties": {
            name: {"columns": COLUMNS[name], "bottom": bottom | {"dropout": 0.2 * (name == "bob")}}
            for name in parties
        },
        "top": {
            "party": "alice",
            "loss": "binary_cross_entropy",
            "model": {"type": "mlp", "hidden": [8], "out": 1},
        },
        "training": {"epochs": 4, "optimizer": "adam"},
        "pipeline": {"schedule": "stale", "depth": 3},
        "checkpoint": {"every_steps": 20, "keep": 2},
        "supervision": {"deadline_s": 60},
    }
    return made | sections


def write_rows(directory: Path, columns: Sequence[str], rows: int = 600) -> None:
    """A CSV file with these columns and no others."""
    drawn = random.Random(3)
    everything = [
        {
            "age": drawn.randint(18, 90),
            "income": round(drawn.uniform(0, 1e5)),
            "visits": drawn.randint(0, 9),
            "score": round(drawn.gauss(0, 1), 3),
            "debt": round(drawn.uniform(0, 10), 3),
            "churned": drawn.choice(["yes", "no"]),
            "exposure": row % 3,
        }
        for row in range(rows)
    ]
    with (directory / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(everything)


def own_directory(root: Path, made: dict[str, Any], parties: Sequence[str]) -> Path:
    """A directory with the spec, these parties' columns, and if alice is among them the label and
    what rows count for."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "spec.yaml").write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
    columns = [column for party in parties for column in COLUMNS[party]]
    write_rows(root, [*columns, *(["churned", "exposure"] if "alice" in parties else [])])
    return root


def free_port() -> int:
    """One that nobody listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _main(
    directory: Path, arguments: Sequence[str], output: Path, first: Callable[[], None] | None
) -> None:
    if first is not None:
        first()
    run_command(arguments, directory, output)


class PartyProcess:
    """One party's process.

    Args:
        first: what it does before it runs the command; what can be pickled.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        arguments: Sequence[str],
        first: Callable[[], None] | None = None,
    ) -> None:
        self.name, self.directory = name, directory
        self._output = directory / f"{time.monotonic_ns()}.log"
        every = ["party", name, "spec.yaml", "--progress", "plain", *arguments]
        self.process = forkserver().Process(
            target=_main, args=(directory, every, self._output, first)
        )
        self.process.start()

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._output.read_text() if self._output.exists() else ""

    def wait(self, patience_s: float = 240.0) -> int:
        """Its exit code, once it has ended."""
        self.process.join(patience_s)
        assert self.process.exitcode is not None, f"{self.name} goes on: {self.said}"
        return self.process.exitcode

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    @property
    def run_directory(self) -> Path:
        """That of its newest run."""
        return sorted((self.directory / "runs").iterdir())[-1]

    def steps(self) -> int:
        """Training steps that its recording tells of."""
        parts = sorted(self.directory.glob("runs/*/events*.jsonl"))
        return sum(part.read_text().count('"op":"UPDATE"') for part in parts)


class Parties:
    """Starts parties, each in a directory with its own columns alone.

    Args:
        with_tls: each has certificates, in `tls`; so has a dave, who is no party.
    """

    def __init__(self, root: Path, made: dict[str, Any], *, with_tls: bool = False) -> None:
        self.made, self._root, self._with_tls = made, root, with_tls
        self.port = free_port()
        self.started: list[PartyProcess] = []
        self.directories = {
            name: own_directory(root / name, made, [name]) for name in made["parties"]
        }
        if with_tls:
            self.credentials = throw_away([*made["parties"], "dave"])
            for name, directory in self.directories.items():
                write_credentials(directory / "tls", name, self.credentials[name])

    def start(
        self,
        name: str,
        *arguments: str,
        port: int | None = None,
        first: Callable[[], None] | None = None,
    ) -> PartyProcess:
        """Start a party, or start it again.

        Args:
            port: that it dials instead of the label holder's.
            first: see `PartyProcess`.
        """
        where = "--listen" if name == "alice" else "--connect"
        tls = ["--tls", "tls"] if self._with_tls else []
        given = [where, f"127.0.0.1:{port or self.port}", *tls, *arguments]
        self.started.append(PartyProcess(name, self.directories[name], given, first))
        return self.started[-1]

    def start_all(self, *arguments: str) -> list[PartyProcess]:
        """Start every party."""
        return [self.start(name, *arguments) for name in self.made["parties"]]

    def together(self) -> str:
        """The weights of a run in one process."""
        joint = own_directory(self._root / "joint", self.made, list(self.made["parties"]))
        result = train(prepare(load(joint / "spec.yaml")), joint / "runs")
        return result.weights_sha256


def write_credentials(directory: Path, name: str, credentials: Credentials) -> None:
    """What `--tls` is given: a party's key and certificate, and the CA's."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "ca.crt").write_bytes(credentials.ca)
    (directory / f"{name}.crt").write_bytes(credentials.certificate)
    (directory / f"{name}.key").write_bytes(credentials.key)
    (directory / f"{name}.key").chmod(0o600)


def until(is_so: Callable[[], bool], patience_s: float = 240.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def weights(processes: Sequence[PartyProcess]) -> str:
    """The digest of the whole model, of which each party has a part."""
    digests: dict[str, str] = {}
    for process in processes:
        for model in process.run_directory.glob("model/*/model.json"):
            digests |= json.loads(model.read_text())["weights_sha256"]
    digest = hashlib.sha256()
    for role in sorted(digests):
        digest.update(bytes.fromhex(digests[role]))
    return digest.hexdigest()


def assert_ended(processes: Sequence[PartyProcess], code: int = 0) -> None:
    """All have ended, with this exit code."""
    for process in processes:
        assert process.wait() == code, process.said
