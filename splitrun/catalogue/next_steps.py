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
        predict, export = f"predict {path} --input FILE", f"export {path} -o DIRECTORY"
        return _commands(f"eval {path}", predict, f"report {path}", export)
    resume = resume_command(entry.path, allow_code=entry.found.allow_code)
    report = _commands(f"report {path}") if entry.found.started else []
    return [*([resume] if resume else ()), *report] or _commands(f"rm {path}")


def _commands(*each: str) -> list[str]:
    return [f"splitrun {command}" for command in each]
