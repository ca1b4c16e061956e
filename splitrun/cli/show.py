"""`splitrun show`: what a run was asked, how it stands, what came of it, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splitrun.cli import completion
from splitrun.cli.ls import as_json
from splitrun.cli.options import ADDRESS, Json, LookedIn, run_found
from splitrun.cli.output import echo, echo_json
from splitrun.errors import RunDirectoryError, SplitrunError
from splitrun.units import SCREEN, age, moment

if TYPE_CHECKING:
    from splitrun.catalogue.entry import Entry
    from splitrun.records.run import AttemptRecord, Manifest, RunResult

_FILES = ("model", "checkpoints", "events.jsonl", "report.html", "failure.txt", "stacks.txt")


def show(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help=ADDRESS, autocompletion=completion.runs)
    ],
    runs_dir: LookedIn = Path("runs"),
    json_output: Json = False,
) -> None:
    """Tell how a run stands, what it was asked, and what is next.

    Comparisons, valuations and benches are shown, too.
    """
    from splitrun.catalogue.next_steps import next_steps
    from splitrun.catalogue.reading import read_entry
    from splitrun.records.run import read_manifest

    path = run_found(run, runs_dir)
    entry = read_entry(path)
    if entry is None:
        raise RunDirectoryError(f"{path}: no run; `splitrun ls --runs-dir {runs_dir}` lists them")
    try:
        manifest = read_manifest(path) if entry.kind == "run" else None
    except RunDirectoryError:  # the entry says so
        manifest = None
    stated, unread = _stated(entry)
    if json_output:
        record = {"stated": stated, "next": next_steps(entry)}
        if manifest is not None:
            record["manifest"] = manifest.to_json()
        echo_json(as_json(entry) | record)
        return
    echo("\n".join([str(path), *_about(entry, manifest)]))
    if stated:
        echo("  spec, where it is not the default:")
        echo("\n".join(f"    {key}: {value}" for key, value in stated.items()))
    elif unread:
        echo(f"  spec: {unread}")
    if steps := next_steps(entry):
        echo("  next:")
        echo("\n".join(f"    {step}" for step in steps))


def _about(entry: Entry, manifest: Manifest | None) -> Iterator[str]:
    """A line for each thing that is known."""
    name = entry.spec.get("name", "")
    began = f"{moment(entry.started.isoformat())}, {age(entry.age_s)} ago"
    told = {
        entry.kind: str(name),
        "began": began,
        "status": ": ".join(filter(None, (entry.status, entry.found.message))),
        "stuck": _stuck(entry),
        "typed": shlex.join(("splitrun", *entry.found.asked.command))
        if entry.found.asked.command
        else "",
        "changes": shlex.join(entry.found.asked.overrides),
    }
    attempts = manifest.attempts if manifest else ()
    if len(attempts) > 1:
        told["attempts"] = "; ".join(map(_attempt, attempts))
    if manifest is not None and manifest.result is not None:
        told |= _result(manifest.result)
    elif entry.found.samples_per_s:
        told["speed"] = SCREEN.rate(entry.found.samples_per_s)
        told |= {rows: SCREEN.metrics(each) for rows, each in entry.found.metrics.items()}
    told["files"] = ", ".join(_files(entry))
    width = max(map(len, told))
    return (f"  {label:<{width}}  {text}" for label, text in told.items() if text)


def _result(result: RunResult) -> dict[str, str]:
    depth = f", depth {result.depth}" if result.depth > 1 else ""
    steps = f"{result.steps:,} steps in {SCREEN.duration(result.wall_s)}"
    return {
        "result": f"{result.schedule}{depth}: {steps}, {SCREEN.rate(result.samples_per_s)}",
        **{rows: SCREEN.metrics(metrics) for rows, metrics in result.metrics.items()},
        "weights": f"sha256 {result.weights_sha256[:16]}…" if result.weights_sha256 else "",
    }


def _attempt(attempt: AttemptRecord) -> str:
    return f"from step {attempt.from_step:,}: {attempt.status}"


def _stuck(entry: Entry) -> str:
    if entry.status != "stuck":
        return ""
    from splitrun.dashboard.lines import stuck_text
    from splitrun.telemetry.tail import stuck_at

    event = stuck_at(entry.path)
    return stuck_text(event).removeprefix("stuck: ") if event else ""


def _files(entry: Entry) -> Iterator[str]:
    """What is there, and how large it is."""
    from splitrun.files import is_directory, size_bytes

    for name in _FILES:
        path = entry.path / name
        if is_directory(path):
            yield f"{name}/ {SCREEN.size(size_bytes(path))}"
        elif path.is_file():
            yield f"{name} {SCREEN.size(path.stat().st_size)}"
    yield f"{SCREEN.size(entry.size_bytes)} in all"


def _stated(entry: Entry) -> tuple[dict[str, Any], str]:
    """What the spec says beyond defaults, by dotted key; or why that cannot be told."""
    from splitrun.catalogue.keys import text_of
    from splitrun.records.reading import flattened
    from splitrun.spec import load
    from splitrun.spec.load import stated_tree

    try:
        tree = stated_tree(load(entry.path / "resolved.yaml").spec)
    except SplitrunError as error:
        return {}, str(error).splitlines()[0]
    return {key: text_of(value) for key, value in flattened(tree).items()}, ""
