"""A partner's side: what it answers, and which of its rows are then wanted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitrun.alignment.documents import MOST_PART_BYTES, Document
from splitrun.alignment.hashes import COUNT, ENTRY_BYTES, KEY_BYTES, digest_of, mac_of
from splitrun.data import KeyColumn, Rows, plain_key
from splitrun.spec.files import Align


@dataclass(frozen=True)
class PartnerKeys:
    """A partner's keys, each of one row."""

    column: KeyColumn
    texts: Sequence[str]
    """In their order by code points."""
    rows: Rows
    """The row of each."""

    @classmethod
    def of(cls, column: KeyColumn) -> PartnerKeys:
        """Those of a column.

        Raises:
            DataError: a row has no key, or two rows have the same.
        """
        by_text = column.rows_by_text("")
        texts = sorted(by_text)
        return cls(column, texts, np.array([by_text[text] for text in texts], np.int64))


class Answer(ABC):
    """What a partner answers to one question."""

    def __init__(self, keys: PartnerKeys) -> None:
        self.keys = keys

    @staticmethod
    def by(align: Align, keys: PartnerKeys) -> Answer:
        """By a way to align keys.

        Raises:
            UsageError: what the way needs is not installed.
        """
        if align == "psi":
            from splitrun.alignment.psi import PsiAnswer

            return PsiAnswer(keys)
        return {"sorted": _OneHash, "hmac": _AHashEach}[align](keys)

    @abstractmethod
    def take(self, part: bytes) -> None:
        """A part of the question.

        Raises:
            ValueError: it cannot be one.
        """

    @abstractmethod
    def document(self) -> Document:
        """The answer, once the whole question has been taken."""

    def rows_of(self, positions: Rows, texts: Sequence[str]) -> Rows:
        """The row that each position counts; see `Found`.

        Raises:
            ValueError: there is no such row.
        """
        rows = self._rows(texts)
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(rows):
            raise ValueError("a position beyond the keys")
        return rows[positions]

    def _rows(self, texts: Sequence[str]) -> Rows:
        if texts:
            raise ValueError("keys where positions were to come")
        return self.keys.rows


class _OneHash(Answer):
    """One hash of all keys."""

    _session_key = b""

    def take(self, part: bytes) -> None:
        self._session_key += part
        _refuse_other_keys(self._session_key)

    def document(self) -> Document:
        texts = self.keys.texts
        return Document.of(COUNT.pack(len(texts)) + digest_of(self._session_key, texts))


class _AHashEach(_OneHash):
    """A hash of each key, in the order of the hashes, which tells nothing of that of the keys."""

    def document(self) -> Document:
        key, texts = self._session_key, self.keys.texts
        hashes = [mac_of(key, text) for text in texts]
        self._order = sorted(range(len(texts)), key=hashes.__getitem__)
        is_auto = self.keys.column.key_type == "auto"
        chunk = MOST_PART_BYTES // ENTRY_BYTES

        def entry(index: int) -> bytes:
            plain = mac_of(key, plain_key(texts[index])) if is_auto else hashes[index]
            return hashes[index] + plain

        starts = range(0, max(1, len(texts)), chunk)
        order = self._order
        parts = (b"".join(map(entry, order[start : start + chunk])) for start in starts)
        return Document(len(starts), parts)

    def _rows(self, texts: Sequence[str]) -> Rows:
        return super()._rows(texts)[self._order]


def _refuse_other_keys(session_key: bytes) -> None:
    if len(session_key) != KEY_BYTES:
        raise ValueError(f"a session's key of {len(session_key)} bytes")
