"""Where the files of experiments on real data are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from splitrun.spec import load

SHARED = Path("../../shared/data")
"""Where the specs look for them, seen from their directory."""


def own_files(spec: Path) -> list[str]:
    """Overrides for the paths of a spec's own files, which are where `SPLITRUN_DATA_DIR` says or
    beside the checkout; the test is skipped where one is not there."""
    named = os.environ.get("SPLITRUN_DATA_DIR")
    directory = Path(named) if named else spec.parent / SHARED
    content = load(spec).spec
    paths = {
        f"dataset.{key}": getattr(content.dataset, key, None) for key in ("path", "test_path")
    } | {f"parties.{name}.path": party.path for name, party in content.parties.items()}
    overrides = []
    for key, path in paths.items():
        if path is not None:
            found = (directory / Path(path).relative_to(SHARED)).resolve()
            if not found.is_file():
                pytest.skip(f"{found} is not there; set SPLITRUN_DATA_DIR")
            overrides.append(f"{key}={found}")
    return overrides
