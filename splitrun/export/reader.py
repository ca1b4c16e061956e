"""Predictions of a model that splitrun has exported, with NumPy and onnxruntime alone.

    python reader.py DIRECTORY rows.csv > predictions.csv
    python reader.py DIRECTORY bank=bank.csv partner=partner.csv > predictions.csv

The directory holds a JSON file for each party and an ONNX file for each of its roles. All of them
make the whole chain; one party's alone makes its bottom's cuts (`Party.cut`).
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1
BLOCK_ROWS = 4096
"""That are computed at a time."""
MISSING = {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"}
"""Written for a missing number, in any case, beside a party's own `missing_values`."""

Table = Mapping[str, Sequence[Any]]
"""Cells by column: text as it stands in a file, or numbers; None, NaN or nothing where missing."""
Array = NDArray[Any]


class Chain:
    """The whole model.

    Args:
        directory: with the files of all parties, each of which may have exported its own.
    """

    def __init__(self, directory: Path | str) -> None:
        found = [Party(path) for path in sorted(Path(directory).glob("*.json"))]
        self.parties = {party.name: party for party in found}
        holders = [party for party in found if "top" in party.sessions]
        if len(holders) != 1:
            raise ValueError(f"{directory}: the top of {len(holders)} parties, not of one")
        self._holder = holders[0]
        self._top = self._holder.sessions["top"]
        label = self._holder.about["label"]
        self.classes: tuple[str, ...] = tuple(label["classes"])
        """The label's, in the order of their numbers; none for regression."""
        self._mean, self._deviation = float(label["mean"]), float(label["deviation"])

    def predict(self, tables: Mapping[str, Table]) -> Array:
        """Probabilities, or numbers in the target's own unit: `[rows, outputs]`. Of two classes
        there may be one output, which is the second one's probability.

        Args:
            tables: by party, its rows; those of one sample have the same position in all tables.
        """
        bottoms = [party for party in self.parties.values() if "bottom" in party.sessions]
        rows = {party.name: party.rows(tables[party.name]) for party in bottoms}
        if len(set(rows.values())) > 1:
            raise ValueError(f"the tables have unequal numbers of rows: {rows}")
        parts = []
        for start in range(0, max(rows.values()), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            cuts: dict[str, Array] = {}
            for party in bottoms:
                cuts |= party.cut(tables[party.name], block)
            parts.append(_run(self._top, cuts)["predictions"])
        predictions = np.concatenate(parts)
        if self.classes:
            return predictions
        return predictions.astype(np.float64) * self._deviation + self._mean

    def names(self, predictions: Array) -> list[str]:
        """The likeliest class of every row."""
        if predictions.shape[1] == 1:
            chosen = (predictions[:, 0] >= 0.5).astype(int)
        else:
            chosen = predictions.argmax(axis=1)
        return [self.classes[index] for index in chosen.tolist()]


class Party:
    """What one party has exported.

    Args:
        path: of its JSON file; its ONNX files are beside it.
    """

    def __init__(self, path: Path | str) -> None:
        import onnxruntime

        self.about = json.loads(Path(path).read_text(encoding="utf-8"))
        if self.about.get("format") != FORMAT:
            raise ValueError(f"{path}: not of format {FORMAT}; use the reader beside it")
        self.name: str = self.about["party"]
        self.sessions: dict[str, onnxruntime.InferenceSession] = {}
        """By what they compute: `bottom`, `top`."""
        for role, facts in self.about["roles"].items():
            file = Path(path).parent / facts["file"]
            session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
            known = session.get_modelmeta().custom_metadata_map
            if known.get("weights_sha256") != facts["weights_sha256"]:
                raise ValueError(f"{file}: other weights than {path} tells of {role}")
            self.sessions[facts["kind"]] = session
        self._cells = Cells(self.about["reading"]) if "reading" in self.about else None

    def cut(self, table: Table, block: slice = slice(None)) -> dict[str, Array]:
        """What its bottom sends of these rows, by the names that the top knows it by."""
        return _run(self.sessions["bottom"], self.encode(table, block))

    def rows(self, table: Table) -> int:
        """How many there are in the columns that its bottom takes."""
        columns = [*self.about["numbers"], *self.about["categories"]]
        return len(table[self._column_of(columns[0]["name"])[0]])

    def encode(self, table: Table, block: slice = slice(None)) -> dict[str, Array]:
        """Its bottom's inputs: `features`, float32 `[rows, width]`, and for categories that become
        codes `codes`, int64 `[rows, categories]`."""
        numbers = [self._number(column, table, block) for column in self.about["numbers"]]
        codes = [self._codes(column, table, block) for column in self.about["categories"]]
        rows = len((*numbers, *codes)[0])
        if self.about["categories_become"] == "codes":
            return {"features": _matrix(numbers, rows, "f4"), "codes": _matrix(codes, rows, "i8")}
        for column, values in zip(self.about["categories"], codes, strict=True):
            numbers += [values == code for code in range(1, len(column["values"]) + 1)]
        return {"features": _matrix(numbers, rows, "f4")}

    def _number(self, column: Mapping[str, Any], table: Table, block: slice) -> Array:
        """`(x - shift) / scale`, with `fill` in the place of what is missing."""
        name, part = self._column_of(column["name"])
        assert self._cells is not None
        values = []
        for row, cell in self._of_column(table, name, block):
            value = self._cells.number(cell) if part is None else self._part(name, part, cell)
            value = column["fill"] if value is not None and math.isnan(value) else value
            if value is None or math.isinf(value):
                what = "is no number, and nothing is known to stand for a missing one"
                raise ValueError(f"{self.name}: row {row}: {cell!r} in column {name!r} {what}")
            values.append(value)
        scaled: Array = (np.array(values, np.float64) - column["shift"]) / column["scale"]
        return scaled

    def _codes(self, column: Mapping[str, Any], table: Table, block: slice) -> Array:
        """1 for the first of `values`, and so on; 0 for a word that no training row had."""
        assert self._cells is not None
        words = (
            self._cells.word(cell) for _, cell in self._of_column(table, column["name"], block)
        )
        code_of = {value: code for code, value in enumerate(column["values"], start=1)}
        return np.array([code_of.get(word, 0) for word in words], np.int64)

    def _part(self, name: str, part: str, cell: Any) -> float | None:
        """Of a date."""
        assert self._cells is not None
        word = self._cells.word(cell)
        if word.lower() in MISSING:
            return math.nan
        moment = moment_of(word, self.about["dates"][name]["format"])
        return None if moment is None else part_of(moment, part)

    def _column_of(self, feature: str) -> tuple[str, str | None]:
        """The column that a number is made of, and of a date which part."""
        for name, date in self.about["dates"].items():
            for part in date["parts"]:
                if feature == f"{name}.{part}":
                    return name, part
        return feature, None

    def _of_column(self, table: Table, name: str, block: slice) -> Iterator[tuple[int, Any]]:
        if name not in table:
            raise ValueError(f"{self.name}: no column {name!r}")
        return enumerate(table[name][block], start=block.start or 0)


class Cells:
    """How cells are read.

    Args:
        reading: the decimal mark, what groups digits, units, and what stands for nothing.
    """

    def __init__(self, reading: Mapping[str, Any]) -> None:
        self._decimal, self._thousands = reading["decimal"], reading["thousands"]
        units = sorted(map(_tidied, reading["units"]), key=len, reverse=True)
        unit = "|".join(map(re.escape, units))
        whole = "[0-9]+"
        if self._thousands:
            mark, groups = re.escape(self._thousands), "2,3" if self._thousands == "," else "3"
            whole = rf"[0-9]{{1,3}}(?:{mark}[0-9]{{{groups}}})*{mark}[0-9]{{3}}|[0-9]+"
        point = re.escape(self._decimal)
        digits = rf"(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+"
        self._form = re.compile(
            rf"(?P<sign>\(|[+-]?)\ ?(?:{unit})?\ ?(?P<inner>[+-]?)"
            rf"(?P<number>(?:{digits})(?:[eE][+-]?[0-9]+)?|(?i:inf(?:inity)?))"
            rf"\ ?(?:{unit})?\ ?(?P<end>[)-]?)"
        )
        self._missing = set(reading["missing_values"])
        marks = (self._parsed(word) for word in reading["missing_values"])
        self._missing_numbers = {mark for mark in marks if mark is not None}

    def number(self, cell: Any) -> float | None:
        """NaN where it is missing; None where it is no number."""
        if cell is None or (isinstance(cell, str) and self._is_missing(cell)):
            return math.nan
        value = self._parsed(cell) if isinstance(cell, str) else float(cell)
        return math.nan if value in self._missing_numbers else value

    def word(self, cell: Any) -> str:
        """As one would write it; empty where it is missing."""
        value = cell.item() if isinstance(cell, np.generic) else cell
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        word = _bare(str(value))
        return "" if word in self._missing else word

    def _is_missing(self, cell: str) -> bool:
        word = _bare(cell)
        return word in self._missing or word.lower() in MISSING

    def _parsed(self, cell: str) -> float | None:
        found = self._form.fullmatch(_tidied(cell))
        if not found:
            return None
        sign, inner, end = found.group("sign", "inner", "end")
        if (sign == "(") != (end == ")") or bool(sign) + bool(inner) + (end == "-") > 1:
            return None
        digits = found["number"]
        if self._thousands:
            digits = digits.replace(self._thousands, "")
        value = float(digits.replace(self._decimal, "."))
        return -value if "-" in (sign, inner, end) or sign == "(" else value


_UNSEEN = "\\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_AROUND = re.compile(f"^[{_UNSEEN}]+|[{_UNSEEN}]+$")
_BLANKS = re.compile("[ \u00a0\u2007\u2009\u202f]")
_TYPOGRAPHY = str.maketrans(dict.fromkeys("\u2212\uff0d", "-") | dict.fromkeys("\u2019\u02bc", "'"))


def _bare(word: str) -> str:
    """Without what nobody sees around it, its letters composed."""
    return unicodedata.normalize("NFC", _AROUND.sub("", word))


def _tidied(word: str) -> str:
    """With plain minuses, apostrophes and blanks for those of typesetters."""
    return _BLANKS.sub(" ", _bare(word).translate(_TYPOGRAPHY))


_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?\ ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def moment_of(word: str, form: str) -> datetime | None:
    """In UTC, as which times without a zone are taken; None where the word is no date."""
    try:
        if form != "iso":
            moment = datetime.strptime(word, form)
        elif _ISO.fullmatch(word):
            date, time = word[:10], word[10:].replace(" ", "")
            moment = datetime.fromisoformat(f"{date}T{time.lstrip('T')}" if time else date)
        else:
            return None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def part_of(moment: datetime, part: str) -> float:
    """`elapsed` in days since 1970; a weekday is 0 on a Monday."""
    if part == "elapsed":
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    if part == "weekday":
        return moment.weekday()
    return moment.timetuple().tm_yday if part == "day_of_year" else getattr(moment, part)


def _matrix(columns: Sequence[Array], rows: int, kind: str) -> Array:
    """`[rows, columns]`."""
    matrix = np.array(columns, np.float64 if kind == "f4" else np.int64).reshape(-1, rows).T
    with np.errstate(over="ignore"):
        matrix = matrix.astype(kind)
    if not np.isfinite(matrix).all():
        raise ValueError("a number is beyond 32-bit floats even when scaled")
    return matrix


def _run(session: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What a graph gives, by name."""
    wanted = [node.name for node in session.get_inputs()]
    if missing := [name for name in wanted if name not in inputs]:
        raise ValueError(f"no party here sends {', '.join(missing)}")
    names = [node.name for node in session.get_outputs()]
    outputs = session.run(names, {name: inputs[name] for name in wanted})
    return dict(zip(names, outputs, strict=True))


def read_csv(path: Path | str) -> dict[str, list[str]]:
    """The columns of a file with commas and a header."""
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file)
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


def main(directory: str, *files: str) -> None:
    """Write predictions to stdout: a line for each row."""
    chain = Chain(directory)
    named = dict(file.split("=", 1) for file in files if "=" in file)
    if len(files) == 1 and not named:
        tables = dict.fromkeys(chain.parties, read_csv(files[0]))
    else:
        tables = {party: read_csv(path) for party, path in named.items()}
    predictions = chain.predict(tables)
    told = chain.classes[1:] if predictions.shape[1] == 1 else chain.classes
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["row", "prediction", *(f"probability_{name}" for name in told)])
    names = (
        [[name] for name in chain.names(predictions)] if chain.classes else [[]] * len(predictions)
    )
    writer.writerows([row, *names[row], *values] for row, values in enumerate(predictions.tolist()))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python reader.py DIRECTORY rows.csv, or DIRECTORY PARTY=rows.csv ...")
    main(*sys.argv[1:])
