"""Keys, requests and certificates, in memory alone.

Of a request nothing is taken over but its public key: all else that a certificate says, the CA
writes itself. Extensions are those of RFC 5280, so that the strictest verifiers agree.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from splitrun.errors import UsageError, one_line
from splitrun.spec.section import PARTY_PATTERN
from splitrun.units import listed

NOT_UNDERSTOOD = (
    *(ValueError, TypeError, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
)
"""What `cryptography` raises for a stranger's bytes."""

_BACKDATED = timedelta(hours=1)
"""Validity begins so long ago, for peers whose clock is behind."""
_LONGEST_NAME = 63
"""Characters of one label of a DNS name."""
_CURVES = (ec.SECP256R1, ec.SECP384R1)
"""Those that all TLS 1.3 libraries know."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority (CA): whoever has its key decides who is who."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def checked_name(name: str) -> str:
    """A party's name, if it can stand in a certificate and in files' names.

    Raises:
        UsageError: it cannot, or it is `ca`, of which name the authority's files are.
    """
    if not re.fullmatch(PARTY_PATTERN, name) or len(name) > _LONGEST_NAME:
        rule = f"use up to {_LONGEST_NAME} letters, digits and _, no digit first"
        raise UsageError(f"{name}: no name for a party; {rule}")
    if name.lower() == "ca":
        raise UsageError(f"{name}: the CA's files have this name; give the party another one")
    return name


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key on the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(lifetime: timedelta, now: datetime | None = None) -> Authority:
    """A CA with a new key, a part of whose fingerprint is in its name: each has its own."""
    key = new_key()
    name = _named("splitrun CA " + key_fingerprint(key.public_key()).replace(":", "")[:8])
    now = now or datetime.now(UTC)
    builder = _builder(name, name, key.public_key(), now, now + lifetime, is_ca=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def request(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateSigningRequest:
    """A party's request, signed with its key: proof that it has it.

    Raises:
        UsageError: as `checked_name`.
    """
    builder = x509.CertificateSigningRequestBuilder(_named(checked_name(name)))
    return builder.add_extension(_dns_name(name), critical=False).sign(key, hashes.SHA256())


def sign(
    authority: Authority,
    asked: x509.CertificateSigningRequest,
    name: str,
    lifetime: timedelta,
    now: datetime | None = None,
) -> x509.Certificate:
    """A party's certificate, to listen with and to dial; it ends with the CA's at the latest.

    Raises:
        UsageError: the request is not of this name, or not one to be signed: what it does wrong.
    """
    if why := why_unfit(asked, checked_name(name)):
        raise UsageError(why)
    now, ca = now or datetime.now(UTC), authority.certificate
    until = min(now + lifetime, ca.not_valid_after_utc)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(_named(name), ca.subject, asked.public_key(), now, until, is_ca=False)
    return (
        builder.add_extension(_dns_name(name), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def why_unfit(asked: x509.CertificateSigningRequest, name: str) -> str:
    """Why a request is not to be signed for a party of this name; empty if it is."""
    again = "have it made by splitrun certs request"
    try:
        names = {common_name(asked.subject), *names_of(asked.extensions)}
        key, is_proven = asked.public_key(), asked.is_signature_valid
        asks_to_sign = is_authority(asked.extensions)
    except NOT_UNDERSTOOD as error:
        return f"the request cannot be understood ({one_line(error)}); {again}"
    if names != {name}:
        told = listed(sorted(names))
        return f"the request is for {told}, not for {name}; sign it for nobody else"
    if not is_on_known_curve(key):
        return f"the request's key is on neither P-256 nor P-384; {again}"
    if not is_proven:
        return "the request is not signed with its own key, or was changed; have it sent again"
    return f"the request asks for the rights of a CA; {again}" if asks_to_sign else ""


def is_on_known_curve(key: PublicKeyTypes) -> bool:
    """Whether a key is of P-256 or P-384."""
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def names_of(extensions: x509.Extensions) -> tuple[str, ...]:
    """The names that a certificate or a request is for."""
    values = (extension.value for extension in extensions)
    alternatives = [each for each in values if isinstance(each, x509.SubjectAlternativeName)]
    return tuple(
        _on_one_line(name.value if isinstance(name, x509.DNSName) else name)
        for each in alternatives
        for name in each
    )


def is_authority(extensions: x509.Extensions) -> bool:
    """Whether a certificate is a CA's, or a request asks for a CA's rights."""
    return any(
        (isinstance(value, x509.BasicConstraints) and value.ca)
        or (isinstance(value, x509.KeyUsage) and value.key_cert_sign)
        for value in (extension.value for extension in extensions)
    )


def common_name(subject: x509.Name) -> str:
    """A party's name, or a CA's; `nobody` if there is none."""
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return listed([_on_one_line(each.value) for each in names]) or "nobody"


def _on_one_line(name: object) -> str:
    """A stranger's name for himself, which cannot pass for other lines of what is shown."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate, as browsers and OpenSSL show it: `3F:A2:…`."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def key_fingerprint(key: PublicKeyTypes) -> str:
    """The SHA-256 of a public key, which its request and all its certificates have in common."""
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest().hex(":").upper()


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _dns_name(name: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    now: datetime,
    until: datetime,
    *,
    is_ca: bool,
) -> x509.CertificateBuilder:
    """What a CA's certificate and a party's have in common."""
    other_usages = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(other_usages, False),
    )
    constraints = x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None)
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
