"""PyTorch's threads within an operation, before a runtime's own threads set theirs.

Small operations are slower on several threads than on one, on a busy machine by far: at every
operation they are handed over, and those that wait spin. And some bits, such as those of an
orthogonal initialisation, depend on their number, which must not be the machine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def intra_op_threads(number: int) -> Iterator[None]:
    """In here the calling thread, and those that are started meanwhile, use so many threads within
    an operation; afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
