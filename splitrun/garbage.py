"""What the garbage collector passes over: PyTorch alone is 400,000 objects that never go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_passes = False


@contextmanager
def frozen() -> Iterator[None]:
    """In here the collector leaves alone what is there already: to walk all of it takes a third of
    a second, and costs 4 % of small steps. Within another such one, this one changes nothing."""
    global _passes
    if _passes:
        yield
        return
    gc.freeze()
    _passes = True
    try:
        yield
    finally:
        _passes = False
        gc.unfreeze()
