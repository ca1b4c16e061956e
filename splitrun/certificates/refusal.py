"""Why a peer refuses, or is refused: one connection with Python's `ssl` finds out what gRPC does
not tell, to which everything is `Socket closed`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

from cryptography import x509

from splitrun.certificates.check import Credentials, ca_faults, party_faults
from splitrun.certificates.issue import names_of
from splitrun.units import listed, span

_SAME_CA = "both sides need certificates and ca.crt of the same CA"
_CLOCKS = "renew it, or set the clock that is wrong"
_OF_THEIRS = {
    9: f"its certificate is not valid yet, by our clock; {_CLOCKS}",
    10: f"its certificate has expired, by our clock; {_CLOCKS}",
}
"""Why we refuse a peer's certificate, by OpenSSL's code (`x509_vfy.h`); else it is another CA's."""
_OF_OURS = {
    "TLSV1_ALERT_UNKNOWN_CA": f"it is of another CA than its ca.crt; {_SAME_CA}",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"it has expired, by its clock; {_CLOCKS}",
}
"""Why a peer refuses our certificate, by OpenSSL's name of its alert (RFC 8446, 6.2)."""
_OLD_TLS = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"}


def why_refused(
    host: str,
    port: int,
    credentials: Credentials | None,
    peer_name: str,
    patience_s: float = 5.0,
) -> str:
    """Connect once as a party would, and say in one line what hinders it and what to do.

    What is wrong with our own certificates, which may have expired since they were checked, is
    said first, without a connection.

    Args:
        credentials: ours; None if we talk without TLS.
        peer_name: the party that should be there.
        patience_s: how long each answer is waited for.
    """
    for fault in () if credentials is None else _own_faults(credentials):
        return fault
    where, address = f"{host}:{port}", f"check the address of {peer_name}"
    try:
        with socket.create_connection((host, port), patience_s) as connection:
            return f"{where}: {_what_hinders(connection, credentials, peer_name)}"
    except (socket.gaierror, UnicodeError):
        return f"{host}: no such host; {address}"
    except ConnectionRefusedError:
        return f"{where}: nothing listens there; start {peer_name}, or {address}"
    except TimeoutError:
        silence = f"does not answer within {span(patience_s)}"
        return f"{where}: {silence}; {address}, and the firewalls between"
    except OSError as error:
        return f"{where}: cannot be reached: {error.strerror or error}; {address}"


def _own_faults(ours: Credentials) -> Iterator[str]:
    now = datetime.now(UTC)
    ca, certificate = map(x509.load_pem_x509_certificate, (ours.ca, ours.certificate))
    yield from (f"our ca.crt {fault}" for fault in ca_faults(ca, now))
    name = "".join(names_of(certificate.extensions)[:1])
    yield from (f"our certificate {fault}" for fault in party_faults(certificate, ca, name, now))


def _what_hinders(connection: socket.socket, ours: Credentials | None, peer_name: str) -> str:
    """What a peer does when TLS begins, until it has looked at our certificate."""
    try:
        tls = _context(ours).wrap_socket(connection)
    except OSError as error:
        return _without_tls(error, ours, peer_name)
    with tls:
        if ours is None:
            return "has TLS, and we do not; give --tls DIR"
        theirs = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        names = names_of(theirs.extensions)
        if peer_name not in names:
            what = f"its certificate is for {listed(names) or 'nobody'}, not for {peer_name}"
            return f"{what}; check the address of {peer_name}, and its certificate"
        reason = ""
        try:
            if tls.recv(1):  # in TLS 1.3 our certificate is looked at after the handshake
                return "TLS works, both ways; look for the reason at the other end"
        except TimeoutError:
            return "TLS works, both ways, but nothing is said; look at the other end"
        except OSError as error:
            reason = getattr(error, "reason", reason)
    # gRPC says nothing, and hangs up.
    other = f"its ca.crt may be another, or its clock wrong; {_SAME_CA}"
    return f"refuses our certificate: {_OF_OURS.get(reason, other)}"


def _context(ours: Credentials | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is compared here: exactly, and in words of ours
    context.set_alpn_protocols(["h2"])  # else gRPC hangs up
    if ours is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ours.ca.decode())
    with NamedTemporaryFile() as file:  # of mode 0600; `ssl` takes no bytes
        file.write(ours.certificate + ours.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _without_tls(error: OSError, ours: Credentials | None, peer_name: str) -> str:
    """Why TLS did not come about."""
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        other_ca = f"its certificate is not signed by our ca.crt; {_SAME_CA}"
        return _OF_THEIRS.get(error.verify_code, other_ca)
    if reason in _OLD_TLS:
        return f"has no TLS 1.3; check the address of {peer_name}"
    if isinstance(error, TimeoutError):
        what = "says nothing when TLS begins"
    elif isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        what = "has no TLS"
    else:
        what = "hangs up when TLS begins"
    if ours is None:
        return f"{what}, and we have none, either; look for the reason at the other end"
    return f"{what}; start {peer_name} with --tls, or check its address"
