"""Hashes of keys under a session's key: who has that key can guess keys, others cannot."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable

KEY_BYTES = 32
MAC_BYTES = 16
"""Of HMAC-SHA256: among 10⁹ keys, two share them once in 10²⁰ sessions."""
ENTRY_BYTES = 2 * MAC_BYTES
"""Of a key as it is, and of what it has in common with others that are written otherwise."""
COUNT = struct.Struct("<Q")


def mac_of(key: bytes, text: str) -> bytes:
    """A key's hash."""
    return hmac.digest(key, text.encode(), "sha256")[:MAC_BYTES]


def digest_of(key: bytes, texts: Iterable[str]) -> bytes:
    """One hash of all keys, in their order."""
    made = hmac.new(key, digestmod=hashlib.sha256)
    for text in texts:
        content = text.encode()
        made.update(COUNT.pack(len(content)))
        made.update(content)
    return made.digest()
