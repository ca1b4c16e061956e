"""Specs are checked without waiting for what only training needs."""

from __future__ import annotations

import subprocess
import sys

import splitrun.spec

HEAVY = {"torch", "numpy", "pandas", "sklearn", "rich", "typer"}


def test_loading_a_spec_imports_nothing_heavy() -> None:
    code = (
        "import sys; from splitrun.spec import json_schema, loads; json_schema()\n"
        "try: loads('pipline: 3', 'x.yaml')\n"
        "except Exception as error: assert 'did you mean' in str(error)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(run.stdout.split())


def test_exports_are_what_they_say() -> None:
    assert splitrun.spec.__all__ == sorted(splitrun.spec.__all__)
    assert all(hasattr(splitrun.spec, name) for name in splitrun.spec.__all__)
