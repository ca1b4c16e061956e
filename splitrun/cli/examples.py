"""`splitrun examples`: the experiments that come with splitrun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splitrun.cli.output import echo
from splitrun.errors import UsageError

_EXPERIMENTS = Path(__file__).parents[1] / "experiments"
_GAP = 2


def names() -> list[str]:
    """Those that there are."""
    return sorted(path.stem for path in _EXPERIMENTS.glob("*.yaml"))


def about(name: str) -> str:
    """What an experiment is: the paragraph that its file begins with."""
    lines = text_of(name).splitlines()
    first = lines[0].removeprefix("# What:").strip()
    more = []
    for line in lines[1:]:
        if not line.startswith("#  "):
            break
        more.append(line.lstrip("# "))
    return " ".join((first, *more))


def text_of(name: str) -> str:
    """The spec of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in names():
        from difflib import get_close_matches

        near = get_close_matches(name, names(), n=1)
        remedy = f"did you mean {near[0]}?" if near else "`splitrun examples` lists them"
        raise UsageError(f"{name}: no such example; {remedy}")
    return (_EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8")


def _offered(incomplete: str) -> list[str]:
    return [name for name in names() if name.startswith(incomplete)]


def examples(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Print this one's spec, to be kept.", autocompletion=_offered
        ),
    ] = None,
) -> None:
    """List the experiments that come with splitrun, or print one."""
    if name is not None:
        echo(text_of(name), nl=False)
        return
    width = max(map(len, names())) + _GAP
    for each in names():
        echo(f"{each:<{width}}{about(each)}")
