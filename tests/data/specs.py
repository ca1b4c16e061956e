"""Specs and files for the tests of `splitrun.data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from splitrun.spec.model import Spec

BANK_COLUMNS = {
    "alice": ["age", "job", "marital", "education"],
    "bob": [
        *("default", "balance", "housing", "loan", "contact", "day", "month", "duration"),
        *("campaign", "pdays", "previous", "poutcome"),
    ],
}


def make_spec(
    dataset: Mapping[str, Any],
    columns: Mapping[str, Sequence[str]],
    *,
    loss: str = "binary_cross_entropy",
    bottom: Mapping[str, Any] | None = None,
    scaling: str = "standard",
) -> Spec:
    """A spec whose parties all have the same kind of bottom."""
    bottom = {"out": 4, **(bottom or {"type": "mlp"})}
    parties = {
        name: {"columns": list(taken), "bottom": bottom, "scaling": scaling}
        for name, taken in columns.items()
    }
    top = {"party": next(iter(columns)), "loss": loss}
    return Spec.model_validate(
        {"name": "test", "dataset": dict(dataset), "parties": parties, "top": top}
    )


def csv_spec(columns: Mapping[str, Sequence[str]], **settings: Any) -> Spec:
    """A spec over `rows.csv` with label `y`; settings are the dataset's, or `make_spec`'s."""
    own = {key: settings.pop(key) for key in ("loss", "bottom", "scaling") if key in settings}
    dataset = {"type": "csv", "path": "rows.csv", "label": "y", **settings}
    return make_spec(dataset, columns, **own)


def write_rows(directory: Path, header: str, rows: Sequence[str]) -> Path:
    """Writes `rows.csv` with these lines."""
    path = directory / "rows.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path
