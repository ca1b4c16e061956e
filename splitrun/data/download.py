"""Downloads with bounds: on time, on size, and on what an archive may expand to."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from splitrun.errors import DataError

OnDownload = Callable[[int, int | None], None]
"""Told the bytes done and, where the server says so, the bytes in all."""

TIMEOUT_S = 30.0
LARGEST_BYTES = 64 * 2**20
CHUNK_BYTES = 2**16


def download(url: str, on_progress: OnDownload | None = None) -> bytes:
    """The bytes at this address.

    Raises:
        DataError: no answer, an error, an end before the announced length, or too many bytes.
    """
    import http.client  # here, so that a validation does without
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            announced = response.headers["Content-Length"]
            total = int(announced) if announced else None
            content = bytearray()
            while chunk := response.read(CHUNK_BYTES):
                content += chunk
                if len(content) > LARGEST_BYTES:
                    raise DataError(f"{url}: more than {LARGEST_BYTES:,} bytes; check the address")
                if on_progress:
                    on_progress(len(content), total)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(f"{url}: {error}; check the connection and try again") from error
    if total is not None and len(content) < total:
        message = f"{url}: the download ended after {len(content):,} of {total:,} bytes"
        raise DataError(f"{message}; try again")
    return bytes(content)


def unpack(archive: bytes, member: str, origin: str) -> bytes:
    """One member of a zip archive, held in memory.

    Raises:
        DataError: no zip archive, damaged, without this member, or too large when unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened, opened.open(member) as file:
            content = file.read(LARGEST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, RuntimeError) as error:
        message = f"{origin}: {member} cannot be unpacked: {error}; download it again"
        raise DataError(message) from error
    if len(content) > LARGEST_BYTES:
        raise DataError(f"{origin}: {member} has more than {LARGEST_BYTES:,} bytes; do not use it")
    return content


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file that others see whole or not at all.

    Raises:
        DataError: the directory cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            part = Path(scratch) / path.name
            part.write_bytes(content)
            part.replace(path)
    except OSError as error:
        message = f"{path}: {error.strerror}; free space or make the directory writable"
        raise DataError(message) from error
