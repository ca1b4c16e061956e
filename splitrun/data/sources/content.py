"""What a file is, told by its first bytes: names are often wrong, for browsers unpack what they
download and keep its name, or keep it packed and drop the end of its name.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from splitrun.errors import DataError
from splitrun.files import is_directory, open_regular
from splitrun.spec.wording import closest

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Kind = Literal["text", "parquet", "npz"]

_FIRST_BYTES = 16
_PARQUET = b"PAR1\x15"  # what follows the mark keeps a header such as PAR1,PAR2 apart
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PACKED = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
_FOREIGN = {
    "an Excel workbook; save the sheet as CSV": re.compile(rb"\xd0\xcf\x11\xe0"),
    "a NumPy array without a name; save it by numpy.savez, with a name for each column": (
        re.compile(rb"\x93NUMPY")
    ),
    "an Arrow file; write it as Parquet or CSV": re.compile(rb"ARROW1\x00\x00"),
    "an Avro file; write it as Parquet or CSV": re.compile(rb"Obj\x01"),
    "an HDF5 file; write it as Parquet or CSV": re.compile(rb"\x89HDF"),
    "an SQLite database; write the table as CSV": re.compile(rb"SQLite format 3\x00"),
    "a pickle, which could run code; write it as Parquet or CSV": re.compile(rb"\x80[\x02-\x05]"),
    "a 7z archive; unpack it and give the path of the file in it": re.compile(rb"7z\xbc\xaf"),
    "a RAR archive; unpack it and give the path of the file in it": re.compile(rb"Rar!\x1a\x07"),
    "a PDF document; give the path of the table itself": re.compile(rb"%PDF-\d"),
}
"""What is neither text nor one of our kinds, though people have it; and what helps."""


def kind_of(path: Path) -> Kind:
    """The kind of a file, whatever its name; a directory of Parquet files is `parquet`, and packed
    text is `text`.

    Raises:
        DataError: it cannot be read, or is of a kind that nothing here reads.
    """
    if is_directory(path):
        return "parquet"
    with open_file(path) as file:
        first = _first_bytes(file)
        if first.startswith(_PARQUET):
            return "parquet"
        for what, magic in _FOREIGN.items():
            if magic.match(first):
                raise DataError(f"{path}: {what}")
        if first.startswith(_ZIP):
            names = _members(_opened_zip(path, file))
            if names and all(name.endswith(".npy") for name in names):
                return "npz"
            if any(name.startswith("xl/") for name in names):
                raise DataError(f"{path}: an Excel workbook; save the sheet as CSV")
    return "text"


def open_text(path: Path) -> BinaryIO:
    """A text file's bytes; those of one that is packed (gzip, bzip2, xz, zstd, or a zip archive of
    one file) are unpacked as they are read.

    Reading raises DataError where an archive is damaged.

    Raises:
        DataError: it cannot be read, or an archive holds no file or several.
    """
    file = open_file(path)
    try:
        first = _first_bytes(file)
        if first.startswith(_ZIP):
            return _unpacked(path, "zip", _member(path, file), file)
        for packing, magic in _PACKED.items():
            if magic.match(first):
                return _unpacked(path, packing, _unpacking(packing, file), file)
    except BaseException:
        file.close()
        raise
    return file


def is_packed(path: Path) -> bool:
    """Whether `open_text` unpacks it.

    Raises:
        DataError: it cannot be read.
    """
    with open_file(path) as file:
        first = _first_bytes(file)
    return first.startswith(_ZIP) or any(magic.match(first) for magic in _PACKED.values())


def open_file(path: Path) -> BinaryIO:
    """A file's bytes as they are.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    try:
        return open_regular(path, elsewhere=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        near = _near(path) if isinstance(error, FileNotFoundError) else None
        remedy = f"did you mean {near}?" if near else "give the path of a file that can be read"
        raise DataError(f"{path}: {reason}; {remedy}") from error


def _near(path: Path) -> Path | None:
    """The file beside it whose name `path` probably misspells, of the same ending."""
    try:
        stems = sorted(each.stem for each in path.parent.glob(f"*{path.suffix}"))
    except (OSError, ValueError):
        return None
    near = closest(path.stem, stems)
    return path.with_stem(near) if near else None


def sha256(path: Path) -> str:
    """Of a file's bytes as they are, in hexadecimal; of an unchanged one it is known.

    Raises:
        DataError: as `open_file`.
    """
    with open_file(path) as file:
        known = os.fstat(file.fileno())
    return _sha256(path, known.st_size, known.st_mtime_ns, known.st_ino)


@lru_cache(maxsize=1024)
def _sha256(path: Path, *_: int) -> str:
    """Of a file, once as long as its size, its time and its place on the disk stay."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _first_bytes(file: BinaryIO) -> bytes:
    first = file.read(_FIRST_BYTES)
    file.seek(0)
    return first


class _Unpacked(io.RawIOBase):
    """What an archive holds; what is wrong with the archive is a DataError."""

    def __init__(self, path: Path, packing: str, content: BinaryIO, file: BinaryIO) -> None:
        self._path = path
        self._packing = packing
        self._content = content
        self._file = file

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """The next bytes."""
        import lzma
        import zlib

        view = memoryview(buffer).cast("B")
        try:
            part = self._content.read(len(view))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            message = f"{self._path}: damaged {self._packing} archive: {error}"
            raise DataError(f"{message}; {_MEND}") from error
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Closes the archive, too."""
        self._content.close()
        self._file.close()
        super().close()


_MEND = "get the file again, or pack it again"


def _unpacked(path: Path, packing: str, content: BinaryIO, file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Unpacked(path, packing, content, file), 1 << 18))


def _unpacking(packing: str, file: BinaryIO) -> BinaryIO:
    if packing == "gzip":
        import gzip

        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if packing == "bzip2":
        import bz2

        return cast("BinaryIO", bz2.BZ2File(file))
    if packing == "xz":
        import lzma

        return cast("BinaryIO", lzma.LZMAFile(file))
    import pyarrow as pa  # the standard library of Python 3.11 has no zstd

    return cast("BinaryIO", pa.CompressedInputStream(file, "zstd"))


def _opened_zip(path: Path, file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{path}: damaged zip archive: {error}; {_MEND}") from error


def _members(archive: zipfile.ZipFile) -> list[str]:
    """The files of an archive, without what macOS adds."""
    names = (info.filename for info in archive.infolist() if not info.is_dir())
    return [name for name in names if not name.startswith("__MACOSX/")]


def _member(path: Path, file: BinaryIO) -> BinaryIO:
    archive = _opened_zip(path, file)
    names = _members(archive)
    if len(names) != 1:
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        what = f"a zip archive of {len(names)} files ({shown})" if names else "an empty zip archive"
        raise DataError(f"{path}: {what}; unpack it and give the path of the file to read")
    try:
        return cast("BinaryIO", archive.open(names[0]))
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile, OSError) as error:
        message = f"{path}: {names[0]} cannot be unpacked: {error}"
        raise DataError(f"{message}; unpack it by hand and give the path of the file") from error
