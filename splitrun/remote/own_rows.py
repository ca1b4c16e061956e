"""A party's own rows, before it knows which of them the samples are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from splitrun.data import (
    Alignment,
    KeyColumn,
    OnDownload,
    Source,
    SplitRows,
    key_columns,
    open_source,
    party_problems,
)
from splitrun.data.table import Table
from splitrun.errors import SpecError, UsageError
from splitrun.party import Party
from splitrun.spec import Spec, is_joined, key_of, reference_to


@dataclass(frozen=True)
class OwnRows:
    """A party's file."""

    spec: Spec
    party: str
    directory: Path
    source: Source
    keys: Table | None
    """Its columns of keys, where rows are joined by them."""

    @classmethod
    def of(
        cls,
        spec: Spec,
        party: str,
        directory: Path,
        data_dir: Path | None = None,
        on_download: OnDownload | None = None,
    ) -> OwnRows:
        """Those of a party of a spec, of which the keys alone are read.

        Raises:
            UsageError: the file, its columns or its keys cannot be used.
        """
        if is_joined(spec) and spec.dataset.aligned_by is None:
            what = "dataset.key: parties on machines of their own must know how to compare keys"
            raise UsageError(
                f"{what}; set dataset.align: psi shows nobody a key, hmac is faster, sorted is for "
                "files that all have the same keys"
            )
        source = open_source(spec, party, directory, data_dir, on_download)
        if problems := [*party_problems(spec, party, source.columns())]:
            raise SpecError(problems)
        names = key_columns(spec, party)
        keys = source.read(names, names) if is_joined(spec) else None
        return cls(spec, party, directory, source, keys)

    @property
    def holds_label(self) -> bool:
        """Whether the party is the label holder."""
        return self.party == self.spec.top.party

    @property
    def are_told(self) -> bool:
        """Whether the label holder tells the others which rows the samples are, or how they are
        split; else everybody finds that alone."""
        return self.keys is not None or self.spec.dataset.split.by != "random"

    def key_column(self) -> KeyColumn:
        """A partner's keys."""
        return self._column(key_of(self.spec, self.party))

    def references_to(self, partner: str) -> KeyColumn:
        """The label holder's column that refers to a partner's keys."""
        return self._column(reference_to(self.spec, partner))

    def load(self, rows: SplitRows | None = None, alignment: Alignment | None = None) -> Party:
        """Read all that the party's models take.

        Args:
            rows: as the label holder has split them; without them, they are split here.
            alignment: which of the file's rows the samples are, where they are joined by keys.

        Raises:
            UsageError: data that is missing, damaged, or not what the spec says.
        """
        return Party.load(
            self.spec,
            self.party,
            self.directory,
            source=self.source,
            rows=rows,
            alignment=alignment,
        )

    def _column(self, name: str | None) -> KeyColumn:
        assert self.keys is not None, "rows are joined by keys"
        assert name is not None, "every party has a key, and the label holder one for each"
        return KeyColumn(self.party, name, self.keys, self.spec.dataset.keys_as)
