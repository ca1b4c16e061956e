"""`splitrun validate`: check a spec and the headers of its data files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.cli.options import DataDir, Overrides, SpecFile, load_document
from splitrun.cli.output import echo

if TYPE_CHECKING:
    from splitrun.spec.model import Dataset


def validate(spec: SpecFile, overrides: Overrides = None, data_dir: DataDir = None) -> None:
    """Check a spec and the header of its data file; say everything that is wrong with them.

    That is: every key and value, columns and label, and whether models, losses, schedules and links
    agree, as far as the spec tells. `plan` also reads the rows, builds and joins the models, your
    own classes among them, and compiles the programs; `train` does that too before it starts.
    """
    document = load_document(spec, overrides, data_dir)
    if absent := _absent_file(document.spec.dataset, data_dir):
        echo(f"note: {absent} is not here yet; plan and train download it", err=True)
    parties = ", ".join(document.spec.parties)
    echo(f"{spec}: valid ({document.spec.name}: {parties}; top at {document.spec.top.party})")


def _absent_file(dataset: Dataset, data_dir: Path | None) -> str | None:
    """The name of a public dataset's file that is nowhere on this machine."""
    from splitrun.data.sources.bank_marketing import FILES, BankMarketingSource
    from splitrun.spec.model import BankMarketingDataset

    if not isinstance(dataset, BankMarketingDataset):
        return None
    found = BankMarketingSource(dataset.size, data_dir).find()
    return None if found else FILES[dataset.size].name
