"""What a word means that is written without quotes: in a spec, and on the command line.

YAML 1.1, which PyYAML implements, reads `no` as false, `12:30` as 750, `017` as 15 and `1e-3` as
text. `meaning` has the core schema of YAML 1.2, with `10_000`, and less what surprises: numbers
with leading zeros or a base prefix stay text, so that an identifier is kept as it was written, and
so that whoever meant a number is told to write it plainly.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,2}(?:_[0-9]{3}){1,30}|[1-9][0-9]{0,99})\Z")
FLOAT = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)


def meaning(text: str) -> Scalar:
    """The value of a scalar that is written without quotes."""
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text.lower() == "true"
    if INT.match(text):
        return int(text)
    if FLOAT.match(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
