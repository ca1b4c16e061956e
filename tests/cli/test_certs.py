"""`splitrun certs`: keys that nobody else sees, requests that are signed for whom one says, and all
that there is to know of each file."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitrun.certificates import credentials
from splitrun.certificates.files import pem, write_new
from splitrun.certificates.issue import new_authority
from splitrun.cli.app import run
from tests.certificates.making import DAY, NOW
from tests.cli.trial import refusal, says


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _without_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def certs(*arguments: str) -> None:
    assert run(["certs", *arguments]) == 0


def signed(name: str, *options: str) -> None:
    """A party with a certificate of the CA in `ca`, in a directory of its own name."""
    if not Path("ca").exists():
        certs("init", "ca")
    certs("request", name, name)
    certs("sign", name, f"{name}/{name}.csr", "--ca", "ca", *options)
    Path(name, "ca.crt").write_bytes(Path("ca/ca.crt").read_bytes())


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that a command prints."""
    capsys.readouterr()
    certs(*arguments)
    return capsys.readouterr().out.splitlines()


def value(lines: list[str], what: str) -> list[str]:
    """What is said of this, by each file."""
    return [line.split(maxsplit=1)[1] for line in lines if line.startswith(f"  {what}")]


def test_a_party_has_what_it_needs_once_its_request_is_signed() -> None:
    signed("bank")
    assert credentials(Path("bank"), "bank").warnings == ()
    assert {path.name for path in Path("ca").iterdir()} == {"ca.crt", "ca.key"}


@pytest.mark.usefixtures("_without_umask")
def test_keys_are_for_their_owner_alone_whatever_the_umask() -> None:
    signed("bank")
    assert (mode("ca/ca.key"), mode("bank/bank.key")) == (0o600, 0o600)
    assert (mode("ca"), mode("bank")) == (0o700, 0o700)


def test_the_ca_has_no_need_of_a_partys_key() -> None:
    certs("init", "ca")
    certs("request", "bank", "bank")
    Path("bank/bank.key").rename("elsewhere")
    certs("sign", "bank", "bank/bank.csr", "--ca", "ca")
    Path("elsewhere").rename("bank/bank.key")
    Path("bank/ca.crt").write_bytes(Path("ca/ca.crt").read_bytes())
    assert credentials(Path("bank"), "bank").key == Path("bank/bank.key").read_bytes()


def test_without_a_directory_files_are_where_one_is() -> None:
    certs("init")
    certs("request", "bank")
    certs("sign", "bank", "bank.csr")
    found = {path.name for path in Path().iterdir()}
    assert found == {"ca.crt", "ca.key", "bank.csr", "bank.crt", "bank.key"}
    credentials(Path(), "bank")


@pytest.mark.parametrize("again", [("init", "ca"), ("request", "bank", "bank")])
@pytest.mark.parametrize("left", [".key", "other"])
def test_nothing_that_is_there_is_overwritten_not_even_in_part(
    again: tuple[str, ...], left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed("bank")
    directory = Path(again[-1])
    for path in directory.iterdir():
        if path.suffix == ".key" and left == "other":
            path.unlink()
    before = {path: path.read_bytes() for path in directory.iterdir()}
    capsys.readouterr()
    text = refusal(capsys, "certs", *again)
    message = "…: is there already, and nothing is overwritten; name another directory, or …"
    assert says(text, message), text
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


def test_a_request_that_is_signed_again_renews_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    signed("bank", "--days", "3")
    assert len(credentials(Path("bank"), "bank").warnings) == 1
    lines = told(capsys, "sign", "bank", "bank/bank.csr", "--ca", "ca")
    assert says(lines[0], "bank/bank.crt: replaces the one that was valid until …"), lines
    assert says(lines[1], "bank/bank.crt: written, for bank; valid until …"), lines
    assert credentials(Path("bank"), "bank").warnings == ()


def test_a_party_renews_with_a_new_key_from_another_directory() -> None:
    signed("bank")
    old = credentials(Path("bank"), "bank")
    certs("request", "bank", "next")
    certs("sign", "bank", "next/bank.csr", "--ca", "ca")
    Path("next/ca.crt").write_bytes(old.ca)
    new = credentials(Path("next"), "bank")
    assert new.ca == old.ca
    assert new.key != old.key


def test_a_new_ca_ends_what_the_old_one_signed(capsys: pytest.CaptureFixture[str]) -> None:
    signed("bank")
    signed("shop")
    certs("init", "new")
    certs("sign", "bank", "bank/bank.csr", "--ca", "new")
    for party in ("bank", "shop"):
        Path(party, "ca.crt").write_bytes(Path("new/ca.crt").read_bytes())
    credentials(Path("bank"), "bank")
    wrong = value(told(capsys, "show", "shop"), "wrong")
    assert wrong == ["is not signed by ca.crt; both have to come from the same CA"]


def test_a_request_shows_the_key_that_its_certificate_will_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    signed("bank")
    certificate, request, key, ca = value(told(capsys, "show", "bank"), "key")
    assert certificate == request == key != ca
    [made] = value(told(capsys, "request", "shop", "shop"), "key")
    assert [made] == value(told(capsys, "show", "shop/shop.csr"), "key")


def test_show_tells_all_of_a_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    signed("bank", "--days", "30")
    what, *lines = told(capsys, "show", "bank/bank.crt")
    assert what == "bank/bank.crt: the certificate of bank"
    for line, said in zip(
        lines,
        [
            "  valid        … UTC to … UTC",
            "  left         29 days",
            "  signed by    splitrun CA …",
            "  fingerprint  …:…",
            "  key          …:…",
        ],
        strict=True,
    ):
        assert says(line, said), line


def test_a_ca_is_known_by_the_fingerprint_that_was_told_when_it_was_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [made] = value(told(capsys, "init", "ca"), "fingerprint")
    assert [made] == value(told(capsys, "show", "ca/ca.crt"), "fingerprint")


def test_show_tells_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    signed("bank")
    signed("shop")
    Path("bank/shop.crt").write_bytes(Path("bank/bank.crt").read_bytes())
    Path("bank/shop.key").write_bytes(Path("shop/shop.key").read_bytes())
    Path("bank/shop.key").chmod(0o600)
    assert value(told(capsys, "show", "bank"), "wrong") == [
        "is for bank, not for shop; have a request of shop signed",
        "is another key than its certificate's; have the request signed that it was made for",
    ]
    Path("bank/ca.crt").unlink()
    [wrong] = value(told(capsys, "show", "bank/bank.crt"), "wrong")
    assert wrong == "no ca.crt is beside it; ask whoever signed it"


def test_show_tells_of_every_file_that_it_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    signed("bank")
    Path("bank/bank.key").chmod(0o644)
    Path("bank/bank.csr").write_text("lost")
    capsys.readouterr()
    assert run(["certs", "show", "bank"]) == 2
    captured = capsys.readouterr()
    assert "bank/bank.crt: the certificate of bank\n" in captured.out
    assert "bank/ca.crt: the certificate of a CA\n" in captured.out
    request, key = captured.err.splitlines()
    assert request == "bank/bank.csr: does not hold a request; give one in PEM"
    assert says(key, "bank/bank.key: others can read this key (mode 0644); chmod 600 …"), key


REFUSED = {
    "another's request": (
        ("sign", "shop", "bank/bank.csr", "--ca", "ca"),
        "bank/bank.csr: the request is for bank, not for shop; sign it for nobody else",
    ),
    "no request": (
        ("sign", "bank", "bank/bank.crt", "--ca", "ca"),
        "bank/bank.crt: does not hold a request; give one in PEM",
    ),
    "a request that is not there": (
        ("sign", "bank", "shop.csr", "--ca", "ca"),
        "shop.csr: no such file; make one by splitrun certs request",
    ),
    "no CA": (
        ("sign", "bank", "bank/bank.csr"),
        "ca.key: no such file; make one by splitrun certs request, or of a CA by certs init",
    ),
    "the CA's name": (
        ("request", "ca"),
        "ca: the CA's files have this name; give the party another one",
    ),
    "a path for a name": (
        ("request", "../bank"),
        "../bank: no name for a party; use up to 63 letters, digits and _, no digit first",
    ),
    "a name with a space": (("sign", "the bank", "bank/bank.csr", "--ca", "ca"), "the bank: no …"),
    "a file for a directory": (
        ("init", "bank/bank.csr"),
        "bank/bank.csr: is there already, and nothing is overwritten; name another directory, …",
    ),
    "a file above a directory": (
        ("request", "shop", "bank/bank.csr/shop"),
        "bank/bank.csr/shop: cannot be written: Not a directory; name another directory",
    ),
    "nothing to show": (
        ("show", "empty"),
        "empty: holds no .crt, .csr, .key; name another directory",
    ),
    "a file that is not there to show": (
        ("show", "shop.crt"),
        "shop.crt: no such file; get it from whoever runs the CA",
    ),
}


@pytest.mark.parametrize(("arguments", "says_what"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused(
    arguments: tuple[str, ...], says_what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed("bank")
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    capsys.readouterr()
    text = refusal(capsys, "certs", *arguments)
    assert says(text, says_what), text
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "99999"])
def test_days_are_a_whole_number_of_them(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Invalid value for '--days'" in refusal(capsys, "certs", "init", "--days", days)
    assert not Path("ca.key").exists()


def test_a_ca_that_has_ended_signs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    ended = new_authority(DAY, NOW - 2 * DAY)
    write_new(Path("ca"), {"ca.key": pem(ended.key), "ca.crt": pem(ended.certificate)})
    certs("request", "bank")
    capsys.readouterr()
    text = refusal(capsys, "certs", "sign", "bank", "bank.csr", "--ca", "ca")
    message = "ca/ca.crt: expired on …; a new CA has to sign all parties' requests"
    assert says(text, message), text
    assert not Path("bank.crt").exists()


# --- docs/certificates.md -------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
SENT = {
    "request bank tls": {"tls/bank.csr": "bank.csr"},
    "sign bank": {"bank.crt": "tls/bank.crt", "CA/ca.crt": "tls/ca.crt"},
}
"""What the parties and the CA send each other, by the command that makes it."""


def test_every_command_of_the_page_does_what_it_says() -> None:
    lines = re.findall(r"^ *\$ splitrun certs (.+)$", PAGE, re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"init", "request", "sign", "show"}
    for line in lines:
        certs(*line.split())
        for command, files in SENT.items():
            if line.startswith(command):
                for source, target in files.items():
                    content = Path(source.replace("CA", line.split()[-1])).read_bytes()
                    Path(target).write_bytes(content)
        if line.startswith("sign"):
            assert credentials(Path("tls"), "bank").warnings == ()


def test_the_page_tells_how_long_certificates_are_valid(
    capsys: pytest.CaptureFixture[str],
) -> None:
    signed("bank")
    assert "valid for 90 days, the CA's for five years" in PAGE
    assert value(told(capsys, "show", "bank"), "left") == ["89 days", "1,824 days"]
