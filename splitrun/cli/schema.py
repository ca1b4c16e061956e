"""`splitrun schema`: the spec's JSON Schema, for editors."""

from __future__ import annotations

from splitrun.cli.output import echo_json


def schema() -> None:
    """Print the JSON Schema of specs; editors check and complete YAML with it."""
    from splitrun.spec import json_schema

    echo_json(json_schema(), indent=2)
