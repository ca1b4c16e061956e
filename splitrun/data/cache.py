"""Encoded rows kept on the disk, for data larger than memory: made once, mapped ever after.

What is kept is named by all that it follows from: the content of the files, what the spec says of
them, and the versions of what reads and encodes them. So it never goes out of date, and whoever
finds it has what he would have made. It is looked through before it is used; what is damaged is
made anew.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import msgspec

from splitrun import __version__
from splitrun.data.encoded_files import read_data, read_join, write_data, write_join
from splitrun.data.encoding import PartyEncoder
from splitrun.data.join import Join
from splitrun.data.on_disk import on_disk
from splitrun.data.party_data import Data
from splitrun.data.sources import Source
from splitrun.errors import DataError, RunDirectoryError
from splitrun.files import is_something, located, read_bytes, remove, sync, write_text
from splitrun.lock import is_held, locked
from splitrun.spec import Spec

FORMAT = 2
_ABOUT = "about.json"
_JOIN = "join.bin"
"""Of another ending than parties' files, for a party may have any name."""
_UNRELATED_KEYS = {"cache", "batch_size", "path", "test_path"}
_UNRELATED_PARTY_KEYS = {"path", "test_path", "bottom", "depth", "optimizer", "compute"}


def cache_of(
    spec: Spec,
    directory: Path,
    sources: Mapping[str, Source],
    encoders: Mapping[str, PartyEncoder],
) -> Cache | None:
    """Where the encoded rows of a spec are kept; None where none are.

    Args:
        directory: where relative paths of the spec start.
        sources: of the rows, by party.
        encoders: by party, those that were fitted before.
    """
    if spec.dataset.cache_path is None:
        return None
    place = located(spec.dataset.cache_path, directory)
    prints = {id(source): source.fingerprint() for source in sources.values()}
    name = _name(spec, {party: prints[id(it)] for party, it in sources.items()}, encoders)
    return Cache(place, name)


def _name(spec: Spec, fingerprints: Mapping[str, str], encoders: Mapping[str, PartyEncoder]) -> str:
    """Follows from all that encoded rows follow from; 32 hexadecimal digits."""
    follows_from = {
        "format": FORMAT,
        "versions": [__version__, *map(version, ("numpy", "pandas", "torch"))],
        "files": dict(fingerprints),
        "dataset": spec.dataset.model_dump(mode="json", exclude=_UNRELATED_KEYS),
        "parties": {
            name: party.model_dump(mode="json", exclude=_UNRELATED_PARTY_KEYS)
            | {"inputs": party.bottom.takes if party.bottom else None}
            for name, party in spec.parties.items()
        },
        "label_holder": spec.top.party,
        "loss": spec.top.loss.model_dump(mode="json"),
        "encoders": {name: encoder.to_json() for name, encoder in encoders.items()},
    }
    text = json.dumps(follows_from, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:32]


@dataclass(frozen=True)
class Loaded:
    """What all parties have, and how their rows belong together."""

    data: Mapping[str, Data]
    """By party."""
    join: Join | None


@dataclass(frozen=True)
class Cache:
    """The encoded rows of all parties of a spec, in a directory of their name."""

    directory: Path
    name: str

    def get_or_make(
        self, sources: Mapping[str, Source], load: Callable[[Mapping[str, Source]], Loaded]
    ) -> Loaded:
        """Every party's data, mapped, and how they were joined.

        Two processes may make the same at the same time; what the first one has made is used.

        Args:
            sources: of the rows, by party.
            load: reads and encodes the rows of such sources.

        Raises:
            DataError: the directory cannot be written, or `load` raises it.
        """
        found, damage = self._found()
        if found is None:
            with self._writing() as directory:
                with tempfile.TemporaryDirectory(dir=directory) as scratch:
                    self._write(directory, load(on_disk(sources, Path(scratch))))
                self._put(directory)
            found, still = self._found()
            if found is None:
                message = f"{self._entry}: {still or 'it was removed'}"
                raise DataError(f"{message}; check the disk that dataset.cache is on")
        if not damage:
            return found
        first, *_ = found.data
        data = found.data[first]
        notes = (*data.notes, f"{self._entry}: {damage}; it was made anew")
        return replace(found, data={**found.data, first: replace(data, notes=notes)})

    @property
    def _entry(self) -> Path:
        return self.directory / self.name

    def _found(self) -> tuple[Loaded | None, str]:
        """What is there; or None, and why it cannot be used if it is there."""
        if not is_something(self._entry):
            return None, ""
        try:
            about = msgspec.json.decode(read_bytes(self._entry / _ABOUT), type=_AboutAll)
            data = {name: read_data(self._entry / _file_name(name)) for name in about.parties}
            join = read_join(self._entry / _JOIN, data) if about.has_join else None
        except (OSError, ValueError, RunDirectoryError) as error:
            return None, f"damaged ({error})"
        return Loaded(data, join), ""

    def _write(self, directory: Path, loaded: Loaded) -> None:
        for name, data in loaded.data.items():
            write_data(directory / _file_name(name), data)
        if loaded.join is not None:
            write_join(directory / _JOIN, loaded.join)
        about = _AboutAll(tuple(loaded.data), has_join=loaded.join is not None)
        write_text(directory / _ABOUT, msgspec.json.encode(about).decode())

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """A new directory to write, which is removed unless it is put in its place; those that
        earlier processes left when they were killed go before."""
        prefix = f".{self.name}-"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for left in self.directory.glob(f"{prefix}*"):
                if is_held(left) is False:
                    remove(left)
            if is_something(self._entry):
                remove(self._entry)
            made = Path(tempfile.mkdtemp(prefix=prefix, dir=self.directory))
            try:
                with locked(made):
                    yield made
            finally:
                if made.exists():
                    remove(made)
        except OSError as error:
            message = f"dataset.cache: {self.directory}: {error.strerror or error}"
            raise DataError(
                f"{message}; free space, or make it a directory that can be written"
            ) from error

    def _put(self, made: Path) -> None:
        """Give a directory its name, unless another process was first."""
        sync(made)
        try:
            made.rename(self._entry)
        except OSError:
            if not is_something(self._entry):
                raise
        sync(self.directory)


def _file_name(party: str) -> str:
    return f"{party}.safetensors"


class _AboutAll(msgspec.Struct, frozen=True):
    """What is kept of all parties."""

    parties: tuple[str, ...]
    has_join: bool
