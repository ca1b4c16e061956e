"""Rows of several files joined by keys.

Samples are the label holder's rows whose every partner is there, in the order of the label holder's
own key, by code points; where it has none, in that of its file. So the samples are a function of
the rows, whatever order the files have them in. A partner's key is unique in its own file; what
refers to it may repeat, as where many ratings refer to one user.

Keys are compared as text, without the blanks around them: 7 of a column of integers is "7", and
"007" is another one. That two keys differ only in how they are written is an error, unless
`key_type` says how to take them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splitrun.data.encoding import Rows
from splitrun.data.keys import KeyColumn, form_of, plain_key, spelt_otherwise, unmarked
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError, Disagreement
from splitrun.records.data import JoinOrder, JoinRecord
from splitrun.spec import Spec, key_of, reference_to
from splitrun.spec.apart import ELSEWHERE

TINY = 0.1
"""Where fewer of the label holder's rows than this share are joined, something may be wrong."""


@dataclass(frozen=True)
class Alignment:
    """All that a party needs of the others to know which of its rows the samples are."""

    rows: Rows
    """The row of its own that belongs to each sample, [samples]."""
    keys: Categories | None
    """Each sample's key in the party's own words; None for a label holder without one."""


@dataclass(frozen=True)
class Join:
    """Which rows of every party's own are the samples."""

    alignments: Mapping[str, Alignment]
    """By party; empty where rows are joined by their order."""
    lone: Mapping[str, Rows]
    """By partner, the label holder's rows that have none there, ascending."""
    record: JoinRecord
    """What all may know of it: counts."""
    keys: Categories | None = None
    """The label holder's own key in every row of its file; None where it has none."""
    warnings: tuple[str, ...] = ()


def join(spec: Spec, tables: Mapping[str, Table]) -> Join:
    """Join the rows of all parties.

    Args:
        tables: by party, with the columns that `key_columns` tells, as categories.

    Raises:
        DataError: keys that are missing, not unique, or one but for how they are written; or no
            row has a partner everywhere.
    """
    holder = spec.top.party
    key_type = spec.dataset.keys_as
    matches: dict[str, Rows] = {}
    warnings: list[str] = []
    for party in spec.parties:
        name, refers = key_of(spec, party), reference_to(spec, party)
        if party == holder or tables[party] is tables[holder]:
            continue
        assert name is not None, "every partner has a key"
        assert refers is not None, "the label holder refers to every partner's key"
        keys = KeyColumn(party, name, tables[party], key_type)
        references = KeyColumn(holder, refers, tables[holder], key_type)
        matches[party] = _matches(references, keys)
        warnings += _few(references, keys, matches[party])
        warnings += _lookalikes(references, keys, matches[party])
    if spec.dataset.aligned_by == "sorted":
        for party, found in matches.items():
            _refuse_lone(tables[holder], tables[party], found)
    samples, order = choose(spec, tables[holder], matches)
    alignments = {}
    for party, table in tables.items():
        rows = matches[party][samples] if party in matches else samples
        alignments[party] = Alignment(rows, keys_at(table, key_of(spec, party), rows))
    return Join(
        alignments,
        lone={party: np.flatnonzero(found < 0) for party, found in matches.items()},
        record=_record(tables, len(samples), order),
        keys=keys_at(tables[holder], key_of(spec, holder), np.arange(tables[holder].rows)),
        warnings=tuple(warnings),
    )


def choose(spec: Spec, table: Table, matches: Mapping[str, Rows]) -> tuple[Rows, JoinOrder]:
    """Which of the label holder's rows are the samples, and what their order is.

    Args:
        table: the label holder's, with its columns of keys.
        matches: by partner, what belongs to each of these rows there, -1 where nothing does.

    Raises:
        DataError: no row has a partner everywhere, or the label holder's own key is not unique.
    """
    common = np.ones(table.rows, bool)
    for found in matches.values():
        common &= found >= 0
    samples = np.flatnonzero(common)
    if not len(samples):
        raise _nothing_in_common(table, matches)
    own = key_of(spec, spec.top.party)
    if own is None:
        return samples, "file"
    keys = KeyColumn(spec.top.party, own, table, spec.dataset.keys_as)
    keys.rows_by_text(_shared_instead(spec, own))
    return samples[np.argsort(keys.ranks[keys.codes[samples]])], "key"


def join_by_order(tables: Mapping[str, Table]) -> Join:
    """Join rows by their order alone, as where there are no keys.

    Raises:
        DataError: parties have different numbers of rows.
    """
    first, *others = tables.values()
    for other in others:
        counts = [_rows_to_train_on(table) for table in (first, other)]
        if other.rows != first.rows or len(set(counts)) > 1:
            message = f"{first.origin} has {first.rows:,} rows, and {other.origin} {other.rows:,}"
            if other.rows == first.rows:
                message = f"{message}, of which {counts[0]:,} and {counts[1]:,} are to train on"
            remedy = "name the column that they are joined by, as dataset.key"
            raise DataError(f"{message}: without keys they are joined by their order; {remedy}")
    return Join({}, {}, _record(tables, first.rows, "trusted"))


def _rows_to_train_on(table: Table) -> int:
    return table.rows - (0 if table.held_out is None else int(table.held_out.sum()))


def key_columns(spec: Spec, party: str) -> tuple[str, ...]:
    """The columns of a party's file that rows are joined by."""
    names = [key_of(spec, party)]
    if party == spec.top.party:
        names += [section.on for section in spec.parties.values()]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def aligned(table: Table, rows: Rows) -> tuple[Table, Rows | None]:
    """Of a party's table, what samples need.

    Args:
        rows: the row of each sample, [samples].

    Returns:
        One row for every sample or, where samples share rows, each of these rows once, in the order
        of the samples; and which of them is each sample's then, [samples].
    """
    distinct, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    if len(distinct) == len(rows):
        return table.take(rows), None
    by_sample = np.argsort(first)
    position = np.empty_like(by_sample)
    position[by_sample] = np.arange(len(by_sample))
    return table.take(distinct[by_sample]), position[inverse]


def _matches(references: KeyColumn, keys: KeyColumn) -> Rows:
    """The row of the keys' table for each row that refers to it, -1 where there is none."""
    rows = keys.rows_by_text("")
    found = np.array([rows.get(text, -1) for text in references.texts], np.int64)
    if references.key_type == "auto" and (found < 0).any():
        written = {plain_key(text): text for text in rows}
        for code in np.flatnonzero(found < 0).tolist():
            text = references.texts[code]
            other = written.get(plain_key(text))
            if other is not None and (references.codes == code).any():
                places = references.place_of(code), keys.table.place(rows[other])
                raise spelt_otherwise(places, (text, other))
    return found[references.codes]


def _record(tables: Mapping[str, Table], common: int, order: JoinOrder) -> JoinRecord:
    rows = {party: table.rows for party, table in tables.items()}
    return JoinRecord(rows=rows, common=common, order=order)


def keys_at(table: Table, name: str | None, rows: Rows) -> Categories | None:
    """The keys of some rows of a table; None where it has none."""
    if name is None:
        return None
    column = table.columns[name]
    assert isinstance(column, Categories), "keys are read as text"
    return Categories(column.codes[rows], column.values)


def _refuse_lone(table: Table, partner: Table, found: Rows) -> None:
    """Raises DataError where not every row of both sides has a partner."""
    lone, unused = int((found < 0).sum()), partner.rows - len(np.unique(found[found >= 0]))
    if lone or unused:
        raise other_keys(table.origin, partner.origin, f"{lone:,} and {unused:,} rows are alone")


def other_keys(one: str, other: str, how: str) -> Disagreement:
    """That two parties have other keys, though all were to have the same."""
    message = f"dataset.align is sorted, and {one} and {other} do not have the same keys: {how}"
    return Disagreement(f"{message}; use dataset.align=hmac or psi, which find those in common")


def few_in_common(references: KeyColumn, party: str, partners: str, found: Rows) -> list[str]:
    """What to say where hardly any of the label holder's rows has a partner.

    Args:
        partners: whose they are, in words.
        found: for each row its partner, -1 where there is none.

    Raises:
        DataError: none has.
    """
    joined = int((found >= 0).sum())
    if joined >= TINY * len(found):
        return []
    having = f"{joined:,} have" if joined else "none has"
    message = f"{references.table.origin}: of {len(found):,} rows, {having} a partner among the "
    message += partners
    remedy = f"check dataset.key, parties.{party}.key and parties.{party}.on"
    if not joined:
        raise DataError(f"{message}; {remedy}")
    return [f"{message}; {remedy}"]


def _few(references: KeyColumn, keys: KeyColumn, found: Rows) -> list[str]:
    partners = f"{keys.table.rows:,} rows of {keys.table.origin}"
    partners += f", by {references.name} and {keys.name}"
    forms = [form_of(it.texts[it.codes[0]]) for it in (references, keys) if len(it.codes)]
    if len(set(forms)) == 2:
        partners += f"; those keys look like {forms[0]} and {forms[1]}"
    return few_in_common(references, keys.party, partners, found)


def _lookalikes(references: KeyColumn, keys: KeyColumn, found: Rows) -> list[str]:
    """What to say where rows on both sides have no partner, though their keys are the same but for
    marks, blanks and zeros: 1,000 and 1000, C-17 and C 17, 0.5 and 0.50."""
    if references.key_type != "auto":
        return []
    missed = np.unique(references.codes[found < 0])
    left = np.unique(keys.codes[np.setdiff1d(np.arange(keys.table.rows), found)])
    if not (len(missed) and len(left)):
        return []
    there = {unmarked(keys.texts[code]): code for code in left.tolist()}
    pairs = [
        (code, there[mark])
        for code in missed.tolist()
        if (mark := unmarked(references.texts[code])) in there
    ]
    if not pairs:
        return []
    mine, other = pairs[0]
    one, another = references.texts[mine], keys.texts[other]
    what = f"{references.place_of(mine)}: the key {one!r} has no partner, nor has {another!r}"
    what += f" at {keys.place_of(other)}, which differs by marks, blanks or zeros alone"
    many = f", and {len(pairs) - 1:,} more such pair(s)" if len(pairs) > 1 else ""
    remedy = "write them alike, or use dataset.key_type=text to take them as they are"
    return [f"{what}{many}; {remedy}"]


def _nothing_in_common(table: Table, matches: Mapping[str, Rows]) -> DataError:
    having = (f"{int((found >= 0).sum()):,} at {party}" for party, found in matches.items())
    message = f"no row of {table.origin} has a partner with every party: {', '.join(having)}"
    return DataError(f"{message}; give files of the same rows")


def _shared_instead(spec: Spec, key: str) -> str:
    """How rows of the label holder may share a partner's row."""
    holder = spec.top.party
    partners = [name for name in spec.parties if name != holder and spec.parties[name].path]
    if not partners or any(spec.parties[name].path == ELSEWHERE for name in partners):
        return ""
    mine = "dataset.key" if spec.parties[holder].key is None else f"parties.{holder}.key"
    given = {
        f"parties.{name}.{end}": column
        for name in partners
        for end, column in (("key", key_of(spec, name)), ("on", spec.parties[name].on or key))
    }
    overrides = " ".join(shlex.quote(f"{path}={column}") for path, column in given.items())
    return f" or, if rows may refer to the same one, use ~{mine} {overrides}"
