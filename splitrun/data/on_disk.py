"""Columns and tensors on the disk, which the system keeps in memory as far as there is room.

What is mapped is no anonymous memory: its pages are a file's, and go when others need the room.
Tensors stand in safetensors files, whose layout is a length, a header in JSON, and the bytes of one
tensor after another.
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from splitrun.data.sources import BlockSource, Source
from splitrun.data.sources.files import FileSource
from splitrun.data.sources.held_out import HeldOutSource
from splitrun.data.table import Table
from splitrun.errors import DataError

_DTYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U8": torch.uint8}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_NO_RESERVE: int = getattr(mmap, "MAP_NORESERVE", 0x4000)
"""Of memory for pages that are written to, which none is; else there could be no more data than
memory. Python knows it from 3.13 on."""


IN_MEMORY_BYTES = 256 * 2**20
"""Larger arrays of new rows are on the disk."""


def unnamed_file(size: int) -> int:
    """An open file of no bytes yet that has no name: it is gone with the last process that has it
    open. A large one lies on the disk, so that the system may keep of it what there is memory for.

    Raises:
        DataError: there is no room for so many bytes.
    """
    if size <= IN_MEMORY_BYTES and hasattr(os, "memfd_create"):
        return os.memfd_create("splitrun")
    try:
        with TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(1, size))
            return os.dup(file.fileno())
    except OSError as error:
        message = f"{gettempdir()}: no room for {size:,} bytes: {error.strerror}"
        raise DataError(f"{message}; set TMPDIR to a directory with more") from error


def path_of_open(file: int) -> Path:
    """Where this process finds a file that it has open, whether it has a name or not."""
    return Path("/dev/fd", str(file))


def unnamed_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array to write encoded rows into. A large one lies in a file without a name, so that the
    system may keep of it what there is memory for; it is gone with the array.

    Raises:
        DataError: there is no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    with os.fdopen(unnamed_file(size), "r+b") as file:
        return np.memmap(file, dtype, "r+", shape=shape)


class ScratchColumn:
    """A column that is put on the disk part by part."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._path = path
        self._dtype: np.dtype[Any] | None = None

    def append(self, part: NDArray[Any]) -> None:
        """The next rows."""
        self._dtype = part.dtype
        self._file.write(np.ascontiguousarray(part).data)

    def whole(self) -> NDArray[Any]:
        """All rows, mapped."""
        self._file.close()
        return _mapped(self._path, self._dtype or np.dtype(np.float64))


class Scratch:
    """Arrays that are needed until tensors are made of them, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count()

    def column(self) -> ScratchColumn:
        """A new column; see `splitrun.data.table.NewColumn`."""
        return ScratchColumn(self._path())

    def array(self, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        """A new array; see `splitrun.data.table.NewArray`."""
        path = self._path()
        with path.open("xb") as file:
            file.truncate(math.prod(shape) * np.dtype(dtype).itemsize)
        return _mapped(path, np.dtype(dtype)).reshape(shape)

    def _path(self) -> Path:
        return self._directory / f"{next(self._numbers)}.bin"


@dataclass(frozen=True)
class OnDisk:
    """A source whose columns are read onto the disk."""

    source: BlockSource
    scratch: Scratch

    def columns(self) -> tuple[str, ...]:
        """The source's."""
        return self.source.columns()

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows, mapped."""
        table = self.source.read(columns, text, self.scratch.column)
        return replace(table, new_array=self.scratch.array)

    def fingerprint(self) -> str:
        """The source's."""
        return self.source.fingerprint()


def on_disk(sources: Mapping[str, Source], directory: Path) -> dict[str, Source]:
    """These sources, read by way of the disk; those that are read as a whole alone, as they are.

    One and the same source stays one.
    """
    scratch = Scratch(directory)
    made = {id(source): _on_disk(source, scratch) for source in sources.values()}
    return {party: made[id(source)] for party, source in sources.items()}


def _on_disk(source: Source, scratch: Scratch) -> Source:
    if isinstance(source, HeldOutSource):
        train, test = _on_disk(source.train, scratch), _on_disk(source.test, scratch)
        return replace(source, train=train, test=test)
    return OnDisk(source, scratch) if isinstance(source, FileSource) else source


def write_tensors(file: BinaryIO, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Fill a new file with tensors in the layout of safetensors.

    Args:
        about: what else is to be told, by name.

    Raises:
        OSError: it cannot be written.
    """
    # The widest first, so that each begins at a multiple of its own width.
    ordered = sorted(tensors.items(), key=lambda item: -item[1].element_size())
    header: dict[str, object] = {"__metadata__": dict(about)}
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for _, tensor in ordered:
        if tensor.numel():
            file.write(tensor.contiguous().view(-1).numpy().data)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file to write, on the disk for good when that is done.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True)
class MappedTensors:
    """The content of a safetensors file. Writing into its tensors changes no file."""

    tensors: Mapping[str, Tensor]
    about: Mapping[str, str]
    _mapping: mmap.mmap

    def expect_random_access(self) -> None:
        """From now on, no more is read of the disk than is asked for."""
        self._mapping.madvise(mmap.MADV_RANDOM)


def map_tensors(file: BinaryIO) -> MappedTensors:
    """Map what `write_tensors` wrote.

    Raises:
        OSError: it cannot be read.
        ValueError: it is something else, or damaged.
    """
    size = os.fstat(file.fileno()).st_size
    start = 8 + int.from_bytes(file.read(8), "little")
    if not 8 < start <= size:
        raise ValueError("its header is cut off")
    header = json.loads(file.read(start - 8))
    mapping = mmap.mmap(
        file.fileno(),
        size,
        flags=mmap.MAP_PRIVATE | _NO_RESERVE,
        prot=mmap.PROT_READ | mmap.PROT_WRITE,
    )
    try:
        about = header.pop("__metadata__")
        tensors = {name: _tensor(mapping, start, entry) for name, entry in header.items()}
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"its header is damaged: {error}") from error
    return MappedTensors(tensors, about, mapping)


def _tensor(mapping: mmap.mmap, start: int, entry: Mapping[str, Any]) -> Tensor:
    dtype, shape = _DTYPES[entry["dtype"]], entry["shape"]
    numbers = math.prod(shape)
    if not numbers:
        return torch.empty(shape, dtype=dtype)
    offset = start + entry["data_offsets"][0]
    return torch.frombuffer(mapping, dtype=dtype, count=numbers, offset=offset).reshape(shape)


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not path.stat().st_size:
        return np.empty(0, dtype)
    return np.asarray(np.memmap(path, dtype, "r+"))
