"""A spec for given files as text, with what was understood of each column as a comment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitrun.data.survey import (
    FEW_CLASSES,
    ColumnSurvey,
    FileSurvey,
    Keys,
    common_key,
    likely_labels,
    references,
)
from splitrun.errors import UsageError
from splitrun.spec.section import EXPERIMENT_PATTERN
from splitrun.spec.wording import did_you_mean, printable, typed
from splitrun.spec.yaml_text import dump


@dataclass(frozen=True)
class Draft:
    """What a spec is written of."""

    files: tuple[FileSurvey, ...]
    keys: Keys | None
    holder: str
    """The party with the label; the first where nobody knows."""
    label: str | None
    is_guess: bool
    candidates: tuple[str, ...]
    """Columns of two values, where no label is known."""

    @classmethod
    def of(cls, files: Sequence[FileSurvey], label: str | None, key: str | None) -> Draft:
        """With what is given, and else with what is obvious.

        Raises:
            UsageError: no file has this label or this key, or it cannot be one.
        """
        if key is not None:
            _refuse_key(files, key)
        guesses = likely_labels(files) if label is None else []
        is_guess = len(guesses) == 1
        holder = files[0].party if label is None else _holder(files, label)
        if is_guess:
            ((holder, label),) = guesses
        keys = common_key(files, key)
        if keys is None and key is None:
            mine = next(file for file in files if file.party == holder)
            keys = references(mine, [file for file in files if file.party != holder])
        if label is not None:
            return cls(tuple(files), keys, holder, label, is_guess, candidates=())
        two = dict.fromkeys(it.name for file in files for it in file.columns if it.distinct == 2)
        return cls(tuple(files), keys, holder, None, is_guess, candidates=tuple(two))

    @property
    def _has_key(self) -> bool:
        """Whether rows can be joined: by a key, or line by line."""
        return self.keys is not None or len({file.rows for file in self.files}) == 1

    def next(self, output: Path) -> str:
        """What to do with the spec."""
        asked = ["dataset.label"] if self.label is None else []
        asked += [] if self._has_key else ["dataset.key"]
        if asked:
            return f"write {' and '.join(asked)} into it, where a comment asks"
        return f"then: splitrun train {typed(str(output))}"

    def lines(self, output: Path) -> Iterator[str]:
        """The spec, to be written to `output`, line by line."""
        files = " and ".join(printable(str(file.path)) for file in self.files)
        yield f"# What splitrun init understood of {files}."
        yield "# Check the comments, and change what you know better."
        if re.match(EXPERIMENT_PATTERN, output.stem):
            yield f"name: {_yaml(output.stem)}"
        else:
            yield "name: experiment"
        yield "dataset:"
        yield "  type: csv  # a party's file may also be Parquet or NumPy"
        yield from self._key_lines()
        yield from self._label_lines()
        fewest = min(file.rows for file in self.files)
        yield f"  batch_size: {128 if fewest >= 1024 else 32 if fewest >= 128 else 8}"
        yield "parties:"
        for file in self.files:
            yield from self._party_lines(file, output)
        yield from self._top_lines()
        yield "training:"
        yield "  epochs: 10"
        yield "  optimizer: {type: adam, lr: 0.001}"

    def _key_lines(self) -> Iterator[str]:
        rows = ", ".join(f"{file.party} {file.rows:,}" for file in self.files)
        if self.keys is not None and self.keys.references:
            yield f"  # no key: rows of {self.holder} refer to the keys of others, by parties.*.on"
        elif self.keys is not None:
            told = f"another one in every row; {self.keys.common:,} in common ({rows} rows)"
            yield f"  key: {_yaml(self.keys.by_party[self.holder])}  # {told}"
        elif self._has_key:
            yield f"  # key: none was found; the files have {rows} rows, which are taken to be the"
            yield "  # same ones in the same order. If they are not, name the column that tells."
        else:
            yield f"  # key: which column are rows joined by? ({rows} rows; none was found with"
            yield "  # another value in every row, most of which are in every file)"

    def _label_lines(self) -> Iterator[str]:
        column = self._label_column
        if column is None:
            some = ", ".join(map(printable, self.candidates[:8]))
            likely = f" Of two values: {some}." if some else ""
            yield f"  # label: which column is to be predicted?{likely}"
            return
        guess = ", by its name" if self.is_guess else ""
        missing = (
            f"; {column.missing:,} rows have none: fill or drop them" if column.missing else ""
        )
        yield f"  label: {_yaml(column.name)}  # {self.holder}'s: {_values(column)}{guess}{missing}"
        if column.distinct == 2 and column.examples:
            two = [printable(value) for value in sorted(column.examples)]
            yield f"  # positive: {_yaml(two[1])}  # what counts as 1; by default the greater"

    def _party_lines(self, file: FileSurvey, output: Path) -> Iterator[str]:
        yield f"  {file.party}:"
        place = file.path if file.path.is_absolute() else _relative(file.path, output.parent)
        yield f"    path: {_yaml(str(place))}  # {file.rows:,} rows"
        key = self.keys.by_party.get(file.party) if self.keys else None
        on = self.keys.references.get(file.party) if self.keys else None
        if on is not None:
            yield f"    key: {_yaml(key)}"
            yield f"    on: {_yaml(on)}  # {self.holder}'s column, where it may repeat"
        elif self.keys and key not in (None, self.keys.by_party.get(self.holder)):
            yield f"    key: {_yaml(key)}  # its own name for it"
        reading = {name: it for name, it in file.reading.items() if name != "categorical"}
        roles = {it.name: self._role(file, it) for it in file.columns}
        words = [it for it in file.reading.get("categorical", ()) if roles[it] == "feature"]
        reading |= {"categorical": words} if words else {}
        if reading:
            yield "    reading:"
            yield from (f"      {name}: {_yaml(it)}" for name, it in reading.items())
        dropped = [it.name for it in file.columns if self._role(file, it) == "dropped"]
        features = [it for it in file.columns if self._role(file, it) == "feature"]
        if features:
            yield f"    columns: {_yaml({'drop': dropped}) if dropped else _yaml('*')}"
        for column in file.columns:
            yield f"    #   {printable(column.name)}: {self._told(file, column)}"
        if features:
            yield "    bottom: {type: mlp, hidden: [32], out: 16}"
        elif file.party != self.holder:
            message = f"{file.path}: no column is left to learn from"
            raise UsageError(f"{message}; leave {file.party} out, or give another file")

    def _top_lines(self) -> Iterator[str]:
        column = self._label_column
        kind, width = loss_of(column) if column else ("binary_cross_entropy", 1)
        yield "top:"
        yield f"  party: {self.holder}{'' if column else '  # whose file has the label'}"
        yield f"  model: {{type: mlp, hidden: [32], out: {width}}}"
        yield f"  loss: {kind}{'' if column else '  # of a label with two values'}"

    @property
    def _label_column(self) -> ColumnSurvey | None:
        file = next(file for file in self.files if file.party == self.holder)
        return file.by_name[self.label] if self.label is not None else None

    def _role(self, file: FileSurvey, column: ColumnSurvey) -> str:
        if self.keys and column.name == self.keys.by_party.get(file.party):
            return "key"
        if self.keys and file.party == self.holder and column.name in self.keys.references.values():
            return "reference"
        if column.name == self.label:
            return "label" if file.party == self.holder else "dropped"
        return "dropped" if column.kind in ("id-like", "empty") else "feature"

    def _told(self, file: FileSurvey, column: ColumnSurvey) -> str:
        """What was understood of a column."""
        role = self._role(file, column)
        if role == "reference":
            return "refers to another's key"
        if role in ("key", "label"):
            return f"the {role}"
        if column.name == self.label:
            return "dropped: it is named like the label"
        categories = "category" if column.distinct == 1 else "categories"
        told = {
            "id-like": f"dropped: like an id, {column.distinct:,} values in {file.rows:,} rows",
            "empty": "dropped: empty in every row",
            "dates": "dates",
            "numeric": "numeric",
            "categorical": f"{column.distinct:,} {categories}: {_values(column)}",
        }[column.kind]
        return (
            f"{told}; {column.missing:,} missing" if column.missing and role != "dropped" else told
        )


def loss_of(column: ColumnSurvey) -> tuple[str, int]:
    """The loss for a label, and the width of the output that it takes."""
    if column.distinct == 2:
        return "binary_cross_entropy", 1
    if column.kind == "numeric" and not (column.whole and column.distinct <= FEW_CLASSES):
        return "mse", 1
    return "cross_entropy", column.distinct


def _holder(files: Sequence[FileSurvey], label: str) -> str:
    """The first party whose file has the label."""
    for file in files:
        column = file.by_name.get(label)
        if column is None:
            continue
        why = {"dates": "holds dates", "empty": "is empty", "id-like": "is like an id"}
        if column.kind in why or column.distinct < 2:
            what = why.get(column.kind, "has the same value in every row")
            raise UsageError(f"--label {label}: {what} in {file.path}; choose another column")
        return file.party
    names = [column.name for file in files for column in file.columns]
    remedy = did_you_mean(label, names[:20], "choose one of")
    raise UsageError(f"--label {label}: no file has this column; {remedy}")


def _refuse_key(files: Sequence[FileSurvey], key: str) -> None:
    for file in files:
        if key in file.by_name and key not in file.identifying():
            what = f"--key {key}: is not another one in every row of {file.path}"
            raise UsageError(f"{what}; choose another column, or leave it out and say in the spec")
    names = [name for file in files for name in file.identifying()]
    if key not in names:
        remedy = did_you_mean(key, names[:20], "choose one of")
        raise UsageError(f"--key {key}: no file has this column; {remedy}")


def _values(column: ColumnSurvey) -> str:
    """A few of a column's values."""
    if not column.examples:
        return f"{column.distinct:,} numbers"
    more = ", …" if column.distinct > len(column.examples) else ""
    return ", ".join(printable(value[:20]) for value in column.examples) + more


def _relative(path: Path, directory: Path) -> str:
    return os.path.relpath(path, directory)


def _yaml(value: Any) -> str:
    """A value on one line."""
    plain = dict(value) if isinstance(value, Mapping) else value
    return dump(plain, flow=True).strip().removesuffix("\n...")
