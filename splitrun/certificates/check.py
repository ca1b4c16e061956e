"""What a party's directory holds, checked before anybody dials: a refused connection would say
less, and later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from splitrun.certificates.files import CA_CERTIFICATE, CA_KEY, pem, read_certificate, read_key
from splitrun.certificates.issue import (
    Authority,
    checked_name,
    is_authority,
    is_on_known_curve,
    key_fingerprint,
    names_of,
    new_authority,
    new_key,
    request,
    sign,
)
from splitrun.errors import UsageError
from splitrun.units import SCREEN, listed, moment

_SOON = timedelta(days=14)
"""With less than this left, certificates are warned about."""
_THROWN_AWAY_AFTER = timedelta(days=30)
"""Longer than a run on one machine, whose keys are in memory alone."""


@dataclass(frozen=True)
class Credentials:
    """What a party shows to others, and knows them by, in PEM."""

    ca: bytes
    """The certificate of whoever signs all parties' certificates."""
    certificate: bytes
    key: bytes = field(repr=False)
    warnings: tuple[str, ...] = ()
    """Certificates that end soon, a line each."""


def credentials(directory: Path, name: str, now: datetime | None = None) -> Credentials:
    """A party's credentials: its `ca.crt`, `NAME.crt` and `NAME.key`.

    Raises:
        UsageError: what would make others refuse them, or make it unwise to use them: the first
            such thing, in one line that says what to do.
    """
    checked_name(name)
    now = now or datetime.now(UTC)
    key_path, path = directory / f"{name}.key", directory / f"{name}.crt"
    ca_path = directory / CA_CERTIFICATE
    key, certificate, ca = read_key(key_path), read_certificate(path), read_certificate(ca_path)
    _refuse(key_path, key_faults(key, certificate))
    _refuse(ca_path, ca_faults(ca, now))
    _refuse(path, party_faults(certificate, ca, name, now))
    warnings = [
        f"{at}: ends in {days_left(each, now)}, on {end(each)}; have it renewed"
        for at, each in ((path, certificate), (ca_path, ca))
        if each.not_valid_after_utc - now < _SOON
    ]
    return Credentials(pem(ca), pem(certificate), pem(key), tuple(warnings))


def authority(directory: Path, now: datetime | None = None) -> Authority:
    """A CA's key and certificate, to sign with: `ca.key` and `ca.crt`.

    Raises:
        UsageError: they cannot be read, do not belong together, or are not valid now.
    """
    key_path, path = directory / CA_KEY, directory / CA_CERTIFICATE
    key, certificate = read_key(key_path), read_certificate(path)
    _refuse(key_path, key_faults(key, certificate))
    _refuse(path, ca_faults(certificate, now or datetime.now(UTC)))
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UsageError(f"{key_path}: is on no curve; make a CA by splitrun certs init")
    return Authority(certificate, key)


def _refuse(path: Path, faults: Iterable[str]) -> None:
    for fault in faults:
        raise UsageError(f"{path}: {fault}")


def throw_away(names: Iterable[str]) -> Mapping[str, Credentials]:
    """Credentials, by name, for parties that one process starts, from a CA that nobody keeps.

    Raises:
        UsageError: a name cannot stand in a certificate.
    """
    authority = new_authority(_THROWN_AWAY_AFTER)
    made = {}
    for name in names:
        key = new_key()
        certificate = sign(authority, request(name, key), name, _THROWN_AWAY_AFTER)
        made[name] = Credentials(pem(authority.certificate), pem(certificate), pem(key))
    return made


def key_faults(key: PrivateKeyTypes, certificate: x509.Certificate) -> Iterator[str]:
    """What is wrong with a key beside a certificate."""
    if key_fingerprint(key.public_key()) != key_fingerprint(certificate.public_key()):
        yield "is another key than its certificate's; have the request signed that it was made for"


def ca_faults(ca: x509.Certificate, now: datetime) -> Iterator[str]:
    """What is wrong with a CA's certificate."""
    if not is_authority(ca.extensions):
        yield "is not the certificate of a CA; ask whoever runs the CA for its ca.crt"
    yield from _date_faults(ca, now, "a new CA has to sign all parties' requests")


def party_faults(
    certificate: x509.Certificate, ca: x509.Certificate, name: str, now: datetime
) -> Iterator[str]:
    """What is wrong with a party's certificate."""
    if not _is_signed_by(certificate, ca):
        yield f"is not signed by {CA_CERTIFICATE}; both have to come from the same CA"
    names = names_of(certificate.extensions)
    if name not in names:
        told = listed(names) or "nobody"
        yield f"is for {told}, not for {name}; have a request of {name} signed"
    if is_authority(certificate.extensions):
        yield "is a CA's; ask whoever runs the CA for a party's"
    if not is_on_known_curve(certificate.public_key()):
        yield "has a key on neither P-256 nor P-384; make another by splitrun certs request"
    if not _is_for_both_ends(certificate):
        yield "is not for TLS servers and clients; have it made by splitrun certs sign"
    remedy = f"have the request signed again: splitrun certs sign {name} {name}.csr"
    yield from _date_faults(certificate, now, remedy)


def _is_signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Whether a certificate names this CA, and has its signature."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_for_both_ends(certificate: x509.Certificate) -> bool:
    usages = (extension.value for extension in certificate.extensions)
    ends = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    return all(ends.issubset(u) for u in usages if isinstance(u, x509.ExtendedKeyUsage))


def _date_faults(certificate: x509.Certificate, now: datetime, remedy: str) -> Iterator[str]:
    if now < certificate.not_valid_before_utc:
        clock = f"this machine's clock says {moment(now.isoformat())}: set it right, or wait"
        yield f"is not valid before {begin(certificate)}; {clock}"
    if now > certificate.not_valid_after_utc:
        yield f"expired on {end(certificate)}; {remedy}"


def begin(certificate: x509.Certificate) -> str:
    """From when on a certificate is valid: `29 November 2026, 14:21 UTC`."""
    return moment(certificate.not_valid_before_utc.isoformat())


def end(certificate: x509.Certificate) -> str:
    """Until when a certificate is valid."""
    return moment(certificate.not_valid_after_utc.isoformat())


def days_left(certificate: x509.Certificate, now: datetime) -> str:
    """How much longer a certificate is valid: `89 days`, `1 day`, `0 days`."""
    return SCREEN.plural(max((certificate.not_valid_after_utc - now).days, 0), "day")
