"""Commands about a spec that train nothing: `splitrun validate`, `plan` and `schema`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.data_lines import tell_data
from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Json,
    Overrides,
    SpecFile,
    Unproven,
    checked,
    load_document,
    note_early_end,
    own_stdout,
    tell_warnings,
)
from splitrun.cli.output import Phases, echo, echo_json, note
from splitrun.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from splitrun.cli.console import Console
    from splitrun.records.plan import ChoiceRecord, PlanRecord


def validate(
    spec: SpecFile,
    overrides: Overrides = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Check a spec and its files' headers; say all that is wrong.

    That is: every key and value, columns and label, and whether models, losses, schedules and links
    agree, as far as the spec tells. `plan` also reads the rows, builds and joins the models, your
    own classes among them, and compiles the programs; `train` does that too before it starts.

    --json has every problem and warning with file, line, column, key and remedy; the exit code is
    the same.
    """
    from splitrun.data import opening

    if json_output:
        _validate_for_programs(spec, overrides, data_dir)
        return

    document = load_document(spec, overrides, data_dir)
    note_early_end(document)
    place = opening(document.spec, document.directory, data_dir)
    if absent := document.spec.dataset.to_download(place):
        note(f"{absent} is not here yet; plan and train download it")
    parties = ", ".join(document.spec.parties)
    echo(f"{spec}: valid ({document.spec.name}: {parties}; top at {document.spec.top.party})")


def _validate_for_programs(spec: Path, overrides: list[str] | None, data_dir: Path | None) -> None:
    """Print one JSON object.

    Raises:
        Exit: there are problems.
    """
    from splitrun.errors import Problem, SpecError

    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    try:
        warnings = checked(spec, overrides, data_dir).remarks
    except SpecError as error:
        problems = error.problems
    except UsageError as error:
        what, _, remedy = str(error).partition("; ")
        problems = [Problem((), what, remedy)]
    told = {"problems": problems, "warnings": warnings}
    listed = {name: [each.to_json() for each in found] for name, found in told.items()}
    echo_json({"valid": not problems, **listed})
    if problems:
        raise typer.Exit(UsageError.exit_code)


_NO_TERMINAL = 1_000
"""Columns of a line that nobody's screen limits."""


def plan(
    spec: SpecFile,
    overrides: Overrides = None,
    data_dir: DataDir = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="Measure costs here, for up to 20 s; tell bound, prediction and depths."
        ),
    ] = False,
    unproven: Unproven = False,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Explain a spec's plan: rows, programs, cuts and memory."""
    phases = Phases()
    phases.status("starting …")
    document = load_document(spec, overrides, data_dir)
    note_early_end(document)
    from splitrun.cli.output import show_download
    from splitrun.plan.explain import describe
    from splitrun.session import forecast, prepare

    with own_stdout(), show_download(quiet=json_output) as on_download:
        experiment = prepare(
            document,
            data_dir=data_dir,
            on_download=on_download,
            probe=probe,
            unproven=unproven,
            allow_code=allow_code,
            tell=phases.status,
        )
    tell_warnings(experiment)
    described = forecast(experiment, describe(experiment.plan))
    if json_output:
        echo_json(described.to_json() | {"data": experiment.data.to_json()})
    else:
        tell_data(experiment.data)
        _show(described)


def _show(plan: PlanRecord) -> None:
    from splitrun.cli.console import Console
    from splitrun.plan.explain import PREFIX
    from splitrun.units import SCREEN

    console = Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)
    slices = f", {plan.micro_batches} micro-batches" if plan.micro_batches > 1 else ""
    console.print(_headed(plan.name, f": {plan.schedule}{_depth(plan)}{slices}"))
    deciding = f"{plan.validation_rows:,} to decide on, " if plan.validation_rows else ""
    console.print(
        f"{'at most ' * plan.may_stop}{plan.steps:,} steps: {plan.epochs} epochs of "
        f"{plan.steps_per_epoch:,}, batches of {plan.batch_size:,}; "
        f"{plan.train_rows:,} rows to train on, {deciding}{plan.test_rows:,} held out; "
        f"the pipeline drains {plan.drains}×\n"
    )
    compensated = any(role.compensation for role in plan.roles.values())
    heads = ["depth", "staleness", "weights", "versions", "they hold", "in all"]
    roles = _table("role", *heads)
    if compensated:
        roles.add_column("compensation", overflow="fold")
    for name, role in plan.roles.items():
        roles.add_row(
            name,
            f"{role.depth}",
            f"{role.staleness}",
            f"{role.parameters:,}",
            f"{role.versions}",
            SCREEN.size(role.version_bytes),
            SCREEN.size(sum(role.peak_bytes.values())),
            *([" and ".join(role.compensation)] if compensated else []),
        )
    console.print(roles)
    console.print(
        f"\nat their peak roles hold {SCREEN.size(plan.peak_bytes)}, beside data and PyTorch\n",
        highlight=False,
    )
    cuts = _table("channel", "tensors", "a step", "in flight", "latency", "transfer")
    encoded = any(channel.codec != "none" for channel in plan.channels.values())
    if encoded:
        cuts.add_column("codec")
    for name, channel in plan.channels.items():
        cuts.add_row(
            name,
            " and ".join("×".join(map(str, shape)) for shape in channel.tensors),
            SCREEN.size(channel.bytes_per_step),
            SCREEN.size(channel.in_flight_bytes),
            f"{channel.latency_ms:g} ms",
            f"{channel.transfer_ms:.2f} ms",
            *([channel.codec] if encoded else []),
        )
    console.print(cuts)
    console.print()
    letters = " (F forward, B backward, U update, L loss; of which step)"
    console.print(_headed("Programs", letters))
    width = max(len(name) for name in plan.sketches)
    for name, sketch in plan.sketches.items():
        line = _fitted(sketch, console.width - width - 4, ends=len(sketch) < PREFIX)
        console.print(f"  {name:<{width}}  {line}", highlight=False, soft_wrap=True)
    if plan.bound is not None:
        _show_forecast(console, plan)


_FORECAST_INDENT = 13
"""Columns of its labels."""


def _show_forecast(console: Console, plan: PlanRecord) -> None:
    from splitrun.records.plan import BoundRecord
    from splitrun.units import SCREEN

    bound = plan.bound or BoundRecord()
    lines = {
        "bound": f"{SCREEN.rate(bound.samples_per_s)}, limited by {bound.limited_by}",
        "predicted": SCREEN.rate(plan.predicted_samples_per_s),
        "advice": plan.advice,
    }
    if plan.recommended is not None:
        lines["then"] = _then(plan.recommended)
    if plan.fastest is not None and plan.fastest_depth != plan.recommended_depth:
        lines["unproven"] = _then(plan.fastest)
    probed = (
        f" ({plan.effective_cores or 0:.2f} effective cores; "
        f"a waiting role goes on after {plan.wakeup_latency_ms or 0:.2f} ms)"
    )
    console.print()
    console.print(_headed("Probed", probed))
    for name, line in lines.items():
        console.say(f"  {name:<9}  {line}", indent=_FORECAST_INDENT)


def _headed(head: str, rest: str) -> Text:
    from rich.text import Text

    return Text.assemble((head, "bold"), rest)


def _then(choice: ChoiceRecord) -> str:
    from splitrun.units import SCREEN

    faster = f"{SCREEN.factor(choice.speedup)} sequential"
    return f"{SCREEN.rate(choice.predicted_samples_per_s)}, {faster}, at {_named(choice)}"


def _named(choice: ChoiceRecord) -> str:
    if choice.micro_batches > 1:
        return f"{choice.micro_batches} micro-batches"
    return f"depth {choice.depth}"


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Column, Table

    numbers = [Column(name, justify="right", no_wrap=True) for name in others]
    columns = (Column(first, overflow="fold"), *numbers)
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _depth(plan: PlanRecord) -> str:
    """`, depth 4`, or `, depths 3 to 6` where parties have depths of their own."""
    depths = {role.depth for name, role in plan.roles.items() if name.endswith(".bottom")}
    if len(depths) > 1:
        return f", depths {min(depths)} to {max(depths)}"
    return f", depth {plan.depth}" if plan.depth > 1 else ""


def _fitted(sketch: Sequence[str], width: int, *, ends: bool) -> str:
    """As many of a program's first instructions as fit, and an ellipsis for what follows.

    Args:
        ends: whether nothing follows the sketch.
    """
    line = " ".join(sketch)
    if ends and len(line) <= width:
        return line
    line = ""
    for instruction in sketch:
        longer = f"{line}{instruction} "
        if len(longer) + 1 > width:
            break
        line = longer
    return f"{line}…"


def schema(
    components: Annotated[
        bool,
        typer.Option(
            "--components",
            help="List the components of specs instead, and those of packages that cannot be used.",
        ),
    ] = False,
) -> None:
    """Print the JSON Schema of specs, for editors."""
    if components:
        from splitrun.components import KINDS, registry

        for kind in KINDS:
            for name, package in registry().packages(kind).items():
                echo(f"{kind:<12}  {name:<20}  {package}")
        for unusable in (one for kind in KINDS for one in registry().unusable(kind)):
            echo(unusable)
        return
    from splitrun.spec import json_schema

    echo_json(json_schema(), indent=2)
