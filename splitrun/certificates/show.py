"""What a file holds, in lines for a person: for whom, until when, signed by whom, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from splitrun.certificates.check import begin, ca_faults, days_left, end, key_faults, party_faults
from splitrun.certificates.files import CA_CERTIFICATE, read_certificate, read_key, read_request
from splitrun.certificates.issue import (
    common_name,
    fingerprint,
    is_authority,
    key_fingerprint,
    names_of,
    why_unfit,
)
from splitrun.files import is_something
from splitrun.units import listed

SUFFIXES = (".crt", ".csr", ".key")


def shown(file: Path, now: datetime) -> list[str]:
    """What a file of one of these suffixes holds, and a line for each thing to know of it.

    Raises:
        UsageError: it cannot be read, or is a key that others can read.
    """
    how = {".key": _key, ".csr": _request}.get(file.suffix)
    return list(how(file) if how else _certificate(file, now))


def _key(file: Path) -> Iterator[str]:
    key = read_key(file)
    yield f"the key of {file.stem}"
    yield f"key          {key_fingerprint(key.public_key())}"
    if is_something(path := file.with_suffix(".crt")):
        yield from _wrong(key_faults(key, read_certificate(path)))


def _request(file: Path) -> Iterator[str]:
    asked = read_request(file)
    name = common_name(asked.subject)
    yield f"a request of {name}"
    yield f"key          {key_fingerprint(asked.public_key())}"
    yield from _wrong(filter(None, [why_unfit(asked, name)]))


def _certificate(file: Path, now: datetime) -> Iterator[str]:
    certificate = read_certificate(file)
    is_ca = is_authority(certificate.extensions)
    whose = "a CA" if is_ca else listed(names_of(certificate.extensions)) or "nobody"
    yield f"the certificate of {whose}"
    yield f"valid        {begin(certificate)} to {end(certificate)}"
    yield f"left         {days_left(certificate, now)}"
    yield f"signed by    {common_name(certificate.issuer)}"
    yield f"fingerprint  {fingerprint(certificate)}"
    yield f"key          {key_fingerprint(certificate.public_key())}"
    if is_ca:
        yield from _wrong(ca_faults(certificate, now))
    elif is_something(ca := file.with_name(CA_CERTIFICATE)):
        yield from _wrong(party_faults(certificate, read_certificate(ca), file.stem, now))
    else:
        yield from _wrong([f"no {CA_CERTIFICATE} is beside it; ask whoever signed it"])


def _wrong(faults: Iterable[str]) -> Iterator[str]:
    return (f"wrong        {fault}" for fault in faults)
