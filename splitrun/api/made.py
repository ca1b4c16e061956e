"""A run that was made: what came of it, what its model says of new rows, and its modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from splitrun.api.given import FilePath, one_at_a_time, path_or_none, warn, warn_each
from splitrun.catalogue.address import located
from splitrun.errors import RunDirectoryError, UsageError, one_line
from splitrun.records.reading import read_lines
from splitrun.records.run import EpochRecord, RunResult, fate
from splitrun.session import RunDirectory, evaluate_run
from splitrun.session import predict as predict_rows
from splitrun.session.trained import OpenedRun, unseen_warnings
from splitrun.spec import has_own_files

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import nn

    from splitrun.catalogue.entry import Kind


@dataclass(frozen=True)
class Run:
    """A run by its directory, which is read whenever something is asked."""

    directory: Path
    allow_code: bool = False
    """Whether the classes that its spec names may be imported and run."""

    @property
    def status(self) -> str:
        """`running`, `done`, `failed`, `interrupted` or `killed`."""
        manifest = RunDirectory.open(self.directory).manifest()
        return fate(self.directory, manifest.status)

    @property
    def result(self) -> RunResult:
        """What it came to: metrics, throughput, staleness, the digest of its weights.

        Raises:
            RunDirectoryError: it has come to nothing.
        """
        result = RunDirectory.open(self.directory).manifest().result
        if result is None:
            what = f"{self.directory}: the run is {self.status} and has no result"
            raise RunDirectoryError(f"{what}; give one that came to its end")
        return result

    @property
    def metrics(self) -> DataFrame:
        """A row for each epoch, which is the index, and columns such as `train.loss` and
        `test.auroc`; NaN where an epoch was not evaluated."""
        from pandas import DataFrame, Index

        rows: dict[int, dict[str, float | None]] = {}
        for record in read_lines(self.directory / "metrics.jsonl", EpochRecord):
            parts = {"train": record.train, "validation": record.validation, "test": record.test}
            told = rows.setdefault(record.epoch, {})
            told |= {f"{part}.{name}": it for part, of in parts.items() for name, it in of.items()}
        frame = DataFrame(list(rows.values()), index=Index(list(rows), name="epoch"))
        return frame.astype(float)

    def evaluate(
        self, *, data_dir: FilePath | None = None
    ) -> Mapping[str, Mapping[str, float | None]]:
        """The saved model's metrics on the rows that were held out, `test` and, where there are
        some, `validation`, by name.

        Args:
            data_dir: where a public dataset's file is looked up first.

        Raises:
            RunDirectoryError: there is no sound model, or the data are not those of the training.
            UsageError: its data cannot be read any more, or no rows were held out.
        """
        with one_at_a_time:
            found = evaluate_run(
                self.directory, data_dir=path_or_none(data_dir), allow_code=self.allow_code
            )
        _warn_unfinished(found.status)
        parts = {"validation": found.validation, "test": found.metrics}
        return {rows: metrics for rows, metrics in parts.items() if metrics}

    def predict(self, frames: DataFrame | Mapping[str, DataFrame]) -> DataFrame:
        """What the saved model says of new rows, a row for each: its key, the class or the number,
        and probabilities; as `splitrun predict` writes it.

        Columns are found by name; there may be more, and no labels are needed. An index is no
        column.

        Args:
            frames: one for all parties or, where each had a file of its own in the training, one
                for each, by party.

        Raises:
            RunDirectoryError: there is no sound model.
            UsageError: a frame is missing, or is not what the model was trained on.
            RunFailed: a module fails, or what comes of the rows is not finite.
        """
        from pandas import DataFrame

        run = OpenedRun.open(self.directory)
        given = _by_party(run, frames)
        with one_at_a_time, TemporaryDirectory(prefix="splitrun-") as place:
            files = {name: Path(place) / f"{name}.parquet" for name in given}
            for name, frame in given.items():
                _write(frame, files[name], name)
            inputs = files if has_own_files(run.spec) else files[_SHARED]
            try:
                made = predict_rows(self.directory, inputs, allow_code=self.allow_code)
            except UsageError as error:
                raise type(error)(_of_frames(str(error), files)) from error
        _warn_unfinished(made.status)
        if made.join is not None:
            warn_each(_of_frames(text, files) for text in made.join.warnings)
        warn_each(unseen_warnings(made.unseen))
        told = made.predictions
        return DataFrame(list(told.rows()), columns=list(told.header))

    def module(self, role: str) -> nn.Module:
        """A role's trained module, such as `bob.bottom`'s: with the saved weights, in evaluation
        mode. It takes the party's encoded columns, as the run's own did.

        Raises:
            UsageError: the run has no such role.
            RunDirectoryError: there is no sound model.
            ModelError: its class may not be run, or cannot be built.
        """
        from splitrun.export.saved import SavedRoles

        saved = SavedRoles.open(self.directory)
        if role not in saved.digests:
            known = ", ".join(saved.digests)
            raise UsageError(f"{role}: no role of {self.directory}; it has {known}")
        with one_at_a_time:
            return saved.module(role, allow_code=self.allow_code)


def load(run: FilePath, *, runs_dir: FilePath = "runs", allow_code: bool = False) -> Run:
    """A run that was made before.

    Args:
        run: its directory, any part of its name, `@last`, or `@best:METRIC` such as `@best:auroc`.
        runs_dir: where names are looked up.
        allow_code: let its model import and run the classes that its spec names.

    Raises:
        UsageError: there is none, or several are meant.
    """
    kinds: tuple[Kind, ...] = ("run",)
    path = located(str(run), Path(runs_dir), kinds)
    return Run(RunDirectory.open(path).path.absolute(), allow_code=allow_code)


_SHARED = "frame"


def _by_party(
    run: OpenedRun, frames: DataFrame | Mapping[str, DataFrame]
) -> Mapping[str, DataFrame]:
    """The frames by party, or the only one.

    Raises:
        UsageError: there are others than the training had files.
    """
    from pandas import DataFrame

    parties = list(run.spec.parties) if has_own_files(run.spec) else []
    example = "{" + ", ".join(f"{name!r}: frame" for name in parties) + "}"
    wanted = f"give {example}" if parties else "give one frame for all parties"
    given = {_SHARED: frames} if isinstance(frames, DataFrame) else frames
    if isinstance(frames, DataFrame) and parties:
        raise UsageError(f"each party had a file of its own in the training; {wanted}")
    if not isinstance(given, Mapping) or set(given) != set(parties or [_SHARED]):
        named = ", ".join(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
        raise UsageError(f"frames of {named or 'nobody'}; {wanted}")
    for name, frame in given.items():
        if not isinstance(frame, DataFrame):
            raise UsageError(f"{name}: a {type(frame).__name__} is no pandas.DataFrame; {wanted}")
    return given


def _write(frame: DataFrame, path: Path, name: str) -> None:
    """Write a frame as a file that keeps its types.

    Raises:
        UsageError: it has a column that no file can have.
    """
    try:
        frame.to_parquet(path, engine="pyarrow", index=False)
    except Exception as error:
        what = f"{name}: {one_line(error)}"
        raise UsageError(f"{what}; give columns with text for names, of one type each") from error


def _of_frames(text: str, files: Mapping[str, Path]) -> str:
    """The text with frames instead of the files that they were written to."""
    for name, path in files.items():
        text = text.replace(str(path), name if name == _SHARED else f"{name}'s frame")
    return text


def _warn_unfinished(status: str) -> None:
    if status != "done":
        warn(f"the run is {status}; this is the model it has saved")
