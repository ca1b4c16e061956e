"""Which columns parties have and what becomes of them, told without torch, pandas or numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from splitrun.data.sources import OnDownload, Opening, Source
from splitrun.data.sources.held_out import HeldOutSource
from splitrun.data.words import bare
from splitrun.errors import Path as SpecPath
from splitrun.errors import Problem, SpecError
from splitrun.spec import Spec, has_own_files, key_of, reading_of
from splitrun.spec.effective import holds_label, not_features
from splitrun.spec.wording import closest


def opening(
    spec: Spec,
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    party: str | None = None,
) -> Opening:
    """What a spec's source needs to know.

    Args:
        party: whose own file is opened; None for what all share.
    """
    parties = tuple(name for name, each in spec.parties.items() if each.bottom)
    own = None if party is None else spec.parties[party]
    return Opening(parties, directory, data_dir, on_download, party, own)


def open_source(
    spec: Spec,
    party: str,
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
) -> Source:
    """What a party reads: its own file, or what all share."""
    if not has_own_files(spec):
        return _shared_source(spec, opening(spec, directory, data_dir, on_download))
    place = opening(spec, directory, data_dir, on_download, party)
    source = spec.dataset.open(place)
    own = spec.parties[party]
    if own.test_path is None:
        return source
    test = replace(place, own=own.model_copy(update={"path": own.test_path}))
    return HeldOutSource(source, spec.dataset.open(test), own.test_path)


def _shared_source(spec: Spec, place: Opening) -> Source:
    source, test_path = spec.dataset.open(place), spec.dataset.test_file
    if test_path is None:
        return source
    test = spec.dataset.model_copy(update={"path": test_path})
    return HeldOutSource(source, test.open(place), test_path)


def sources_of(
    spec: Spec,
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
) -> dict[str, Source]:
    """What each party reads; one and the same source where they share it."""
    if not has_own_files(spec):
        shared = _shared_source(spec, opening(spec, directory, data_dir, on_download))
        return dict.fromkeys(spec.parties, shared)
    return {
        name: open_source(spec, name, directory, data_dir, on_download) for name in spec.parties
    }


def available_columns(
    spec: Spec, directory: Path, data_dir: Path | None = None
) -> dict[str, tuple[str, ...]]:
    """The names of the columns that each party's file has; of a file, only the header is read.

    Args:
        directory: where relative paths of the spec start.
        data_dir: where to look first for a published dataset; nothing is downloaded.

    Raises:
        DataError: a file is missing, damaged, or has no usable header.
    """
    return columns_in(sources_of(spec, directory, data_dir))


def columns_in(sources: Mapping[str, Source]) -> dict[str, tuple[str, ...]]:
    """The names of the columns of each source, by party; each source is asked once."""
    names = {id(source): source.columns() for source in sources.values()}
    return {party: names[id(source)] for party, source in sources.items()}


def fingerprint(spec: Spec, directory: Path) -> str:
    """What changes where the rows of a spec's dataset do, and the spec itself does not."""
    sources = {id(source): source for source in sources_of(spec, directory).values()}
    return "".join(source.fingerprint() for source in sources.values())


def feature_columns(spec: Spec, party: str, available: Sequence[str]) -> tuple[str, ...]:
    """The features of a party's bottom, in their order; none without a bottom. Each is a column of
    the party's file, or made of one that holds dates.

    They are those that it lists or, by default, those that the dataset has for it, or all that its
    file has, but for what it drops, for nameless ones, and for the label, keys and what else
    serves another end. Of a file that all share, those that others list are theirs.

    Args:
        available: the columns of the party's file.
    """
    section = spec.parties[party]
    if section.bottom is None:
        return ()
    named = section.listed or spec.dataset.default_columns(party)
    reading = reading_of(spec, party)
    if named:
        return reading.features_of(named)
    taken = {"", *section.dropped, *not_features(spec, party)}
    if not has_own_files(spec):
        taken.update(chain.from_iterable(other.listed for other in spec.parties.values()))
    if not section.columns:
        return ()
    return reading.features_of(column for column in available if column not in taken)


def column_problems(spec: Spec, columns: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Everything wrong with the spec's use of its files' columns.

    Args:
        columns: of each party's file, by party.
    """
    problems = chain(
        spec.dataset.problems(spec, ("dataset",)),
        _unread_problems(spec, columns),
        *(party_problems(spec, party, names) for party, names in columns.items()),
    )
    return list(dict.fromkeys(problems))


def party_problems(spec: Spec, party: str, columns: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the spec's use of one party's columns.

    Args:
        columns: of the party's file.
    """
    section = spec.parties[party]
    for path, column in chain(
        _label_holders_columns(spec) if party == spec.top.party else (), _own_columns(spec, party)
    ):
        if column not in columns:
            yield _unknown(path, column, columns, _where(spec, party))
    yield from _absent_key(spec, party, columns)
    yield from _listed_problems(spec, party, columns)
    yield from _made_problems(spec, party, columns)
    if section.bottom and section.columns and not feature_columns(spec, party, columns):
        what = f"no column is left of {_some(columns)}"
        yield Problem(("parties", party, "columns"), what, "name some, or drop fewer")


def _listed_problems(spec: Spec, party: str, columns: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the columns that a party lists."""
    listed, holds_top = spec.parties[party].listed, party == spec.top.party
    by_default = dict(_default_owners(spec)) if listed or holds_top else {}
    for label in spec.dataset.labels:
        if holds_top and label in by_default:
            what = f"{label!r} is the name of a generated column"
            yield Problem(("dataset", "label"), what, "name the label otherwise")
    if holds_top and spec.dataset.weight in by_default:
        what = f"{spec.dataset.weight!r} is a generated column, which a model sees"
        yield Problem(("dataset", "weight"), what, "remove it")
    for index, column in enumerate(listed):
        path = ("parties", party, "columns", index)
        if column in spec.dataset.labels and holds_label(spec, party):
            yield Problem(path, f"{column!r} is the label", "take it off the columns")
        elif column not in columns:
            yield _unknown(path, column, columns, _where(spec, party))
        elif columns.count(column) > 1:
            what = f"{column!r} names two columns in {_where(spec, party)}"
            yield Problem(path, what, "give each a name of its own")
        elif column in by_default:
            owner = by_default[column]
            remedy = f"list the columns of {owner}, too"
            yield Problem(path, f"{column!r} is {owner}'s by default", remedy)
        elif column == key_of(spec, party) and spec.parties[party].on is None:
            what = f"{column!r} is the key, another one in every row"
            yield Problem(path, what, "take it off the columns")


def _made_problems(spec: Spec, party: str, columns: Sequence[str]) -> Iterator[Problem]:
    """Columns of a party's file with the name of what is made of another one's dates."""
    reading, own = reading_of(spec, party), spec.parties[party].reading
    for name in reading.dates:
        place = ("parties", party, "reading") if own and name in own.dates else ("dataset",)
        for feature in reading.features_of([name]) if name in columns else ():
            if feature in columns:
                what = (
                    f"{feature!r} is made of {name!r}, and a column of {_where(spec, party)}, too"
                )
                yield Problem((*place, "dates", name), what, "give the column another name there")


def check_columns(spec: Spec, directory: Path, data_dir: Path | None = None) -> None:
    """Check what a spec says about its files' columns; of a file, only the header is read.

    Raises:
        SpecError: with every problem found.
        DataError: a file is missing, damaged, or has no usable header.
    """
    columns = available_columns(spec, directory, data_dir)
    if problems := column_problems(spec, columns):
        raise SpecError(problems)


def _label_holders_columns(spec: Spec) -> Iterator[tuple[SpecPath, str]]:
    """Columns that must be in the label holder's file, and where the spec names them."""
    for index, label in enumerate(spec.dataset.labels):
        place = ("dataset", "label")
        yield place if isinstance(spec.dataset.label, str) else (*place, index), label
    if spec.dataset.weight is not None:
        yield ("dataset", "weight"), spec.dataset.weight
    if spec.dataset.split.column is not None:
        yield ("dataset", "split", "column"), spec.dataset.split.column
    for name, section in spec.parties.items():
        if section.on is not None:
            yield ("parties", name, "on"), section.on


def _own_columns(spec: Spec, party: str) -> Iterator[tuple[SpecPath, str]]:
    """Columns that must be in a party's file, beside those that it lists, and where the spec names
    them."""
    section, path = spec.parties[party], ("parties", party)
    if section.key is not None:
        yield (*path, "key"), section.key
    for index, column in enumerate(section.dropped):
        yield (*path, "columns", "drop", index), column
    if (reading := section.reading) is None:
        return
    if "categorical" in reading.stated:
        for index, column in enumerate(reading.categorical):
            yield (*path, "reading", "categorical", index), column
    for column in reading.dates:
        yield (*path, "reading", "dates", column), column


def _absent_key(spec: Spec, party: str, columns: Sequence[str]) -> Iterator[Problem]:
    """That a party's file has no column of the dataset's key, which it has no other name for."""
    key = spec.dataset.row_key
    if key is None or spec.parties[party].key is not None or key in columns:
        return
    problem = _unknown(("dataset", "key"), key, columns, _where(spec, party))
    if has_own_files(spec):
        remedy = f"{problem.remedy} Its own name for it may be told by parties.{party}.key"
        problem = replace(problem, remedy=remedy)
    yield problem


def _where(spec: Spec, party: str) -> str:
    return f"{party}'s file" if has_own_files(spec) else "the data"


def _unread_problems(spec: Spec, columns: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Columns that the dataset says how to read, and no party's file has."""
    every = tuple(dict.fromkeys(chain.from_iterable(columns.values())))
    for index, column in enumerate(spec.dataset.read_as_categories):
        if column not in every:
            yield _unknown(("dataset", "categorical", index), column, every)
    for column in spec.dataset.reading_keys.dates:
        if column not in every:
            yield _unknown(("dataset", "dates", column), column, every)


def _default_owners(spec: Spec) -> Iterator[tuple[str, str]]:
    """The columns that parties have by default, and whose they are."""
    for party, section in spec.parties.items():
        if section.bottom and not section.listed:
            for column in spec.dataset.default_columns(party) or ():
                yield column, party


def _unknown(
    path: SpecPath, column: str, columns: Sequence[str], where: str = "the data"
) -> Problem:
    alike = (each for each in columns if bare(each) == bare(column))
    near = next(alike, None) or closest(column, columns)
    remedy = f"did you mean {near!r}?" if near else f"there are {_some(columns)}"
    return Problem(path, f"no column {column!r} in {where}", remedy)


def _some(columns: Iterable[str]) -> str:
    shown = list(columns)
    return ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "")
