"""stdout and stderr, which may be closed, full, or gone with whoever read them.

stderr only shows: what it does not take is lost, and nothing ends for it. stdout carries the
result: that it was not taken is an error of its own, which comes once, after the work is done.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import (
    contextmanager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from pathlib import Path
from typing import Any, TextIO, cast

from splitrun.errors import Interrupted, SplitrunError, Unprinted
from splitrun.interrupts import interrupted, stopped_by

_CLOSED = "it is closed"
_CLEARED_LINE = "\r\x1b[2K"
"""Takes a terminal back to the start of a line with nothing in it."""


class ForgivingStream:
    """A text stream, of which nobody notices that it fails.

    Args:
        stream: None for one that was closed when the process began.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._lost = False
        self._has_status = False
        self._closed = stream is None
        self._stream = stream or io.StringIO()

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # nobody writes past us
            raise AttributeError(name)
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Whether there is a terminal, as far as one can tell."""
        try:
            return self._stream.isatty()
        except ValueError:  # somebody has closed it
            return False

    def write(self, text: str) -> int:
        """Write text; characters that the stream cannot have are escaped."""
        if not isinstance(text, str):  # asked by who looks for a stream of bytes
            raise TypeError("this stream takes text")
        if self._lost or not text:
            return len(text)
        self.show_status("")
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                code = self._stream.encoding or "ascii"
                self._stream.write(text.encode(code, "backslashreplace").decode(code))
        except (OSError, ValueError) as error:
            self._lose(_reason(error))
        if self._closed:
            self._lose(_CLOSED)
        return len(text)

    def show_status(self, text: str) -> None:
        """Say what is being done, in the last line of a terminal, until something else is written
        there; "" takes it back. Where there is no such terminal, nothing is said."""
        if text and not holds_status(self):
            return
        if self._has_status or text:
            self._has_status = False  # what is written below ends none
            self.write(_CLEARED_LINE + text)
            self.flush()
            self._has_status = bool(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        if not self._lost:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(_reason(error))

    def _lose(self, reason: str) -> None:
        """From here on, nothing is written any more."""
        self._lost = True
        with suppress(OSError, ValueError):
            _divert(self._stream)
        self._complain(reason)

    def _complain(self, reason: str) -> None:
        """Nobody minds."""


class RequiredStream(ForgivingStream):
    """A text stream that fails once: with `Unprinted`. What it takes may be shown where stderr is,
    and takes the place of a status there."""

    def write(self, text: str) -> int:
        """Write text, on a terminal without a status."""
        show_status("")
        return super().write(text)

    def _complain(self, reason: str) -> None:
        message = f"stdout: cannot be written: {reason}"
        raise Unprinted(f"{message}; send it elsewhere and run the command again")


def holds_status(stream: TextIO | ForgivingStream) -> bool:
    """Whether what is written there is a terminal's, which can take back a line."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def show_status(text: str) -> None:
    """Say on stderr's terminal, if it is one, what is being done; see
    `ForgivingStream.show_status`. Nothing is said while something else is drawn there."""
    if isinstance(sys.stderr, ForgivingStream):
        sys.stderr.show_status(text)


@contextmanager
def guarded() -> Iterator[None]:
    """In here a failing stdout raises, at the end or where something is printed.

    Raises:
        Unprinted: what was printed has not been taken.
    """
    result = RequiredStream(sys.stdout)
    with redirect_stdout(cast("TextIO", result)):
        yield
    result.flush()


@contextmanager
def unnoticed() -> Iterator[None]:
    """In here nobody notices that stderr fails; a status that it has at the end is taken back."""
    with redirect_stderr(cast("TextIO", ForgivingStream(sys.stderr))):
        try:
            yield
        finally:
            show_status("")


@contextmanager
def printed(kept: Path) -> Iterator[None]:
    """In here a result is printed, which is to be found in a file, too.

    Args:
        kept: the file.

    Raises:
        Unprinted: it cannot be printed; tells where it is.
        Interrupted: a signal came meanwhile.
    """
    try:
        yield
    except Unprinted as error:
        said = str(error).rpartition("; ")[0]
        raise Unprinted(f"{said}; the result is in {kept}") from error
    except KeyboardInterrupt as error:
        number = stopped_by(error)
        message = f"{interrupted(number)} while the result was printed; it is in {kept}"
        raise Interrupted(message, number) from error


def deliver(show: Callable[[], None], kept: Path | None, judge: Callable[[], None]) -> None:
    """Print a result, and judge it, be it printed or not.

    Args:
        kept: the file in which it is to be found, too, if there is one.

    Raises:
        SplitrunError: the judgement.
        Unprinted: it was not printed, and is judged to be well.
    """
    try:
        with printed(kept) if kept else nullcontext():
            show()
    except Unprinted as error:
        try:
            judge()
        except SplitrunError as judgement:
            judgement.add_note(str(error))
            raise
        raise
    judge()


def open_closed() -> None:
    """Put something in the places of standard streams that were closed, so that no file of ours is
    opened there and taken for one of them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest place that is free: this one


def let_go() -> None:
    """Before the interpreter ends: what nobody takes must not come up again."""
    for stream in (sys.stdout, sys.stderr):
        ForgivingStream(stream).flush()


def _divert(stream: TextIO) -> None:
    """Let what a stream has in its buffer, and all that is to come, go nowhere."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(descriptor, stream.fileno())
    finally:
        os.close(descriptor)
    stream.flush()


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
