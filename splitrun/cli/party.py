"""`splitrun party`: one party of a run, on its own machine."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Json,
    Overrides,
    RunsDir,
    SpecFile,
    asked,
    own_stdout,
)
from splitrun.cli.output import LOADING, Phases, Progress, echo, echo_json, shown, warn
from splitrun.cli.streams import printed
from splitrun.errors import UsageError, one_line
from splitrun.files import read_bytes

if TYPE_CHECKING:
    from splitrun.certificates import Credentials
    from splitrun.events import Emit, Sink
    from splitrun.records.run import Invocation, RunResult
    from splitrun.remote import Apart, Meeting, OwnParty
    from splitrun.session import Experiment, Resume
    from splitrun.spec import Document
    from splitrun.telemetry import Sampler


def party(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The party of the spec to be.")],
    spec: SpecFile,
    overrides: Overrides = None,
    local: Annotated[
        Path | None,
        typer.Option(
            "--local",
            metavar="FILE",
            help="YAML with what is the party's alone: path, test_path, key, on, reading, columns.",
        ),
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="The label holder's.")
    ] = "",
    connect: Annotated[
        str, typer.Option("--connect", metavar="HOST:PORT", help="Everybody else's.")
    ] = "",
    tls: Annotated[
        Path | None,
        typer.Option(
            "--tls",
            metavar="DIR",
            help="ca.crt, NAME.crt and NAME.key, see `splitrun certs`; without them, parties are "
            "on one machine.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    data_dir: DataDir = None,
    progress: Annotated[
        Progress,
        typer.Option("--progress", help="auto: the dashboard on a terminal, else plain lines."),
    ] = Progress.AUTO,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Be one party of a run whose others are elsewhere; the label holder listens."""
    phases = Phases(progress)
    phases.status("starting …")
    document = _document(name, spec, overrides or (), local)
    phases.line(LOADING)
    from splitrun.remote import OwnParty, OwnRows, run_party
    from splitrun.session.prepare import refuse_code

    address = _address(document, name, listen, connect, has_tls=tls is not None)
    credentials = _credentials(tls, name)
    with document.located(), own_stdout():
        if not allow_code:
            refuse_code(document.spec, document.directory, name)
        rows = OwnRows.of(document.spec, name, document.directory, data_dir)
        own = OwnParty.of(document, rows, runs_dir)
    attempts = _Attempts(runs_dir, progress, asked(context, overrides))
    with ExitStack() as stack, own_stdout():
        meeting = _meeting(own, address, credentials, stack)
        result = run_party(own, meeting, attempts.run, phases.line)
    with printed(Path(result.run_dir) / "manifest.json"):
        if json_output:
            echo_json(result.to_json())
        else:
            from splitrun.cli.train import summary
            from splitrun.session.run_directory import RunDirectory

            data = RunDirectory.open(Path(result.run_dir)).manifest().data
            assert data is not None
            echo(summary(f"{document.spec.name}, {name}", result, data))


def _document(name: str, spec: Path, overrides: Sequence[str], local: Path | None) -> Document:
    """The spec with what is the party's own."""
    from splitrun.spec import load

    document = load(spec, [*_own(name, local), *overrides], name)
    for warning in document.warnings:
        warn(warning)
    return document


def _own(name: str, local: Path | None) -> list[str]:
    """The changes to the spec that a party's own file comes to."""
    if local is None:
        return []
    import yaml

    from splitrun.remote.shared import OWN_KEYS

    try:
        content = yaml.safe_load(read_bytes(local, elsewhere=True))
    except (OSError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise UsageError(f"{local}: cannot be read: {why}; give a YAML file") from error
    if not isinstance(content, dict):
        raise UsageError(f"{local}: not keys and values; such as `path: mine.csv`")
    for key in content:
        if key not in OWN_KEYS:
            known = ", ".join(OWN_KEYS)
            raise UsageError(f"{local}: {key}: not a party's own; use {known}, or the spec")
    return [
        f"parties.{name}.{key}={json.dumps(value, default=str)}" for key, value in content.items()
    ]


def _credentials(tls: Path | None, name: str) -> Credentials | None:
    """What the party shows to others."""
    if tls is None:
        return None
    from splitrun.certificates import credentials

    found = credentials(tls, name)
    for warning in found.warnings:
        warn(warning)
    return found


def _address(document: Document, name: str, listen: str, connect: str, *, has_tls: bool) -> str:
    """Where to listen or to dial.

    Raises:
        UsageError: it is the other one's, none, or open to others without TLS.
    """
    holder = document.spec.top.party
    if name == holder:
        given, wanted, other = listen, "--listen", connect
    else:
        given, wanted, other = connect, "--connect", listen
    if other or not given:
        does = "listens" if name == holder else f"dials {holder}"
        instead = f", not {'--connect' if wanted == '--listen' else '--listen'}" if other else ""
        raise UsageError(f"{name} {does}: give it {wanted} HOST:PORT{instead}")
    host, colon, port = given.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise UsageError(f"{wanted} {given}: not HOST:PORT; such as 127.0.0.1:7000")
    if not has_tls and not _is_loopback(host):
        remedy = f"give --tls DIR, or use 127.0.0.1:{port}"
        raise UsageError(f"{wanted} {given}: without TLS only this machine; {remedy}")
    return given


_LAST_PORT = 65_535


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _meeting(
    own: OwnParty, address: str, credentials: Credentials | None, stack: ExitStack
) -> Meeting:
    """Where the parties meet; its connections end with the stack."""
    from splitrun.certificates import why_refused
    from splitrun.remote import Meeting
    from splitrun.wire.stream import Dialer, Listener, dialing, listening

    spec, name, holder = own.document.spec, own.name, own.document.spec.top.party
    if name == holder:
        peers = [each for each in spec.parties if each != name]
        meeting = Meeting(name, peers, own.state)
        server = listening(credentials) if credentials else None
        listener = Listener(address, meeting.links, server, warn)
        stack.callback(listener.close)
        return meeting
    meeting = Meeting(name, [holder], own.state)
    host, _, port = address.rpartition(":")
    find_out = partial(why_refused, host.strip("[]"), int(port), credentials, holder)
    client = dialing(credentials) if credentials else None
    dialer = Dialer(address, name, meeting.links[holder], client, find_out)
    stack.callback(dialer.close)
    return meeting


class _Attempts:
    """The attempts of a party's run, shown and recorded."""

    def __init__(self, runs_dir: Path, progress: Progress, asked: Invocation) -> None:
        self._runs_dir, self._progress, self._asked = runs_dir, progress, asked
        self._has_told = False

    def run(self, experiment: Experiment, resume: Resume | None, apart: Apart) -> RunResult:
        """What one attempt comes to."""
        from splitrun.cli.train import tell_prepared
        from splitrun.session import train
        from splitrun.telemetry import JsonLines, Sampler

        if not self._has_told:
            tell_prepared(experiment, self._progress)
        self._has_told = True
        roles = [role.name for role in experiment.plan.roles]

        def sampler(emit: Emit) -> Sampler:
            return Sampler(emit, roles=roles)

        with shown(self._progress) as sinks:
            every: list[Sink] = [JsonLines(), *sinks]
            return train(
                *(experiment, self._runs_dir, every, [sampler], resume, warn, apart), self._asked
            )
