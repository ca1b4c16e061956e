"""What parties of one process read: every file once, by whoever shares it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from splitrun.data.encoding import PartyEncoder
from splitrun.data.join import Join, join, join_by_order, key_columns
from splitrun.data.load import columns_of, text_columns
from splitrun.data.new_rows import NewRows, columns_of_model
from splitrun.data.sources import Source
from splitrun.data.table import Table
from splitrun.spec import Spec, has_own_files, is_joined


class SharedSource:
    """A source that is read once; each of the parties that read it is given its own columns.

    Args:
        source: what is read.
        columns: all that any of them reads.
        text: those of them that are read as categories, whatever they hold.
        keys: columns of keys.
    """

    def __init__(
        self,
        source: Source,
        columns: Sequence[str],
        text: Collection[str],
        keys: Sequence[str] = (),
    ) -> None:
        self._source = source
        self._key_names = keys
        beside = [name for name in keys if name not in columns]
        self._read = [*dict.fromkeys(columns), *beside], frozenset(text).union(beside)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return self._source.columns()

    @cached_property
    def _table(self) -> Table:
        return self._source.read(*self._read)

    def columns(self) -> tuple[str, ...]:
        """The names of all columns, the label's among them."""
        return self._names

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows and no others, read as all of them are; those that are to be
        text, and are no text there, are read once more."""
        again = [name for name in columns if name in text and name not in self._read[1]]
        own = {name: self._table.columns[name] for name in columns if name not in again}
        if again:
            own |= self._source.read(again, again).columns
        return replace(self._table, columns=own)

    @cached_property
    def keys(self) -> Table:
        """The columns of keys, as categories."""
        return self.read(self._key_names, self._key_names)

    def fingerprint(self) -> str:
        """What changes where the rows do, though the spec does not."""
        return self._source.fingerprint()


def share(
    spec: Spec,
    sources: Mapping[str, Source],
    encoders: Mapping[str, PartyEncoder],
    new_rows: NewRows | None = None,
) -> dict[str, SharedSource]:
    """What each party reads, such that one and the same source is read once.

    Args:
        sources: by party.
        encoders: by party, of a model trained before, if there is one.
        new_rows: which that model has not seen.
    """

    def columns_read(source: Source, parties: Sequence[str]) -> list[str]:
        if new_rows and encoders:
            weight = spec.dataset.weight
            return [
                it for name in parties for it in columns_of_model(encoders[name], new_rows, weight)
            ]
        available = source.columns()
        return [it for name in parties for it in columns_of(spec, name, available)]

    made: dict[int, SharedSource] = {}
    for source in sources.values():
        if id(source) in made:
            continue
        parties = [name for name, other in sources.items() if other is source]
        made[id(source)] = SharedSource(
            source,
            columns_read(source, parties),
            frozenset().union(*(text_columns(spec, name, encoders.get(name)) for name in parties)),
            list(dict.fromkeys(column for name in parties for column in key_columns(spec, name))),
        )
    return {party: made[id(source)] for party, source in sources.items()}


def join_sources(spec: Spec, sources: Mapping[str, SharedSource]) -> Join | None:
    """How the rows of all parties belong together; None where all share one file without a key.

    Raises:
        DataError: they do not; see `join`.
    """
    if is_joined(spec):
        return join(spec, {party: source.keys for party, source in sources.items()})
    if has_own_files(spec):
        return join_by_order({party: source.read((), ()) for party, source in sources.items()})
    return None
