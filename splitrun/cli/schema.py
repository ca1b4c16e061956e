"""`splitrun schema`: the spec's JSON Schema, for editors."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON Schema of specs; editors check and complete YAML with it."""
    from splitrun.spec import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
