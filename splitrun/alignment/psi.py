"""Private set intersection, by openmined-psi: Diffie-Hellman over P-256.

The label holder blinds its keys and has the partner blind them, too; the partner blinds its own.
What is blinded by both the label holder alone compares. Both are taken to follow the protocol, and
to be curious: each learns how many keys the other has, and the label holder which are in common.
The structure is RAW: others take less room and have false positives, which would join wrong rows.
(Angelou et al., 2020, Asymmetric Private Set Intersection, section 3.)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from splitrun.alignment.answers import Answer, PartnerKeys
from splitrun.alignment.documents import Document, in_parallel
from splitrun.alignment.hashes import COUNT
from splitrun.alignment.questions import Found, Question
from splitrun.data import KeyColumn, Rows
from splitrun.errors import MissingExtra

_CHUNK = 2_000
"""Keys of a part."""
_POINT_BYTES = 33
_MOST_KEYS = 20_000_000
_COMPARISONS = 16
"""The partner's keys are looked at that often, whatever the number of parts."""


def _library() -> Any:
    try:
        import private_set_intersection.python as psi
    except ImportError:
        what = "dataset.align: psi wants openmined-psi, which is not installed"
        raise MissingExtra(f"{what}; run pip install 'splitrun[psi]'") from None
    return psi


class PsiQuestion(Question):
    """The label holder's side, which learns what is in common."""

    def __init__(self, references: KeyColumn, partner: str) -> None:
        super().__init__(references, partner)
        self._psi = _library()
        self._texts = sorted(self.codes)
        self._private_key: bytes = self._psi.client.CreateWithNewKey(True).GetPrivateKeyBytes()

    def document(self) -> Document:
        """How many keys there are, and all of them blinded."""
        self._partner_keys = -1
        self._theirs: list[bytes] = []
        self._doubly: list[bytes] = []
        chunks = _chunks(self._texts)

        def blinded(texts: Sequence[str]) -> bytes:
            request = self._client().CreateRequest(texts)
            return b"".join(request.encrypted_elements)

        header = COUNT.pack(len(self._texts))
        return Document(1 + len(chunks), chain([header], in_parallel(blinded, chunks)))

    def take(self, part: bytes) -> None:
        """How many keys the partner has, all of them blinded, and one's own, blinded twice."""
        if self._partner_keys < 0:
            self._partner_keys = _count(part)
        elif len(self._theirs) < self._partner_keys:
            self._theirs += _points(part, self._partner_keys - len(self._theirs))
        else:
            self._doubly += _points(part, len(self._texts) - len(self._doubly))

    def found(self) -> Found:
        """What is in common; see `Question`."""
        if len(self._theirs) != self._partner_keys or len(self._doubly) != len(self._texts):
            raise ValueError("fewer points than there are keys")
        setup = self._psi.ServerSetup()
        setup.raw.encrypted_elements.extend(sorted(self._theirs))
        size = max(_CHUNK, -(-len(self._texts) // _COMPARISONS))

        def common(start: int) -> list[int]:
            response = self._psi.Response()
            response.encrypted_elements.extend(self._doubly[start : start + size])
            found = _checked(self._client().GetIntersection, setup, response)
            return [start + each for each in found]

        starts = range(0, len(self._texts), size)
        indices = sorted(chain.from_iterable(in_parallel(common, starts)))
        texts = [self._texts[index] for index in indices]
        positions = self._nothing()
        positions[[self.codes[text] for text in texts]] = np.arange(len(texts))
        return Found(positions, self._partner_keys, texts)

    def _client(self) -> Any:
        """One of this thread: they keep what they compute with."""
        return self._psi.client.CreateFromKey(self._private_key, True)


class PsiAnswer(Answer):
    """The partner's side."""

    def __init__(self, keys: PartnerKeys) -> None:
        super().__init__(keys)
        self._psi = _library()
        self._private_key: bytes = self._psi.server.CreateWithNewKey(True).GetPrivateKeyBytes()
        self._their_keys = -1
        self._theirs: list[bytes] = []

    def take(self, part: bytes) -> None:
        """How many keys the label holder has, and all of them blinded."""
        if self._their_keys < 0:
            self._their_keys = _count(part)
        else:
            self._theirs += _points(part, self._their_keys - len(self._theirs))

    def document(self) -> Document:
        """How many keys there are, all of them blinded, and the label holder's blinded twice."""
        if len(self._theirs) != self._their_keys:
            raise ValueError("fewer points than there are keys")
        own = list(self.keys.texts)
        secrets.SystemRandom().shuffle(own)  # or the order would tell of the keys'
        mine, theirs = _chunks(own), _chunks(self._theirs)

        def blinded(texts: Sequence[str]) -> bytes:
            setup = self._server().CreateSetupMessage(0.0, 1, texts, self._psi.DataStructure.RAW)
            return b"".join(setup.raw.encrypted_elements)

        def twice(points: Sequence[bytes]) -> bytes:
            request = self._psi.Request()
            request.reveal_intersection = True
            request.encrypted_elements.extend(points)
            response = _checked(self._server().ProcessRequest, request)
            return b"".join(response.encrypted_elements)

        header = iter([COUNT.pack(len(own))])
        content = chain(header, in_parallel(blinded, mine), in_parallel(twice, theirs))
        return Document(1 + len(mine) + len(theirs), content)

    def _rows(self, texts: Sequence[str]) -> Rows:
        known = dict(zip(self.keys.texts, self.keys.rows.tolist(), strict=True))
        missing = sum(text not in known for text in texts)
        if missing:
            raise ValueError(f"{missing} keys that there are not")
        return np.array([known[text] for text in texts], np.int64)

    def _server(self) -> Any:
        """One of this thread: they keep what they compute with."""
        return self._psi.server.CreateFromKey(self._private_key, True)


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]


def _count(part: bytes) -> int:
    """How many keys there are."""
    if len(part) != COUNT.size:
        raise ValueError(f"a number of {len(part)} bytes")
    (count,) = COUNT.unpack(part)
    if not 0 < count <= _MOST_KEYS:
        raise ValueError(f"{count:,} keys; at most {_MOST_KEYS:,} are taken")
    return int(count)


def _points(part: bytes, most: int) -> list[bytes]:
    """The points of a part, of which no more than that many are to come."""
    count, rest = divmod(len(part), _POINT_BYTES)
    if rest or not 0 < count <= most:
        raise ValueError(f"{len(part)} bytes where at most {most:,} points were to come")
    return [part[start : start + _POINT_BYTES] for start in range(0, len(part), _POINT_BYTES)]


def _checked(compute: Callable[..., Any], *given: Any) -> Any:
    try:
        return compute(*given)
    except RuntimeError as error:  # the library's, about what has been sent
        raise ValueError("bytes that are no point of the curve") from error
