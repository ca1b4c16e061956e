"""`splitrun export`: trained roles as files that need neither splitrun nor PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splitrun.cli.options import AllowCode, Json, RunDir, own_stdout
from splitrun.cli.output import Phases, echo, echo_json
from splitrun.cli.streams import printed
from splitrun.errors import UsageError
from splitrun.files import is_regular, is_something, replacing


def export(
    run_dir: RunDir,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The directory that files are written to; with --role, the file.",
        ),
    ],
    role: Annotated[
        str | None,
        typer.Option(
            "--role", help="One role alone, such as bob.bottom; default: all that RUN has."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there already.")
    ] = False,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Write a run's trained roles as ONNX.

    Without --role also how each party's columns are encoded, as JSON, and reader.py, which predicts
    from these files with NumPy and onnxruntime alone. A party's own run has its own roles alone.
    """
    phases = Phases()
    phases.status("starting …")
    from splitrun.export import export as export_all
    from splitrun.export import export_role

    phases.status("exporting …")
    with own_stdout():
        if role is not None:
            made = export_role(run_dir, role, allow_code=allow_code)
        else:
            made = export_all(run_dir, allow_code=allow_code)
    if made.status != "done":
        echo(f"warning: the run is {made.status}; this is the model it has saved", err=True)
    if role is not None:
        (content,) = made.files.values()
        files = {output: content}
    else:
        files = {output / name: content for name, content in made.files.items()}
    for path, content in files.items():
        _refuse(path, content, force=force)
    for path, content in files.items():
        _write(path, content, output)
    with printed(output):
        if json_output:
            echo_json({"run_dir": str(run_dir), "files": [str(path) for path in files]})
        else:
            echo("\n".join(map(str, files)))


def _refuse(path: Path, content: bytes, *, force: bool) -> None:
    """Refuse, before anything is written, to write in the place of something else.

    Raises:
        UsageError: another content is there already, or is of another kind.
    """
    if is_something(path) and not is_regular(path):
        raise UsageError(f"{path}: is no file; name another with -o")
    if is_something(path) and not (force or _holds(path, content)):
        raise UsageError(f"{path}: is there already; add --force to replace it, or name another")


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _write(path: Path, content: bytes, output: Path) -> None:
    """Write or replace a file; the directory of an export is made.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        if path.parent == output:
            output.mkdir(exist_ok=True)
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror}"
        raise UsageError(f"{message}; name a place in a directory that exists") from error
