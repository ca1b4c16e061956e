"""UCI Bank Marketing: S. Moro, P. Cortez, P. Rita, "A data-driven approach to predict the success
of bank telemarketing", Decision Support Systems 62 (2014). CC BY 4.0, dataset 222 of the archive.

A file is taken from the given data directory, from the one in `SPLITRUN_DATA_DIR`, or from the
user's cache, in this order; where none has it, it is downloaded into the cache. Wherever it lay,
its bytes are those that were published, or it is refused. Downloads have bounds: on time, on size,
and on what an archive may expand to.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from platformdirs import user_cache_dir
from pydantic import Field

from splitrun.data.sources import OnDownload, Opening
from splitrun.errors import DataError, Problem
from splitrun.errors import Path as SpecPath
from splitrun.files import is_directory, is_something, read_bytes
from splitrun.spec.datasets import FileDatasetSection
from splitrun.spec.files import ReadingKeys

if TYPE_CHECKING:
    from splitrun.data.table import Table
    from splitrun.spec import Spec

ARCHIVE = "https://archive.ics.uci.edu/static/public/222/bank+marketing.zip"
PAGE = "https://archive.ics.uci.edu/dataset/222/bank+marketing"
TIMEOUT_S = 30.0
LARGEST_BYTES = 64 * 2**20
CHUNK_BYTES = 2**16
COLUMNS = (
    *("age", "job", "marital", "education", "default", "balance", "housing", "loan", "contact"),
    *("day", "month", "duration", "campaign", "pdays", "previous", "poutcome", "y"),
)


@dataclass(frozen=True)
class PublishedFile:
    """A file that never changes."""

    name: str
    sha256: str


FILES = {
    "small": PublishedFile(
        "bank.csv", "dc8d576e9bda0f41ee891251bd84bab9a39ce576cba715aac08adc2374a01fde"
    ),
    "full": PublishedFile(
        "bank-full.csv", "d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d"
    ),
}


_READING = ReadingKeys(delimiter=";")


class BankMarketingDataset(FileDatasetSection):
    """UCI Bank Marketing (Moro, Cortez and Rita, 2014): 4,521 rows, or all 45,211."""

    type: Literal["bank_marketing"]
    size: Literal["small", "full"] = "small"
    label: str = Field("y", description="The column to predict.")

    def problems(self, spec: Spec, path: SpecPath) -> Iterator[Problem]:
        """A loss that takes numbers."""
        yield from super().problems(spec, path)
        if self.label == "y" and spec.top.loss.labels == "numbers":
            what = f"the label y is yes or no, which {spec.top.loss.title} cannot learn"
            yield Problem(("top", "loss"), what, "use binary_cross_entropy")

    @property
    def reading_keys(self) -> ReadingKeys:
        """Of rows that are written as the published ones are."""
        return super().reading_keys.model_copy(update={"delimiter": ";"})

    def open(self, opening: Opening) -> BankMarketingSource:
        """The published file."""
        return BankMarketingSource(self.size, opening.data_dir, opening.on_download)

    def to_download(self, opening: Opening) -> str | None:
        """The file's name, where it is nowhere on this machine."""
        return None if self.open(opening).find() else FILES[self.size].name


@dataclass(frozen=True)
class BankMarketingSource:
    """The 10 % sample (`small`) or all rows (`full`)."""

    size: Literal["small", "full"]
    data_dir: Path | None = None
    on_download: OnDownload | None = None

    def columns(self) -> tuple[str, ...]:
        """The published names, known without the file; a damaged file is refused."""
        self.find()
        return COLUMNS

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows, downloaded first where the file is nowhere."""
        from splitrun.data.sources.records import TextFile
        from splitrun.data.sources.text import read_table

        path = self.find() or self._fetch()
        return read_table(TextFile(path, _READING), columns, text)

    def fingerprint(self) -> str:
        """Nothing: a file with other bytes is refused."""
        return ""

    def find(self) -> Path | None:
        """Where the file is, if it need not be downloaded.

        Raises:
            DataError: the file is damaged, or a data directory is not there.
        """
        for directory in self._directories():
            path = directory / self._file.name
            if is_something(path):
                remedy = f"delete it to have it downloaded again, or get it from {PAGE}"
                _check(path, _read_bytes(path), self._file.sha256, remedy)
                return path
        return None

    @property
    def _file(self) -> PublishedFile:
        return FILES[self.size]

    def _directories(self) -> Iterator[Path]:
        """Where to look, in this order; the last is the cache, which need not exist."""
        named = os.environ.get("SPLITRUN_DATA_DIR")
        for directory in (self.data_dir, Path(named) if named else None):
            if directory is None:
                continue
            if not is_directory(directory):
                message = f"{directory}: the data directory is not there; create it or name another"
                raise DataError(message)
            yield directory
        yield Path(user_cache_dir("splitrun"))

    def _fetch(self) -> Path:
        """Downloads the file into the cache."""
        directories = list(self._directories())
        name = self._file.name
        try:
            archive = download(ARCHIVE, self.on_download)
        except DataError as error:
            looked = ", ".join(str(directory / name) for directory in directories)
            message = f"{name} is not at {looked}, and cannot be downloaded: {error}"
            remedy = f"or get it from {PAGE} and put it there, or name its directory"
            raise DataError(f"{message}; {remedy} with --data-dir") from error
        content = unpack(unpack(archive, "bank.zip", ARCHIVE), name, f"{ARCHIVE}: bank.zip")
        path = directories[-1] / name
        _check(f"{ARCHIVE}: {name}", content, self._file.sha256, f"get it from {PAGE}")
        write_atomically(path, content)
        return path


def _read_bytes(path: Path) -> bytes:
    try:
        return read_bytes(path, elsewhere=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: {reason}; put the file itself there") from error


def _check(origin: Path | str, content: bytes, expected: str, remedy: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        what = f"not the published file: SHA-256 {actual[:12]}…, expected {expected[:12]}…"
        raise DataError(f"{origin}: {what}; {remedy}")


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
