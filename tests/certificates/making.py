"""Certificates as they should be and as they should not, and the directories that hold them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from splitrun.certificates import Credentials
from splitrun.certificates.files import pem
from splitrun.certificates.issue import Authority, new_authority, new_key, request, sign

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def authority() -> Authority:
    """A CA that has been valid for a while, and is for longer."""
    return new_authority(400 * DAY, NOW - 200 * DAY)


def credentials_of(
    ca: Authority, name: str, since: datetime = NOW, lifetime: timedelta = 90 * DAY
) -> Credentials:
    """What a party has from this CA."""
    key = new_key()
    certificate = sign(ca, request(name, key), name, lifetime, since)
    return Credentials(pem(ca.certificate), pem(certificate), pem(key))


def write(directory: Path, name: str, content: Credentials) -> Path:
    """The directory of a party."""
    for file, text in (
        ("ca.crt", content.ca),
        (f"{name}.crt", content.certificate),
        (f"{name}.key", content.key),
    ):
        (directory / file).write_bytes(text)
        (directory / file).chmod(0o600)
    return directory
