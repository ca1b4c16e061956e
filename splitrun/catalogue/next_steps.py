"""What to do about a run as it stands."""

from __future__ import annotations

import shlex

from splitrun.catalogue.entry import Entry
from splitrun.records.run import resume_command


def next_steps(entry: Entry) -> list[str]:
    """Commands that make sense for it as it stands."""
    path, done = shlex.quote(str(entry.path)), entry.status == "done"
    if entry.kind != "run":
        if done:
            again = [f"compare {path}"] if entry.kind == "comparison" else []
            return _commands(*again, f"report {path}")
        typed = entry.found.asked.command
        return _commands(shlex.join(typed)) if typed and not entry.is_alive else []
    if entry.is_alive:
        return _commands(f"watch {path}")
    if done:
        predict, export = f"predict {path} {_inputs(entry)}", f"export {path} -o DIRECTORY"
        return _commands(f"eval {path}", predict, f"report {path}", export)
    resume = resume_command(entry.path, allow_code=entry.found.allow_code)
    report = _commands(f"report {path}") if entry.found.started else []
    return [*([resume] if resume else ()), *report] or _commands(f"rm {path}")


def _inputs(entry: Entry) -> str:
    """New rows, from as many files as the run had."""
    keys = (key.split(".") for key, value in entry.spec.items() if value is not None)
    owners = [each[1] for each in keys if each[0] == "parties" and each[2:] == ["path"]]
    return " ".join(f"--input {owner}=FILE" for owner in owners) or "--input FILE"


def _commands(*each: str) -> list[str]:
    return [f"splitrun {command}" for command in each]
