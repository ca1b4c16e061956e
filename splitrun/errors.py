"""Every error that splitrun raises on purpose, as one tree.

    SplitrunError                 has an exit code and a message for a person
    ├── UsageError            2   what was asked for is wrong; nothing has run
    │   ├── SpecError             the spec, at known places in it
    │   │   └── ModelError        a model: cannot be imported, built, or joined to the others
    │   ├── DataError             a data file: missing, damaged, or not what the spec says
    │   └── RunDirectoryError     a run directory: not one, incomplete, or damaged
    ├── RunFailed             1   the run began and could not be finished
    │   ├── NonFiniteLoss         the loss became NaN or infinite
    │   ├── NonFiniteWeights      what is to be kept became NaN or infinite
    │   ├── WrongGradients        a user's module got gradients that are not its batch's
    │   ├── Misaligned            two parties put different samples into one batch
    │   ├── Damaged               a message is not what was sent
    │   ├── Stalled               an instruction, or a message on its way, is past its deadline
    │   ├── Lost                  a role's thread, or its party's process, ended without a word
    │   │   └── LostPeer          noticed by the role at the other end of a channel
    │   └── Refused               what another party has sent is not what the plan says
    ├── MissingExtra          3   what was asked for wants a package that is not installed
    │   └── NoCluster             or a Ray cluster that is not there, or has not what it takes
    ├── GateFailed            4   the run is done, and not what a gate demands
    ├── Unprinted             5   what was asked for is done, and could not be printed
    └── Interrupted               a signal stopped the run: 130 SIGINT, 143 SIGTERM, 129 SIGHUP

A message says what was wrong, where, and what to do about it. `PlanInvalid` stands apart:
it means that a compiled plan breaks its own rules, which is a defect of splitrun.
"""

from __future__ import annotations

import re
import signal
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

Path = tuple[str | int, ...]
"""A place in a spec: keys and list indices from the root."""


def dotted(path: Path) -> str:
    """`("parties", "bob", "columns", 2)` as `parties.bob.columns[2]`.

    A key that could be taken for several, as it holds a dot, a bracket, `=` or a quotation mark, is
    in double quotes, as in an override.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_named(part)}" if text else _named(part)
    return text


def _named(key: str) -> str:
    if key and not _NOT_BARE.search(key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_NOT_BARE = re.compile(r"""[.=\[\]"']|^\s|\s$""")


def one_line(error: BaseException, within: str = "") -> str:
    """What other code raised, on one line: its type and message.

    Args:
        within: a directory; the innermost line in it, installed packages aside, that the error
            passed through is told, too.
    """
    message = writable(" ".join(str(error).split()))
    if len(message) > _LONGEST_TOLD:
        message = message[:_LONGEST_TOLD] + "…"
    lines = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if within and frame.filename.startswith(within) and "site-packages" not in frame.filename
    ]
    where = f" ({lines[-1].filename}:{lines[-1].lineno})" if lines else ""
    return ": ".join(part for part in (type(error).__name__, message) if part) + where


_LONGEST_TOLD = 300


def writable(text: str) -> str:
    """The text, with escapes for halves of characters, which no file of ours could hold."""
    return text.encode("utf-8", "backslashreplace").decode()


class SplitrunError(Exception):
    """Base of everything splitrun raises on purpose."""

    exit_code = 1


class UsageError(SplitrunError):
    """What was asked for is wrong; nothing has run."""

    exit_code = 2


_PLACE = re.compile(r"(.*):(\d+):(\d+)", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a spec: `where: key.path: what; remedy`.

    `where` is `file:line:col`, or empty until the document that knows positions fills it in.
    """

    path: Path
    what: str
    remedy: str
    where: str = ""

    def __str__(self) -> str:
        parts = [self.where, dotted(self.path), f"{self.what}; {self.remedy}"]
        return ": ".join(part for part in parts if part)

    def to_json(self) -> dict[str, object]:
        """For editors: `file`, `line` and `column` (from 1), as far as they are known, then `key`,
        `what` and `remedy`; of an override, `file` is what was typed."""
        file, line, column = self.where, None, None
        if found := _PLACE.fullmatch(self.where):
            file, line, column = found[1], int(found[2]), int(found[3])
        place = {"file": file or None, "line": line, "column": column}
        return {**place, "key": dotted(self.path), "what": self.what, "remedy": self.remedy}

    def at(self, where: str) -> Problem:
        """The same problem, at a known place."""
        return replace(self, where=where)


class SpecError(UsageError):
    """A spec that cannot be used, with every problem found, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ModelError(SpecError):
    """A model cannot be imported, built, or joined to the others; located at its section."""


class DataError(UsageError):
    """A data file is missing, damaged, or not what the spec says."""


class Disagreement(DataError):
    """Parties do not fit together. It tells nothing of one party's own rows or files: all of them
    may read it."""


class RunDirectoryError(UsageError):
    """A run directory is not one, is incomplete, or is damaged."""


class RunFailed(SplitrunError):
    """The run began and could not be finished; names role, instruction and batch."""

    run_dir: str = ""
    """Of the run that failed."""
    stacks: str = ""
    """Where every thread was when a watchdog ended the run."""
    recurs: ClassVar[bool] = False
    """Whether it would come again, since it lies in numbers or rows."""
    left_behind: tuple[str, ...] = ()
    """Threads that do not come back and are left to themselves."""
    sound_until: int | None = None
    """Where it makes earlier steps doubtful, too: so many are known to be right."""

    def __init__(self, role: str, instruction: str, cause: str) -> None:
        self.role = role
        self.instruction = instruction
        super().__init__(f"{role} failed at {instruction}: {cause}")


class NonFiniteLoss(RunFailed):
    """The loss became NaN or infinite."""

    recurs = True


class CodecOverflow(RunFailed):
    """A finite number of a cut, or of a gradient, is more than its link's codec holds.

    Args:
        what: that the role sends.
        reach: the largest magnitude of it.
    """

    recurs = True

    def __init__(self, role: str, instruction: str, what: str, reach: str, codec: str) -> None:
        wider = "bf16, int8 or none" if codec == "fp16" else "none"
        cause = f"{what} reaches {reach}, more than the link's codec {codec} holds"
        remedy = f"use {wider} as its links.*.codec, or a lower training.optimizer.lr"
        super().__init__(role, instruction, f"{cause}; {remedy}")


class NonFiniteWeights(RunFailed):
    """What a checkpoint or a model is to keep became NaN or infinite, so it is not written.

    Args:
        which: the parameter, the buffer, or what the optimizer keeps of one.
    """

    recurs = True

    def __init__(self, role: str, instruction: str, which: str) -> None:
        cause = f"its {which} is not finite, so nothing of it is kept"
        super().__init__(role, instruction, f"{cause}; {LOWER_THE_RATE}")


LOWER_THE_RATE = "a lower learning rate (training.optimizer.lr) is the usual remedy"


class WrongGradients(RunFailed):
    """A user's module got gradients that are not its batch's, or may not be."""

    recurs = True

    def __init__(self, role: str, instruction: str, cause: str, sound_until: int) -> None:
        super().__init__(role, instruction, cause)
        self.sound_until = sound_until


class Misaligned(RunFailed):
    """Two parties put different samples into one batch."""

    recurs = True


class Damaged(RunFailed):
    """A message is not what was sent: its checksum differs."""


class Stalled(RunFailed):
    """An instruction, or a message on its way, is past its deadline."""


class Lost(RunFailed):
    """A role ended without a word before its program did: its thread, or its process."""


class LostPeer(Lost):
    """The role at the other end of a channel has ended, and what ended it is told elsewhere."""


class Refused(RunFailed):
    """What another party has sent is not what the plan says, and nothing of it was used."""

    recurs = True


class PeerFailed(RunFailed):
    """Another party has ended.

    Args:
        told: what it tells of that, which is no more than others may know.
    """

    def __init__(self, peer: str, told: str) -> None:
        super().__init__(peer, "its own machine", told)


class MissingExtra(SplitrunError):
    """What was asked for wants a package that is not installed."""

    exit_code = 3


class NoCluster(MissingExtra):
    """What was asked for wants a Ray cluster that is not there, has other versions, or has not what
    it takes."""


class GateFailed(SplitrunError):
    """What was measured does not show what a gate demands."""

    exit_code = 4


class Unprinted(SplitrunError):
    """What was asked for is done, and its result could not be printed."""

    exit_code = 5


class Interrupted(SplitrunError):
    """The user, or whoever else sent a signal, stopped the run.

    Args:
        number: the signal's.
    """

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class PlanInvalid(Exception):
    """A compiled plan breaks its own rules: a defect of splitrun, not of the spec."""
