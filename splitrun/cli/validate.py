"""`splitrun validate`: check a spec and the headers of its data files."""

from __future__ import annotations

import typer

from splitrun.cli.options import DataDir, Overrides, SpecFile, load_document


def validate(spec: SpecFile, overrides: Overrides = None, data_dir: DataDir = None) -> None:
    """Check a spec and the header of its data file; say everything that is wrong with them."""
    document = load_document(spec, overrides, data_dir)
    parties = ", ".join(document.spec.parties)
    typer.echo(f"{spec}: valid ({document.spec.name}: {parties}; top at {document.spec.top.party})")
