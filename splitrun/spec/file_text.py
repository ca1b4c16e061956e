"""The text of a spec's file, or a problem that says why there is none."""

from __future__ import annotations

import codecs
from pathlib import Path

from splitrun.errors import Problem, SpecError
from splitrun.files import open_regular
from splitrun.spec.tree import Source
from splitrun.spec.wording import closest, printable
from splitrun.spec.yaml_text import MAX_BYTES, too_large


def text_of(file: Path) -> str:
    """All of `file`, decoded as UTF-8 and not changed otherwise.

    Raises:
        SpecError: it cannot be opened, is too large or is no UTF-8.
    """
    try:
        with open_regular(file, elsewhere=True) as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SpecError([Problem((), *_why_not(file, error), printable(str(file)))]) from error
    if len(content) > MAX_BYTES:
        raise SpecError([too_large(Source(0, printable(str(file)))).problem])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SpecError([_not_utf8(file, content, error)]) from error


def _why_not(file: Path, error: Exception) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return "no such file", _alternative(file)
    if isinstance(error, IsADirectoryError):
        return "is a directory", _within(file)
    if isinstance(error, PermissionError):
        return "may not be read", "check its permissions"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or error})", "check the path"


def _alternative(file: Path) -> str:
    try:
        near = closest(file.name, [other.name for other in file.parent.glob("*.y*ml")])
    except (OSError, ValueError):
        near = None
    if near is None:
        return "check the path"
    return f"did you mean {printable(str(file.with_name(near)))}?"


def _within(directory: Path) -> str:
    specs = sorted(directory.glob("*.y*ml"))
    return f"name a file, such as {printable(str(specs[0]))}" if specs else "name a file"


def _not_utf8(file: Path, content: bytes, error: UnicodeDecodeError) -> Problem:
    before = content[: error.start].decode()
    line = before.count("\n")
    mark = Source(0, printable(str(file))).mark(line, len(before) - before.rfind("\n") - 1)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        what = "UTF-16 text"
    else:
        what = f"the byte 0x{content[error.start]:02x}, which is not UTF-8"
    return mark.flaw((), what, "save the file as UTF-8").problem
