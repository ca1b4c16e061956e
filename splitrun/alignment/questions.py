"""The label holder's side: what it asks a partner, and what the answer comes to."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitrun.alignment.documents import Document
from splitrun.alignment.hashes import COUNT, ENTRY_BYTES, KEY_BYTES, MAC_BYTES, digest_of, mac_of
from splitrun.data import KeyColumn, Rows, other_keys, plain_key
from splitrun.errors import DataError
from splitrun.spec.files import Align


@dataclass(frozen=True)
class Found:
    """What the label holder has in common with a partner."""

    positions: Rows
    """For each of its distinct keys, by code, which of the partner's it is; -1 where it is none."""
    partner_rows: int
    """How many keys the partner has."""
    texts: Sequence[str] = ()
    """The keys that positions count; without them, they count the partner's own list."""


class Question(ABC):
    """What is asked of one partner.

    Args:
        references: the label holder's column that refers to the partner's key.
        partner: the partner's name.

    Raises:
        DataError: a row has no key.
    """

    def __init__(self, references: KeyColumn, partner: str) -> None:
        self.references, self.partner = references, partner
        present = np.bincount(references.codes, minlength=len(references.texts)) > 0
        self.codes = {references.texts[code]: code for code in np.flatnonzero(present).tolist()}
        """By distinct key, its code."""

    @abstractmethod
    def document(self) -> Document:
        """What the partner is told."""

    @abstractmethod
    def take(self, part: bytes) -> None:
        """A part of the partner's answer.

        Raises:
            ValueError: it cannot be one.
        """

    @abstractmethod
    def found(self) -> Found:
        """What is in common, once all parts have been taken.

        Raises:
            DataError: keys that cannot be right.
            ValueError: something is missing.
        """

    def _nothing(self) -> Rows:
        return np.full(len(self.references.texts), -1, np.int64)


def ask(align: Align, references: KeyColumn, partner: str) -> Question:
    """What is asked of a partner, by a way to align keys.

    Raises:
        DataError: a row has no key.
        UsageError: what the way needs is not installed.
    """
    if align == "psi":
        from splitrun.alignment.psi import PsiQuestion

        return PsiQuestion(references, partner)
    return {"sorted": _SameKeys, "hmac": _Hashes}[align](references, partner)


class _SameKeys(Question):
    """Whether the partner has just the same keys: it tells one hash of all of them."""

    def document(self) -> Document:
        self._key, self._told = secrets.token_bytes(KEY_BYTES), b""
        return Document.of(self._key)

    def take(self, part: bytes) -> None:
        self._told += part
        if len(self._told) > COUNT.size + hashlib.sha256().digest_size:
            raise ValueError("a hash that is too long")

    def found(self) -> Found:
        (count,) = COUNT.unpack(self._told[: COUNT.size])
        texts = sorted(self.codes)
        if not hmac.compare_digest(self._told[COUNT.size :], digest_of(self._key, texts)):
            how = f"{len(texts):,} and {count:,} of them"
            raise other_keys(self.references.party, self.partner, how)
        positions = self._nothing()
        positions[[self.codes[text] for text in texts]] = np.arange(len(texts))
        return Found(positions, count)


class _Hashes(Question):
    """What the partner has, by a hash of each key under a key of this session."""

    def document(self) -> Document:
        self._key = secrets.token_bytes(KEY_BYTES)
        self._by_hash = {mac_of(self._key, text): code for text, code in self.codes.items()}
        self._by_plain: dict[bytes, int] = {}
        if self.references.key_type == "auto":
            plain = ((plain_key(text), code) for text, code in self.codes.items())
            self._by_plain = {mac_of(self._key, text): code for text, code in plain}
        self._positions, self._count = self._nothing(), 0
        self._spelt_otherwise: set[int] = set()
        return Document.of(self._key)

    def take(self, part: bytes) -> None:
        if len(part) % ENTRY_BYTES:
            raise ValueError(f"{len(part)} bytes of hashes")
        for middle in range(MAC_BYTES, len(part), ENTRY_BYTES):
            exact = part[middle - MAC_BYTES : middle]
            plain = part[middle : middle + MAC_BYTES]
            code = self._by_hash.get(exact)
            if code is not None:
                self._positions[code] = self._count
            elif (other := self._by_plain.get(plain)) is not None:
                self._spelt_otherwise.add(other)
            self._count += 1

    def found(self) -> Found:
        for code in self._spelt_otherwise:
            if self._positions[code] < 0:
                what = f"{self.references.place_of(code)}: the key {self.references.texts[code]!r}"
                what += f" has no partner, but {self.partner} has one that is written otherwise"
                remedy = "use dataset.key_type=integer for numbers that differ by zeros alone"
                raise DataError(f"{what}; write them alike, {remedy}, or text to take them so")
        return Found(self._positions, self._count)
