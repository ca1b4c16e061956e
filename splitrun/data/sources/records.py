"""A text file as lines and cells, told without pandas: its header, and on which line a row stands.

Whatever its encoding, its delimiter and its packing, a file becomes blocks of UTF-8 in which one
character stands between cells. Both readers see these: pandas, which is fast and forgets where a
row stood, and Python's `csv`, which is slow and knows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from splitrun.data.sources.content import open_text
from splitrun.data.words import bare
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys
from splitrun.spec.wording import option

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DELIMITERS = (",", ";", "\t", "|", "::", ":", "^", "~")
BLOCK_BYTES = 1 << 18
STAND_IN = "\x1f"
"""Between cells, where the delimiter has several characters. It was made for this, and nobody
types it."""

_JSON = re.compile(r'\[?\s*\{\s*"')
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class TextFile:
    """A file, and what the spec says about reading it."""

    path: Path
    reading: ReadingKeys
    where: str = "dataset"
    """The key of `reading` in the spec."""

    @cached_property
    def delimiter(self) -> str:
        """The character between the cells of `blocks`."""
        return STAND_IN if len(self._delimiter) > 1 else self._delimiter

    @cached_property
    def _delimiter(self) -> str:
        return "\t" if self.reading.delimiter == "tab" else self.reading.delimiter

    @cached_property
    def _is_utf8(self) -> bool:
        return codecs.lookup(self.reading.encoding).name == "utf-8"

    @property
    def has_header(self) -> bool:
        """Whether the first row holds the names of the columns."""
        return self.reading.header == "first_row"

    @property
    def skips_blanks(self) -> bool:
        """Whether blanks before a cell, and before its quotation mark, are no part of it."""
        return self.delimiter != " "

    @cached_property
    def padded_quote(self) -> re.Pattern[bytes]:
        """A quoted cell behind a blank."""
        return re.compile(rb"(?:^|[\r\n" + re.escape(self.delimiter.encode()) + rb"]) +\"")

    def restored(self, cell: str) -> str:
        """A cell as it stands in the file, a delimiter within quotes included."""
        return cell.replace(STAND_IN, self._delimiter) if self.delimiter == STAND_IN else cell

    def blocks(self) -> Iterator[bytes]:
        """The file in UTF-8, without a byte order mark and without comments, whose lines are left
        empty; `delimiter` stands between cells.

        Raises:
            DataError: it cannot be read, has NUL characters, or another encoding than is stated.
        """
        with open_text(self.path) as file:
            blocks = self._decoded(iter(lambda: file.read(BLOCK_BYTES), b""))
            if self.reading.comment is not None:
                blocks = _without_comments(blocks, self.reading.comment.encode())
            if self.delimiter == STAND_IN:
                blocks = self._with_stand_in(blocks)
            for block in blocks:
                if b"\0" in block:
                    self._refuse_nul()
                yield block.replace(b"\f", b" ") if b"\f" in block else block

    @property
    def is_converted(self) -> bool:
        """Whether `blocks` may give other bytes than the file has, by what is stated of it."""
        stated = self.reading.comment is not None or self.delimiter == STAND_IN
        return stated or not self._is_utf8

    def line_blocks(self) -> Iterator[bytes]:
        """The same bytes as `blocks`, in blocks of whole lines."""
        return _in_lines(self.blocks())

    def lines(self) -> Iterator[bytes]:
        """The lines of `blocks` with their ends, quotation marks or not."""
        return _whole_lines(self.blocks())

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The line on which each record starts and its cells, header included, blank lines left
        out.

        Raises:
            DataError: the file cannot be read, or a cell does not end.
        """
        line = 1
        try:
            with io.TextIOWrapper(
                io.BufferedReader(_Joined(self.blocks())), encoding="utf-8", newline=""
            ) as file:
                reader = csv.reader(
                    file, delimiter=self.delimiter, skipinitialspace=self.skips_blanks
                )
                for cells in reader:
                    if len(cells) > 1 or any(cell.strip() for cell in cells):
                        yield line, cells
                    line = reader.line_num + 1
        except UnicodeDecodeError as error:
            self.refuse_encoding(error)
        except csv.Error as error:
            message = f"{self.path}:{line}: {error}; look for a quotation mark that is not closed"
            raise DataError(message) from error

    def header(self) -> tuple[str, ...]:
        """The names of the columns; some may be nameless (one file index often is), or alike.

        Raises:
            DataError: the file is empty, has no header, or not this delimiter.
        """
        first = list(islice(self.records(), 2))
        if not first:
            message = f"{self.path}: the file is empty; it needs a header and at least two rows"
            raise DataError(message)
        line, cells = first[0]
        names = tuple(bare(cell) for cell in cells)
        if not self.has_header:
            return self._stated_names(line, names)
        if _JSON.match(cells[0]):
            message = f"{self.path}:{line}: JSON where the header should be"
            raise DataError(f"{message}; convert it to CSV, for example with pandas.read_json")
        if len(cells) == 1:
            self._refuse_one_column(line, cells[0], first[1:])
        if all(_NUMBER.fullmatch(cell) for cell in cells):
            message = f"{self.path}:{line}: only numbers where the header should be"
            remedy = f"name the columns there, or set {option(self.where, 'header', 'none')}"
            raise DataError(f"{message}; {remedy}")
        return names

    def place(self, row: int) -> str:
        """`file:line` of the row with this number, counted from 0 after the header."""
        for number, (line, _) in enumerate(self.records(), start=-self.has_header):
            if number == row:
                return f"{self.path}:{line}"
        return str(self.path)

    def refuse_same_names(self, names: Sequence[str], used: Sequence[str]) -> None:
        """Raises DataError for the first column that is used and has the name of another."""
        for name in used:
            if names.count(name) > 1:
                line, _ = next(self.records())
                message = f"{self.path}:{line}: {name!r} names two columns"
                raise DataError(f"{message}; give each a name of its own")

    def refuse_ragged(self, columns: int) -> None:
        """Raises DataError for the first record that has not this many cells."""
        for line, cells in self.records():
            if len(cells) != columns:
                message = f"{self.path}:{line}: {len(cells)} cells, but the header has {columns}"
                remedy = f"mend the line, or quote cells that hold {self._delimiter!r}"
                raise DataError(f"{message}; {remedy}")

    def refuse_swallowed(self, columns: int) -> None:
        """Raises DataError for the first quoted cell that holds lines which look like rows."""
        before: list[bool] = []
        for line, cells in self.records():
            kinds = [_NUMBER.fullmatch(cell) is not None for cell in cells]
            for inner in (it for cell in cells if "\n" in cell for it in cell.splitlines()[1:-1]):
                found = next(csv.reader([inner], delimiter=self.delimiter), [])
                if (
                    len(found) == columns
                    and any(before)
                    and before == [_NUMBER.fullmatch(cell) is not None for cell in found]
                ):
                    message = f"{self.path}:{line}: a quoted cell holds lines that look like rows"
                    raise DataError(f"{message}; close its quotation mark, or double it")
            before = kinds if not any("\n" in cell for cell in cells) else before

    def refuse_open_quote(self) -> NoReturn:
        """Raises DataError for the file's last record, which runs to the end inside a quoted
        cell."""
        [(line, _)] = deque(self.records(), maxlen=1)
        message = f"{self.path}:{line}: a quoted cell does not end; close its quotation mark"
        raise DataError(message)

    def refuse_encoding(self, error: UnicodeError) -> NoReturn:
        """Raises DataError for the first line that is not UTF-8."""
        with open_text(self.path) as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    raise self._not_in("UTF-8", number, line) from error
        raise self._not_in("UTF-8", 1, b"") from error

    def _not_in(self, encoding: str, number: int, line: bytes) -> DataError:
        likely = next((name for mark, name in _MARKS.items() if line.startswith(mark)), None)
        if likely is None:
            is_cp1252 = encoding.lower() not in ("cp1252", "windows-1252")
            is_cp1252 &= not any(code in line for code in _NOT_IN_CP1252)
            likely = "cp1252" if is_cp1252 else "latin-1"
        message = f"{self.path}:{number}: not {encoding}"
        remedy = f"set the file's encoding, perhaps {option(self.where, 'encoding', likely)}"
        return DataError(f"{message}; {remedy}, or convert the file, e.g. iconv -t utf-8")

    def _refuse_nul(self) -> NoReturn:
        with open_text(self.path) as file:
            if (first := file.read(4)).startswith(tuple(_MARKS)) and self._is_utf8:
                raise self._not_in("UTF-8", 1, first)
        for number, line in enumerate(_whole_lines(self._decoded_file()), start=1):
            if b"\0" in line:
                message = f"{self.path}:{number}: a NUL character"
                remedy = f"mend the file or, if it is UTF-16, set {self.where}.encoding"
                raise DataError(f"{message}; {remedy}, as in encoding: utf-16-le")
        raise AssertionError("there is one")

    def _decoded_file(self) -> Iterator[bytes]:
        with open_text(self.path) as file:
            yield from self._decoded(iter(lambda: file.read(BLOCK_BYTES), b""))

    def _decoded(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        decoded = blocks if self._is_utf8 else self._transcoded(blocks)
        for number, block in enumerate(decoded):
            yield block.removeprefix(codecs.BOM_UTF8) if number == 0 else block

    def _transcoded(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.reading.encoding)()
        lines = 1
        try:
            for block in blocks:
                text = decoder.decode(block)
                lines += text.count("\n")
                yield text.encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeDecodeError as error:
            before = bytes(error.object[: error.start]).count(b"\n")
            raise self._not_in(self.reading.encoding, lines + before, b"") from error
        except UnicodeError as error:
            message = f"{self.path}: not {self.reading.encoding}: {error}"
            raise DataError(f"{message}; set {self.where}.encoding to another") from error

    def _with_stand_in(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        wanted, stand_in = self._delimiter.encode(), STAND_IN.encode()
        for block in _in_lines(blocks):
            if stand_in in block:
                message = f"{self.path}: holds the control character 31"
                raise DataError(f"{message}, so its delimiter must be one character; convert it")
            yield block.replace(wanted, stand_in)

    def _stated_names(self, line: int, first: tuple[str, ...]) -> tuple[str, ...]:
        stated = self.reading.header
        if not isinstance(stated, tuple):
            return tuple(f"column_{number}" for number in range(1, len(first) + 1))
        remedy = f"set {self.where}.header to as many"
        if first == stated:
            remedy = f"remove {self.where}.header"
            raise DataError(f"{self.path}:{line}: the header stands here as well; {remedy}")
        if len(first) != len(stated):
            message = f"{self.path}:{line}: {len(first)} cells, but there are {len(stated)} names"
            raise DataError(f"{message}; {remedy}")
        return stated

    def _refuse_one_column(
        self, line: int, cell: str, following: Sequence[tuple[int, list[str]]]
    ) -> None:
        """A header that is one cell only, where more are likely."""
        below = self._delimiter.join(following[0][1]) if following else cell

        def likelihood(delimiter: str) -> tuple[bool, int, int]:
            """Whether the next line has as many; how many there are; how long it is."""
            count = cell.count(delimiter)
            return 0 < count == below.count(delimiter), count, len(delimiter)

        likely = max(DELIMITERS, key=likelihood)
        if following and len(following[0][1]) > 1 and likely not in cell:
            message = f"{self.path}:{line}: one cell, where the next line has more"
            remedy = "remove the line, if it is a title"
            if not cell[:1].isalnum():
                remedy += f", or set {option(self.where, 'comment', cell[0])}"
            raise DataError(f"{message}; {remedy}")
        message = f"{self.path}:{line}: one column only when split at {self._delimiter!r}"
        if likely in cell:
            typed = option(self.where, "delimiter", "tab" if likely == "\t" else likely)
            raise DataError(f"{message}; set {typed}")
        if " " in cell.strip():
            raise DataError(f"{message}; set {self.where}.delimiter to what is between cells")


_NOT_IN_CP1252 = tuple(bytes([code]) for code in (0x81, 0x8D, 0x8F, 0x90, 0x9D))


class _Joined(io.RawIOBase):
    """Blocks as one file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        while not self._rest:
            try:
                self._rest = next(self._blocks)
            except StopIteration:
                return 0
        taken, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(taken)] = taken
        return len(taken)


def _in_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, in blocks of whole lines."""
    rest = b""
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
    if rest:
        yield rest


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Line by line, with their ends."""
    for block in _in_lines(blocks):
        yield from block.splitlines(keepends=True)


def _without_comments(blocks: Iterator[bytes], mark: bytes) -> Iterator[bytes]:
    """Lines that begin with the mark are left empty, unless they are part of a quoted cell."""
    quotes = 0
    for block in _in_lines(blocks):
        lines = block.splitlines(keepends=True)
        for index, line in enumerate(lines):
            if line.startswith(mark) and quotes % 2 == 0:
                lines[index] = line[len(line.rstrip(b"\r\n")) :]
            else:
                quotes += line.count(b'"')
        yield b"".join(lines)
