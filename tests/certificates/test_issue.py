"""A CA signs a request for the name that its operator says, and nothing else that it asks for."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from splitrun.certificates.files import read_request
from splitrun.certificates.issue import names_of, new_authority, new_key, request, sign
from splitrun.certificates.show import shown
from splitrun.errors import UsageError
from tests.certificates.making import DAY, NOW, authority
from tests.cli.trial import says

CA = authority()
KEY = new_key()
Request = x509.CertificateSigningRequest
SHA256 = hashes.SHA256()


def builder(*names: str) -> x509.CertificateSigningRequestBuilder:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names]
    return x509.CertificateSigningRequestBuilder(x509.Name(attributes))


def asking_for(extension: x509.ExtensionType) -> Request:
    return builder("bank").add_extension(extension, critical=True).sign(KEY, SHA256)


def for_names(*names: x509.GeneralName) -> Request:
    return asking_for(x509.SubjectAlternativeName(names))


def renamed() -> Request:
    encoded = request("shop", KEY).public_bytes(Encoding.DER)
    return x509.load_der_x509_csr(encoded.replace(b"shop", b"bank"))


KEY_USAGES = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)
ANOTHERS_NAME = "the request is for …, not for bank; sign it for nobody else"
WEAK = "the request's key is on neither P-256 nor P-384; have it made by splitrun certs request"
A_CAS = "the request asks for the rights of a CA; have it made by splitrun certs request"
REFUSED: dict[str, tuple[Request, str]] = {
    "another's name": (
        request("shop", KEY),
        "the request is for shop, not for bank; sign it for nobody else",
    ),
    "no name": (builder().sign(KEY, SHA256), ANOTHERS_NAME.replace("…", "nobody")),
    "two names": (
        builder("bank", "shop").sign(KEY, SHA256),
        ANOTHERS_NAME.replace("…", "bank and shop"),
    ),
    "another name beside": (
        for_names(x509.DNSName("bank"), x509.DNSName("shop")),
        ANOTHERS_NAME.replace("…", "bank and shop"),
    ),
    "a name that is no DNS name beside": (
        for_names(x509.UniformResourceIdentifier("bank")),
        ANOTHERS_NAME,
    ),
    "a name in other letters": (request("Bank", KEY), ANOTHERS_NAME.replace("…", "Bank")),
    "a name of two lines": (builder("bank\nshop").sign(KEY, SHA256), ANOTHERS_NAME),
    "a short RSA key": (builder("bank").sign(rsa.generate_private_key(65537, 1024), SHA256), WEAK),
    "a weak curve": (
        builder("bank").sign(ec.generate_private_key(ec.SECP192R1()), SHA256),
        WEAK,
    ),
    "a kind of key that TLS libraries do not share": (
        builder("bank").sign(ed25519.Ed25519PrivateKey.generate(), None),
        WEAK,
    ),
    "a CA": (asking_for(x509.BasicConstraints(ca=True, path_length=None)), A_CAS),
    "a signer of certificates": (
        asking_for(x509.KeyUsage(key_cert_sign=True, **KEY_USAGES)),
        A_CAS,
    ),
    "a name that was changed on the way": (
        renamed(),
        "the request is not signed with its own key, or was changed; have it sent again",
    ),
}


@pytest.mark.parametrize(("asked", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_a_request_is_refused_that_is(asked: Request, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        sign(CA, asked, "bank", DAY)
    assert says(str(refused.value), told), refused.value


CHANGES = st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=3)


def damaged(directory: Path, kind: str, encoded: bytes, changes: list[tuple[int, int]]) -> Path:
    """A file of which some bytes are others, and whose text is in order."""
    content = bytearray(encoded)
    for at, change in changes:
        content[at % len(content)] ^= change
    path = directory / f"damaged.{'csr' if 'REQUEST' in kind else 'crt'}"
    text = base64.encodebytes(content).decode()
    path.write_text(f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n")
    return path


@given(change=st.tuples(st.integers(0), st.integers(1, 255)))
def test_no_request_is_signed_of_which_a_byte_is_another(
    change: tuple[int, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    encoded = request("bank", KEY).public_bytes(Encoding.DER)
    path = damaged(tmp_path_factory.getbasetemp(), "CERTIFICATE REQUEST", encoded, [change])
    with pytest.raises(UsageError):
        sign(CA, read_request(path), "bank", DAY)


@pytest.mark.filterwarnings("ignore")  # some damage is tolerated, and warned about
@given(changes=CHANGES, kind=st.sampled_from(["CERTIFICATE REQUEST", "CERTIFICATE"]))
def test_what_is_damaged_is_shown_or_refused_a_line_for_each_thing(
    changes: list[tuple[int, int]], kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked = request("bank", KEY)
    whole = asked if "REQUEST" in kind else sign(CA, asked, "bank", DAY)
    encoded = whole.public_bytes(Encoding.DER)
    path = damaged(tmp_path_factory.getbasetemp(), kind, encoded, changes)
    try:
        lines = shown(path, NOW)
    except UsageError as error:
        lines = [str(error)]
    assert all(line.isprintable() for line in lines), lines


@pytest.mark.parametrize(
    "name", ["", "ca", "CA", "a b", "a.b", "*", "1a", "ü", "../a", "a/b", "a\n", "-a", "a" * 64]
)
def test_a_name_is_refused_that_names_no_party_or_no_file(name: str) -> None:
    with pytest.raises(UsageError, match=r"; (use|give)"):
        request(name, KEY)
    with pytest.raises(UsageError, match=r"; (use|give)"):
        sign(CA, request("bank", KEY), name, DAY)


@pytest.mark.parametrize("name", ["bank", "_a1", "Hospital_2", "a" * 63])
def test_strict_verifiers_take_a_certificate_at_both_ends(name: str) -> None:
    certificate = sign(CA, request(name, KEY), name, 90 * DAY)
    policy = PolicyBuilder().store(Store([CA.certificate])).time(NOW)
    client = policy.build_client_verifier().verify(certificate, [])
    assert client.subjects == [x509.DNSName(name)]
    if "_" not in name:  # which names of servers on the web may not have
        policy.build_server_verifier(x509.DNSName(name)).verify(certificate, [])


def test_nothing_but_the_key_is_taken_over_from_a_request() -> None:
    asked = asking_for(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CODE_SIGNING]))
    certificate = sign(CA, asked, "bank", DAY)
    plain = sign(CA, request("bank", KEY), "bank", DAY)
    assert certificate.subject == plain.subject
    assert list(certificate.extensions) == list(plain.extensions)
    assert names_of(certificate.extensions) == ("bank",)


def test_a_party_cannot_sign_for_others() -> None:
    certificate = sign(CA, request("bank", KEY), "bank", DAY)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca


def test_a_certificate_ends_with_its_ca_at_the_latest() -> None:
    certificate = sign(CA, request("bank", KEY), "bank", 9999 * DAY)
    assert certificate.not_valid_after_utc == CA.certificate.not_valid_after_utc


def test_no_two_cas_have_one_name_or_know_each_others_certificates() -> None:
    one, other = new_authority(DAY), new_authority(DAY)
    assert one.certificate.subject != other.certificate.subject
    certificate = sign(one, request("bank", KEY), "bank", DAY)
    certificate.verify_directly_issued_by(one.certificate)
    with pytest.raises((ValueError, InvalidSignature)):
        certificate.verify_directly_issued_by(other.certificate)


def test_keys_are_never_shown() -> None:
    assert "key" not in repr(CA)
