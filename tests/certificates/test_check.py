"""Whatever is wrong with a party's directory is said before anybody dials, in a line that helps."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from splitrun.certificates import Credentials, credentials, throw_away
from splitrun.certificates.files import pem
from splitrun.certificates.issue import new_authority, new_key
from splitrun.errors import UsageError
from tests.certificates.making import DAY, NOW, authority, credentials_of, write
from tests.cli.trial import says

CA = authority()
BANK = credentials_of(CA, "bank")
SHOP = credentials_of(CA, "shop")
ELSEWHERE = credentials_of(authority(), "bank")
ENCRYPTED = new_key().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
)


def of_ca(since_days: int) -> Credentials:
    """Of a CA that is valid for 200 days, from so many ago."""
    since = NOW - since_days * DAY
    return credentials_of(new_authority(200 * DAY, since), "bank", max(since, NOW - 200 * DAY))


def of_another_maker(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *usages: x509.ObjectIdentifier
) -> Credentials:
    """What an organisation's own CA could have made."""
    certificate = (
        x509.CertificateBuilder(CA.certificate.subject, x509.Name([]), key.public_key(), 1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 90 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank")]), critical=True)
    )
    if usages:
        certificate = certificate.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    signed = certificate.sign(CA.key, hashes.SHA256())
    return Credentials(pem(CA.certificate), pem(signed), pem(key))


WRONG: dict[str, tuple[Credentials, str]] = {
    "a certificate of another CA": (
        replace(BANK, ca=ELSEWHERE.ca),
        "bank.crt: is not signed by ca.crt; both have to come from the same CA",
    ),
    "another's certificate": (
        SHOP,
        "bank.crt: is for shop, not for bank; have a request of bank signed",
    ),
    "an expired certificate": (
        credentials_of(CA, "bank", NOW - 100 * DAY),
        "bank.crt: expired on …; have the request signed again: splitrun certs sign bank bank.csr",
    ),
    "a certificate of the future": (
        credentials_of(CA, "bank", NOW + 2 * DAY),
        "bank.crt: is not valid before …; this machine's clock says …: set it right, or wait",
    ),
    "an expired CA": (
        of_ca(since_days=201),
        "ca.crt: expired on …; a new CA has to sign all parties' requests",
    ),
    "a CA of the future": (
        of_ca(since_days=-2),
        "ca.crt: is not valid before …; this machine's clock says …: set it right, or wait",
    ),
    "a party's certificate for the CA's": (
        replace(BANK, ca=SHOP.certificate),
        "ca.crt: is not the certificate of a CA; ask whoever runs the CA for its ca.crt",
    ),
    "the CA's certificate and key for the party's": (
        Credentials(BANK.ca, BANK.ca, BANK.key),
        "bank.key: is another key than its certificate's; have the request signed that …",
    ),
    "a certificate for one end alone": (
        of_another_maker(new_key(), ExtendedKeyUsageOID.SERVER_AUTH),
        "bank.crt: is not for TLS servers and clients; have it made by splitrun certs sign",
    ),
    "an RSA key, with which an older TLS could do": (
        of_another_maker(rsa.generate_private_key(65537, 2048)),
        "bank.crt: has a key on neither P-256 nor P-384; make another by splitrun certs request",
    ),
    "another key": (
        replace(BANK, key=SHOP.key),
        "bank.key: is another key than its certificate's; have the request signed that …",
    ),
    "an encrypted key": (
        replace(BANK, key=ENCRYPTED),
        "bank.key: does not hold an unencrypted private key; give one in PEM",
    ),
    "a certificate for a key": (
        replace(BANK, key=BANK.certificate),
        "bank.key: does not hold an unencrypted private key; give one in PEM",
    ),
    "a key for a certificate": (
        replace(BANK, certificate=BANK.key),
        "bank.crt: does not hold one certificate; give one in PEM",
    ),
    "two certificates": (
        replace(BANK, certificate=BANK.certificate + BANK.ca),
        "bank.crt: does not hold one certificate; give one in PEM",
    ),
    "an empty file": (
        replace(BANK, ca=b""),
        "ca.crt: does not hold one certificate; give one in PEM",
    ),
}


@pytest.mark.parametrize(("content", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(content: Credentials, told: str, tmp_path: Path) -> None:
    write(tmp_path, "bank", content)
    with pytest.raises(UsageError) as refused:
        credentials(tmp_path, "bank")
    assert says(str(refused.value), f"{tmp_path}/{told}"), refused.value


@pytest.mark.parametrize("name", ["ca.crt", "bank.crt", "bank.key"])
def test_a_file_that_is_missing_is_named_with_whom_to_ask(name: str, tmp_path: Path) -> None:
    (write(tmp_path, "bank", BANK) / name).unlink()
    with pytest.raises(UsageError, match=rf"/{name}: no such file; .*(make one by|get it from)"):
        credentials(tmp_path, "bank")


@pytest.mark.parametrize("name", ["ca.crt", "bank.crt", "bank.key"])
def test_a_pipe_in_a_files_place_is_not_waited_for(name: str, tmp_path: Path) -> None:
    (write(tmp_path, "bank", BANK) / name).unlink()
    os.mkfifo(tmp_path / name, 0o600)
    with pytest.raises(UsageError, match=rf"/{name}: cannot be read: not a regular file; "):
        credentials(tmp_path, "bank")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o610])
def test_a_key_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    write(tmp_path, "bank", BANK).joinpath("bank.key").chmod(mode)
    with pytest.raises(UsageError) as refused:
        credentials(tmp_path, "bank")
    key = tmp_path / "bank.key"
    told = f"{key}: others can read this key (mode {mode:04o}); chmod 600 {key}, and make a new …"
    assert says(str(refused.value), told), refused.value


def test_a_name_that_is_none_is_refused_before_its_files_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.\./bank: no name for a party; "):
        credentials(tmp_path, "../bank")


def test_what_is_right_is_what_the_files_hold(tmp_path: Path) -> None:
    assert credentials(write(tmp_path, "bank", BANK), "bank") == BANK


def test_what_another_ca_has_made_is_taken_if_it_is_as_the_page_says(tmp_path: Path) -> None:
    content = of_another_maker(ec.generate_private_key(ec.SECP384R1()))
    assert credentials(write(tmp_path, "bank", content), "bank") == content


def test_a_link_to_a_key_is_followed_as_secrets_are_often_mounted(tmp_path: Path) -> None:
    write(tmp_path, "bank", BANK)
    (tmp_path / "bank.key").rename(tmp_path / "key")
    (tmp_path / "bank.key").symlink_to("key")
    assert credentials(tmp_path, "bank") == BANK


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (76.5, "bank.crt: ends in 13 days, on …; have it renewed"),
        (89.5, "bank.crt: ends in 0 days, on …; have it renewed"),
        (75.5, ""),
    ],
)
def test_a_certificate_is_warned_about_in_its_last_14_days(
    days: float, told: str, tmp_path: Path
) -> None:
    warned = credentials(write(tmp_path, "bank", BANK), "bank", NOW + days * DAY).warnings
    assert [says(each, f"{tmp_path}/{told}") for each in warned] == [True] * bool(told)


def test_a_ca_is_warned_about_in_its_last_14_days(tmp_path: Path) -> None:
    content = credentials_of(new_authority(10 * DAY), "bank")
    party, ca = credentials(write(tmp_path, "bank", content), "bank").warnings
    assert says(party, f"{tmp_path}/bank.crt: ends in 9 days, on …; have it renewed"), party
    assert says(ca, f"{tmp_path}/ca.crt: ends in 9 days, on …; have it renewed"), ca


def test_parties_of_one_machine_get_credentials_that_pass_every_check(tmp_path: Path) -> None:
    made = throw_away(["alice", "bob"])
    for name, content in made.items():
        assert credentials(write(tmp_path, name, content), name) == content
    assert made["alice"].ca == made["bob"].ca != throw_away(["alice"])["alice"].ca
    assert made["alice"].key != made["bob"].key


def test_keys_do_not_show() -> None:
    assert "PRIVATE" in BANK.key.decode()
    assert "PRIVATE" not in repr(BANK)
