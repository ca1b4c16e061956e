"""What the label holder tells a partner in the end: which of its rows the samples are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from splitrun.alignment.documents import Document
from splitrun.data import Rows, SplitRows
from splitrun.records.data import JoinOrder

_PARTS = 3


class Samples(msgspec.Struct, frozen=True):
    """The samples as one partner may know them."""

    parts: bytes
    """For each sample 0 to train on, 1 to decide on, 2 to test on; empty where everybody finds that
    for itself."""
    order: JoinOrder = "trusted"
    positions: bytes = b""
    """For each sample which of the partner's keys it has, as 64-bit integers; empty where rows are
    joined by their order. See `Found`."""
    texts: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        rows: SplitRows,
        order: JoinOrder = "trusted",
        positions: Rows | None = None,
        texts: Sequence[str] = (),
    ) -> Samples:
        """Of a split and, where rows are joined by keys, of positions `[samples]`."""
        count = sum(map(len, (rows.train, rows.validation, rows.test)))
        parts = np.zeros(count, np.uint8)
        parts[rows.validation], parts[rows.test] = 1, 2
        told = b"" if positions is None else positions.astype("<i8").tobytes()
        return cls(parts.tobytes(), order, told, texts)

    def document(self) -> Document:
        """To send."""
        return Document.of(msgspec.msgpack.encode(self))

    @classmethod
    def decode(cls, content: bytes) -> Samples:
        """Of what was sent.

        Raises:
            ValueError: it is none.
        """
        made = msgspec.msgpack.decode(content, type=cls)
        parts = np.frombuffer(made.parts, np.uint8)
        if not (parts == 0).any() or parts.max() >= _PARTS:
            raise ValueError("samples of which none is trained on, or of a part that there is not")
        if made.positions and len(made.positions) != 8 * len(parts):
            raise ValueError("samples and positions that are not as many")
        return made

    @property
    def split(self) -> SplitRows:
        """Row numbers of the parts."""
        parts = np.frombuffer(self.parts, np.uint8)
        train, validation, test = (np.flatnonzero(parts == part) for part in range(_PARTS))
        return SplitRows(train, validation, test)

    @property
    def of_keys(self) -> Rows:
        """The positions, `[samples]`."""
        return np.frombuffer(self.positions, "<i8").astype(np.int64)
