"""What a plain YAML scalar means: null, true, a number, or the text that it is.

YAML 1.1, which PyYAML implements, reads `no` as false, `12:30` as 750, `017` as 15 and `1e-3` as
text. These rules are the core schema of YAML 1.2, with `10_000`, and less what surprises: numbers
with leading zeros or a base prefix stay text, so that an identifier is kept as it was written, and
so that whoever meant a number is told to write it plainly.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

Scalar = str | int | float | bool | None

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,2}(?:_[0-9]{3}){1,30}|[1-9][0-9]{0,99})\Z")
_FLOAT = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)


def meaning(text: str) -> Scalar:
    """The value of a scalar that is written without quotes."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class Dumper(yaml.SafeDumper):
    """Writes YAML that `meaning` reads back: it quotes text that could be another value."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write everything out: a reader need not look an anchor up."""
        return True


Dumper.yaml_implicit_resolvers = {}  # not YAML 1.1's
for _tag, _pattern, _initials in (
    ("null", _NULL, ["~", "n", "N", ""]),
    ("bool", _BOOL, list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", re.compile(r"<<\Z"), ["<"]),
):
    Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _initials)


def dump(data: Any, *, flow: bool = False) -> str:
    """YAML for plain data, in the order given; `flow` writes all of it on one line, in braces."""
    return yaml.dump(
        data,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=flow or None,
        width=2**31 if flow else 100,
    )
