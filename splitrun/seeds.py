"""Independent random streams from one seed, by name.

Every use of randomness (initial weights, batch order, dropout, link jitter) has a stream of its
own, derived from the spec's seed and the names of what it is for. None shares state with another,
so none can shift another.
"""

from __future__ import annotations

import hashlib


def derive_seed(*names: str | int) -> int:
    """A seed in [0, 2**63) for the stream with these names; equal names, equal seed."""
    text = "\x1f".join(str(name) for name in names)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def uniform(*names: str | int) -> float:
    """A number in [0, 1) for the stream with these names."""
    return derive_seed(*names) / 2**63
