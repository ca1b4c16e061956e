"""A directory of certificates: `ca.crt` and, of the CA, `ca.key`; of a party, `NAME.key`,
`NAME.csr`, its request, and `NAME.crt`. All are PEM; keys are for their owner's eyes alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from splitrun.certificates.issue import NOT_UNDERSTOOD
from splitrun.errors import UsageError
from splitrun.files import read_bytes, remove

Content = TypeVar("Content")
Signed = TypeVar("Signed", x509.Certificate, x509.CertificateSigningRequest)

CA_CERTIFICATE = "ca.crt"
CA_KEY = "ca.key"

_MOST_BYTES = 1 << 20
_WHENCE = {
    ".key": "make one by splitrun certs request, or of a CA by certs init",
    ".csr": "make one by splitrun certs request",
    ".crt": "get it from whoever runs the CA",
}


def pem(content: x509.Certificate | x509.CertificateSigningRequest | PrivateKeyTypes) -> bytes:
    """A certificate, a request or a private key as a file holds it."""
    if isinstance(content, x509.Certificate | x509.CertificateSigningRequest):
        return content.public_bytes(Encoding.PEM)
    return content.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_certificate(path: Path) -> x509.Certificate:
    """The one certificate of a file.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    return _read(path, "one certificate", _one_certificate)


def _one_certificate(content: bytes) -> x509.Certificate:
    (certificate,) = x509.load_pem_x509_certificates(content)
    _ = certificate.issuer
    return _decoded(certificate)


def _decoded(found: Signed) -> Signed:
    """The same, whose parts have been decoded once, as otherwise they are when they are used."""
    _ = found.subject, found.public_key(), found.extensions
    return found


def read_request(path: Path) -> x509.CertificateSigningRequest:
    """A party's request.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    return _read(path, "a request", lambda pem: _decoded(x509.load_pem_x509_csr(pem)))


def read_key(path: Path) -> PrivateKeyTypes:
    """A private key.

    Raises:
        UsageError: it cannot be read, holds something else, is encrypted, or others can read it.
    """
    key = _read(path, "an unencrypted private key", lambda pem: load_pem_private_key(pem, None))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        remedy = f"chmod 600 {path}, and make a new one if anybody may have seen it"
        raise UsageError(f"{path}: others can read this key (mode {mode:04o}); {remedy}")
    return key


def _read(path: Path, kind: str, parsed: Callable[[bytes], Content]) -> Content:
    try:
        content = read_bytes(path, _MOST_BYTES, elsewhere=True)
    except FileNotFoundError as error:
        whence = _WHENCE.get(path.suffix, "name another")
        raise UsageError(f"{path}: no such file; {whence}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read: {why}; give a readable file") from error
    try:
        return parsed(content)
    except NOT_UNDERSTOOD as error:
        raise UsageError(f"{path}: does not hold {kind}; give one in PEM") from error


def write_new(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Write files that are not there yet, all or none; keys with mode 0600, whatever the umask.

    Raises:
        UsageError: one is there already, or cannot be written.
    """
    with ExitStack() as undo:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, content in contents.items():
                mode = 0o600 if name.endswith(".key") else 0o644
                opened = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                undo.callback(remove, directory / name)
                with os.fdopen(opened, "wb") as file:
                    if mode == 0o600:
                        os.fchmod(opened, mode)
                    file.write(content)
        except FileExistsError as error:
            message = f"{error.filename}: is there already, and nothing is overwritten"
            raise UsageError(f"{message}; name another directory, or move it away") from error
        except OSError as error:
            message = f"{error.filename or directory}: cannot be written: {error.strerror}"
            raise UsageError(f"{message}; name another directory") from error
        undo.pop_all()
