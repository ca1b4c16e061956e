"""Why a peer refuses, or is refused, is found out by one connection and said in one line: of gRPC
with mutual TLS, which calls all of it UNAVAILABLE, and of whatever else may listen there."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest

from splitrun.certificates import Credentials, why_refused
from tests.certificates.making import DAY, NOW, authority, credentials_of
from tests.cli.trial import says

ROOT = Path(__file__).parents[2]
CA, OTHER = authority(), authority()
BANK, SHOP = credentials_of(CA, "bank"), credentials_of(CA, "shop")
SERVERS: dict[str, Credentials | None] = {
    "bank": BANK,
    "expired": credentials_of(CA, "bank", NOW - 100 * DAY),
    "not yet valid": credentials_of(CA, "bank", NOW + 2 * DAY),
    "of another CA": credentials_of(OTHER, "bank"),
    "with another ca.crt": replace(BANK, ca=credentials_of(OTHER, "bank").ca),
    "plain": None,
}
SAME_CA = "both sides need certificates and ca.crt of the same CA"
CLOCKS = "renew it, or set the clock that is wrong"


@dataclass(frozen=True)
class Case:
    """Who dials whom, and what the one who dials is told; `PEER` is the peer's address."""

    told: str
    server: str = "bank"
    ours: Credentials | None = SHOP
    peer_name: str = "bank"


CASES = {
    "no certificate": Case("PEER: has TLS, and we do not; give --tls DIR", ours=None),
    "another CA at both of our files": Case(
        f"PEER: its certificate is not signed by our ca.crt; {SAME_CA}",
        ours=credentials_of(OTHER, "shop"),
    ),
    "a certificate of another CA": Case(
        "our certificate is not signed by ca.crt; both have to come from the same CA",
        ours=replace(credentials_of(OTHER, "shop"), ca=SHOP.ca),
    ),
    "an expired certificate": Case(
        "our certificate expired on …; have the request signed again: "
        "splitrun certs sign shop shop.csr",
        ours=credentials_of(CA, "shop", NOW - 100 * DAY),
    ),
    "a certificate of the future": Case(
        "our certificate is not valid before …; this machine's clock says …: set it right, or wait",
        ours=credentials_of(CA, "shop", NOW + 2 * DAY),
    ),
    "a peer of another CA": Case(
        f"PEER: its certificate is not signed by our ca.crt; {SAME_CA}",
        server="of another CA",
    ),
    "a peer that trusts another CA": Case(
        f"PEER: refuses our certificate: its ca.crt may be another, or its clock wrong; {SAME_CA}",
        server="with another ca.crt",
    ),
    "an expired peer": Case(
        f"PEER: its certificate has expired, by our clock; {CLOCKS}", server="expired"
    ),
    "a peer of the future": Case(
        f"PEER: its certificate is not valid yet, by our clock; {CLOCKS}", server="not yet valid"
    ),
    "a peer of another name": Case(
        "PEER: its certificate is for bank, not for clinic; "
        "check the address of clinic, and its certificate",
        peer_name="clinic",
    ),
    "a peer without TLS": Case(
        "PEER: has no TLS; start bank with --tls, or check its address", server="plain"
    ),
}
IN_ORDER = {
    "with TLS": Case("PEER: TLS works, both ways; look for the reason at the other end"),
    "without TLS": Case(
        "PEER: has no TLS, and we have none, either; look for the reason at the other end",
        server="plain",
        ours=None,
    ),
}


@dataclass(frozen=True)
class Listening:
    """Ports by the names of servers, and by cases how gRPC's own dials ended."""

    ports: dict[str, int]
    ends: dict[str, str]


def texts(credentials: Credentials | None) -> list[str] | None:
    if credentials is None:
        return None
    return [each.decode() for each in (credentials.ca, credentials.certificate, credentials.key)]


@pytest.fixture(scope="module")
def listening() -> Iterator[Listening]:
    """gRPC servers that ask for certificates, and one that does not."""
    asked = {
        "servers": {name: texts(credentials) for name, credentials in SERVERS.items()},
        "dials": {
            name: (case.server, texts(case.ours), case.peer_name)
            for name, case in (CASES | IN_ORDER).items()
        },
    }
    command = [sys.executable, "-m", "tests.certificates.grpc_parties"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        yield Listening(**json.loads(process.stdout.readline()))
        process.stdin.close()


def by_name(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "case"), cases.items(), ids=cases.keys())


@by_name(CASES | IN_ORDER)
def test_why_grpc_refuses_is_said_in_one_line(name: str, case: Case, listening: Listening) -> None:
    assert listening.ends[name] == ("UNIMPLEMENTED" if name in IN_ORDER else "UNAVAILABLE")
    port = listening.ports[case.server]
    why = why_refused("127.0.0.1", port, case.ours, case.peer_name)
    assert says(why, case.told.replace("PEER", f"127.0.0.1:{port}")), why
    assert why.isprintable()


# --- other listeners ------------------------------------------------------------------------------


@contextmanager
def listener(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of someone who takes one connection, and does this with it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            connection, _ = server.accept()
            with connection:
                answer(connection)

        thread = Thread(target=take)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def with_tls(
    credentials: Credentials, directory: Path, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Callable[[socket.socket], object]:
    """A server of OpenSSL's that demands certificates, and says what it thinks of them."""
    (directory / "pair").write_bytes(credentials.certificate + credentials.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = most
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=credentials.ca.decode())
    context.load_cert_chain(directory / "pair")

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    return answer


def until_it_ends(connection: socket.socket) -> None:
    """Say nothing."""
    with suppress(OSError):
        while connection.recv(1 << 16):
            pass


def told(answer: Callable[[socket.socket], object], ours: Credentials | None = SHOP) -> str:
    """What is said of such a listener after its address."""
    with listener(answer) as port:
        return why_refused("127.0.0.1", port, ours, "bank", 0.5).removeprefix(f"127.0.0.1:{port}: ")


def test_an_alert_that_names_the_ca_is_understood(tmp_path: Path) -> None:
    other = replace(BANK, ca=credentials_of(OTHER, "bank").ca)
    why = told(with_tls(other, tmp_path))
    assert why == f"refuses our certificate: it is of another CA than its ca.crt; {SAME_CA}"


def test_a_peer_of_an_older_tls_is_refused(tmp_path: Path) -> None:
    why = told(with_tls(BANK, tmp_path, ssl.TLSVersion.TLSv1_2))
    assert why == "has no TLS 1.3; check the address of bank"


def test_a_peer_that_takes_our_certificate_and_waits_is_not_what_hinders(tmp_path: Path) -> None:
    why = told(with_tls(BANK, tmp_path))
    assert why == "TLS works, both ways, but nothing is said; look at the other end"


def test_a_peer_that_says_nothing_is_not_waited_for() -> None:
    why = told(until_it_ends)
    assert why == "says nothing when TLS begins; start bank with --tls, or check its address"


def test_a_peer_that_hangs_up_has_no_tls() -> None:
    why = told(lambda connection: connection.recv(1))
    assert why == "hangs up when TLS begins; start bank with --tls, or check its address"


def test_a_web_server_has_no_tls() -> None:
    why = told(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert why == "has no TLS; start bank with --tls, or check its address"


@pytest.mark.parametrize("ours", [SHOP, None], ids=["with TLS", "without TLS"])
def test_where_nothing_listens_the_peer_is_to_be_started(ours: Credentials | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    why = why_refused("127.0.0.1", port, ours, "bank")
    where = f"127.0.0.1:{port}"
    assert why == f"{where}: nothing listens there; start bank, or check the address of bank"


def test_an_address_without_a_way_to_it_is_named() -> None:
    why = why_refused("255.255.255.255", 4433, SHOP, "bank", 0.5)
    told = "255.255.255.255:4433: cannot be reached: …; check the address of bank"
    assert says(why, told), why


def test_a_name_that_is_no_hosts_is_named() -> None:
    why = why_refused("bank..example", 4433, SHOP, "bank")
    assert why == "bank..example: no such host; check the address of bank"
