"""What can be asked of an entry by name, and conditions on it.

A name is a column of the list, a metric, or a key of the spec. Of a spec's key its end is enough
where no other key ends so: `optimizer.lr`, or `lr`.
"""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

from splitrun.catalogue.entry import Entry
from splitrun.errors import UsageError
from splitrun.events import EvaluatedRows
from splitrun.scalars import meaning

Value = object
"""A number, text, a truth value or a list; None where an entry has none."""


@dataclass(frozen=True)
class Key:
    """Something that entries have."""

    name: str
    kind: Literal["column", "metric", "spec"]
    of: Callable[[Entry], Value]


COLUMNS: Mapping[str, Callable[[Entry], Value]] = {
    "run": lambda entry: entry.run,
    "kind": lambda entry: entry.kind,
    "status": lambda entry: entry.status,
    "message": lambda entry: entry.found.message or None,
    "started": lambda entry: entry.started.isoformat(timespec="seconds"),
    "age": lambda entry: entry.age_s,
    "size": lambda entry: entry.size_bytes,
    "samples_per_s": lambda entry: entry.found.samples_per_s,
    "steps": lambda entry: entry.found.steps,
    "rows": lambda entry: entry.decided_on if entry.metrics else None,
    "command": lambda entry: shlex.join(entry.found.asked.command) or None,
    "overrides": lambda entry: shlex.join(entry.found.asked.overrides) or None,
}
"""Beside metrics and keys of the spec. `age` is in seconds, `size` in bytes."""
HEADS: Mapping[str, str] = {"samples_per_s": "samples/s"}
"""Of columns that a table calls otherwise."""


def metric_key(name: str) -> Key:
    """A metric on the rows that decide, or, as `test.auroc`, on these."""
    rows, _, metric = name.partition(".")
    if rows in get_args(EvaluatedRows):
        return Key(name, "metric", lambda entry: entry.found.metrics.get(rows, {}).get(metric))
    return Key(name, "metric", lambda entry: entry.metrics.get(name))


def spec_key(name: str) -> Key:
    """A key of the spec, by its whole path."""
    return Key(name, "spec", lambda entry: entry.spec.get(name))


def column_key(name: str) -> Key:
    """One of `COLUMNS`."""
    return Key(name, "column", COLUMNS[name])


def find_key(name: str, entries: Sequence[Entry]) -> Key:
    """What a user means by a name.

    Raises:
        UsageError: no entry has anything of that name, or several keys end so.
    """
    name = next((column for column, head in HEADS.items() if head == name), name)
    if name in COLUMNS:
        return column_key(name)
    metrics = {
        each
        for entry in entries
        for rows, of_rows in entry.found.metrics.items()
        for metric in of_rows
        for each in (metric, f"{rows}.{metric}")
    }
    if name in metrics:
        return metric_key(name)
    known = dict.fromkeys(key for entry in entries for key in entry.spec)
    if name in known:
        return spec_key(name)
    ending = [key for key in known if key.endswith(f".{name}")]
    if len(ending) == 1:
        return spec_key(ending[0])
    if ending:
        raise UsageError(f"{name}: several keys end so; write one of {', '.join(ending[:8])}")
    near = get_close_matches(name, [*COLUMNS, *metrics, *known], n=1)
    remedy = f"did you mean {near[0]}?" if near else "`splitrun ls --json` has all that there is"
    raise UsageError(f"{name}: no run here has it; {remedy}")


_CONDITION = re.compile(r"(?P<key>[^=<>!]+)(?P<sign>!=|<=|>=|=|<|>)(?P<value>.*)", re.DOTALL)
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?) *(s|min|h|d|w)")
_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def duration_s(text: str) -> float | None:
    """Seconds of `90s`, `30min`, `12h`, `30d` or `4w`; None for anything else."""
    found = _DURATION.fullmatch(text.strip())
    return float(found[1]) * _UNITS_S[found[2]] if found else None


def selected(entries: Sequence[Entry], conditions: Iterable[str]) -> list[Entry]:
    """Those of which all conditions hold, such as `pipeline.depth=4`, `auroc>0.9`, `age<30d`.

    An entry that has no such thing is not among them.

    Raises:
        UsageError: one is no condition, or names what no entry has.
    """
    chosen = list(entries)
    for text in conditions:
        found = _CONDITION.fullmatch(text)
        if found is None:
            what = "no condition; such are pipeline.depth=4, auroc>0.9 and status!=done"
            raise UsageError(f"--where {text}: {what}")
        if not entries:
            return []
        key = find_key(found["key"].strip(), entries)
        wanted, holds = found["value"].strip(), _SIGNS[found["sign"]]
        if key.name == "age" and (seconds := duration_s(wanted)) is None:
            raise UsageError(f"--where {text}: no time; write one such as 12h, 30d or 4w")
        other = seconds if key.name == "age" else meaning(wanted)
        chosen = [entry for entry in chosen if _holds(holds, key.of(entry), other, wanted)]
    return chosen


def _holds(holds: Callable[[Any, Any], bool], value: Value, wanted: object, text: str) -> bool:
    if value is None and wanted is not None:
        return False
    if is_number(value) and is_number(wanted):
        return holds(value, wanted)
    return holds(text_of(value).replace(" ", ""), text.replace(" ", ""))


def is_number(value: object) -> bool:
    """Whether it is one, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(value: Value) -> str:
    """A value as it is written on a command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text_of, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {text_of(each)}" for key, each in value.items()) + "}"
    return str(value)
