"""A Ray cluster on this machine, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitrun.cluster.connection import connected


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Runs in here are given to it."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'splitrun[ray]'")
    with connected(None, cpus=8):
        yield
