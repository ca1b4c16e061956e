"""What files hold that nobody has written a spec for yet: how they are read, keys, and a label.

A file is read by the rules that every file is read by. Where these ask, they say what to set, and
that is set here, the first of what they offer, as a person would who has nothing to add. So there
is one set of rules, and what is understood stands in the spec for whoever knows better.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from splitrun.data.sources import Opening, Source
from splitrun.data.sources.files import CsvDataset
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError
from splitrun.spec.files import PartyReading
from splitrun.spec.model import PartySection
from splitrun.spec.override import parse

Kind = Literal["numeric", "categorical", "dates", "id-like", "empty"]

LABELS = frozenset(
    {
        "y",
        "label",
        "target",
        "class",
        "outcome",
        "response",
        "churn",
        "churned",
        "default",
        "defaulted",
        "survived",
        "income",
        "fraud",
        "is_fraud",
        "click",
        "clicked",
        "converted",
    }
)
"""Names by which a column of two values is taken for the label."""
FEW_CLASSES = 20
"""Distinct whole numbers of a label that are rather classes than amounts."""
_ID_NAME = re.compile(r"(^|_)(id|ids|key|uid|uuid|index|row|nr|no)$|^id|^unnamed", re.IGNORECASE)
_MOST_REPEATED = 0.5
"""Of the rows; a column of words with more distinct ones tells rows apart and teaches nothing."""
_MOST_SET = 100
_SETTING = re.compile(r"['\"]?(?:dataset|parties\.\w+\.reading)\.\w+=")


@dataclass(frozen=True)
class ColumnSurvey:
    """One column."""

    name: str
    kind: Kind
    distinct: int
    """Values, the missing one left out."""
    missing: int
    """Rows."""
    examples: tuple[str, ...]
    """Values that most rows have, the most frequent first; of categories only."""
    whole: bool
    """Whether it has whole numbers only."""


@dataclass(frozen=True)
class FileSurvey:
    """One party's file."""

    party: str
    path: Path
    reading: Mapping[str, Any]
    """What must be set for it to be read."""
    rows: int
    columns: tuple[ColumnSurvey, ...]

    @cached_property
    def by_name(self) -> Mapping[str, ColumnSurvey]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    def words(self, column: str) -> tuple[str, ...]:
        """A column's distinct cells as text."""
        table = _source(self.party, self.path, self.reading).read((column,), {column})
        cells = table.columns[column]
        assert isinstance(cells, Categories), "it is read as text"
        return tuple(cells.values[code] for code in np.unique(cells.codes).tolist())

    def identifying(self) -> Iterator[str]:
        """The columns whose every row has another value, which has no fraction."""
        for column in self.columns:
            is_amount = column.kind == "numeric" and not column.whole
            if column.distinct == self.rows and column.kind != "dates" and not is_amount:
                yield column.name


@dataclass(frozen=True)
class Keys:
    """What rows are joined by: each party's own name for it, and how many keys all have."""

    by_party: Mapping[str, str]
    common: int
    references: Mapping[str, str] = field(default_factory=dict)
    """By party, the label holder's column that refers to its key; there it may repeat, and the
    label holder needs no key."""


def survey(party: str, path: Path) -> FileSurvey:
    """A party's file.

    Raises:
        DataError: it cannot be read, and nothing that could be set helps.
    """
    reading: dict[str, Any] = {}
    for _ in range(_MOST_SET):
        try:
            source = _source(party, path, reading)
            names = tuple(name for name in source.columns() if name)
            if "header" not in reading and _is_no_header(names):
                reading["header"] = "none"
                continue
            return _surveyed(party, path, reading, source.read(names, ()), names)
        except DataError as error:
            more = dict(settings(str(error)))
            if not more or more.items() <= reading.items():
                raise
            reading |= more
    raise DataError(f"{path}: more to be set than {_MOST_SET} keys; mend the file")


def settings(message: str) -> Iterator[tuple[str, Any]]:
    """The keys of a reading, and their values, that a message says to set; of alternatives, the
    first."""
    found = _SETTING.search(message)
    if found is None:
        return
    lexer = shlex.shlex(message[found.start() :], posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    for word in lexer:
        override, _ = parse(word.removesuffix(","), 1)
        if override is None or override.value is None:
            return
        key = next((part for part in override.path if part in PartyReading.model_fields), None)
        if key is None:
            return
        yield str(key), override.value.data
        if word.endswith(","):
            return


def common_key(files: Sequence[FileSurvey], wanted: str | None = None) -> Keys | None:
    """What the files can be joined by: a column of each whose every row has another value, most of
    which are in the other files, too; or the one of that name, where a file has it.

    A name that all have goes before others, and one that looks like a key's before that.
    """
    first, *others = files
    words = {
        file.party: {
            name: set(file.words(name))
            for name in file.identifying()
            if wanted in {None, name} or wanted not in file.by_name
        }
        for file in files
    }

    def rank(name: str) -> tuple[bool, bool]:
        return not all(name in words[it.party] for it in others), not _ID_NAME.search(name)

    for name in sorted(words[first.party], key=rank):
        chosen, common = {first.party: name}, words[first.party][name]
        for other in others:
            mine = words[other.party]
            best = max(mine, key=lambda it: (len(mine[it] & common), it == name), default=None)
            if best is None or 2 * len(mine[best] & common) < min(len(mine[best]), len(common)):
                break
            chosen[other.party], common = best, common & mine[best]
        else:
            return Keys(chosen, len(common))
    return None


def references(holder: FileSurvey, others: Sequence[FileSurvey]) -> Keys | None:
    """Each other's key, to which a column of the same name refers in the label holder's file, and
    in most rows finds a partner; None where one has none."""
    keys = {}
    for other in others:
        for name in other.identifying():
            if name in holder.by_name and holder.by_name[name].kind != "dates":
                mine = set(holder.words(name))
                if 2 * len(mine & set(other.words(name))) >= len(mine):
                    keys[other.party] = name
                    break
        else:
            return None
    return Keys(keys, 0, references=keys)


def likely_labels(files: Sequence[FileSurvey]) -> list[tuple[str, str]]:
    """Party and name of each column of two values that has the name of a label."""
    return [
        (file.party, column.name)
        for file in files
        for column in file.columns
        if column.distinct == 2 and column.name.lower() in LABELS
    ]


def _source(party: str, path: Path, reading: Mapping[str, Any]) -> Source:
    own = PartySection(path=str(path.absolute()), reading=PartyReading.model_validate(reading))
    section = CsvDataset.model_validate({"type": "csv", "label": "-"})
    return section.open(Opening((party,), Path(), party=party, own=own))


def _is_no_header(names: Sequence[str]) -> bool:
    """Whether some of the names are numbers, as no column is called."""
    return any(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", name.strip()) for name in names)


def _surveyed(
    party: str, path: Path, reading: Mapping[str, Any], table: Table, names: Sequence[str]
) -> FileSurvey:
    columns = tuple(_column(name, table) for name in names)
    if any(column.missing and column.kind == "numeric" for column in columns):
        reading = {**reading, "missing": "mean"}
    return FileSurvey(party, path, reading, table.rows, columns)


def _column(name: str, table: Table) -> ColumnSurvey:
    if name not in table.columns:
        return ColumnSurvey(name, "dates", 0, 0, (), whole=False)
    cells = table.columns[name]
    if isinstance(cells, Categories):
        rows = np.bincount(cells.codes, minlength=len(cells.values))
        words = {cells.values[code]: int(rows[code]) for code in np.flatnonzero(rows)}
        missing = words.pop("", 0)
        often = sorted(words, key=lambda word: (-words[word], word))
        is_id = len(words) > max(FEW_CLASSES, _MOST_REPEATED * table.rows)
        kind: Kind = "id-like" if is_id else "categorical"
        found = ColumnSurvey(name, kind, len(words), missing, tuple(often[:5]), whole=False)
        return found if words else replace(found, kind="empty")
    known = cells[~np.isnan(cells)]
    distinct, missing = len(np.unique(known)), len(cells) - len(known)
    whole = bool((known == np.floor(known)).all())
    is_id = whole and distinct == table.rows and _ID_NAME.search(name) is not None
    kind = "id-like" if is_id else "numeric" if len(known) else "empty"
    return ColumnSurvey(name, kind, distinct, missing, (), whole)
