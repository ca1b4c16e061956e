"""What `value.json` holds, in the directory of a valuation: what each party's data are worth.

The other files are those of a comparison; see `splitrun.records.comparison`. Of a metric of which
less is better, a gain is how much less: every gain is better where it is greater.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from splitrun.errors import RunDirectoryError
from splitrun.events import EvaluatedRows
from splitrun.records.comparison import MeanRecord, StudyRecord
from splitrun.records.reading import Record, read_record

Finding = Literal["better", "worse", "not shown", "all"]
"""What a model is with a party's columns beside without them; `all`: without them there is none."""


class CostRecord(Record, frozen=True, kw_only=True):
    """What a partner's part takes in training."""

    bytes_per_epoch: float
    """Cuts and gradients between the partner and the label holder, both ways."""
    epoch_s: float | None
    """As foretold of all parties over the spec's links, on this machine's costs."""
    epoch_without_s: float | None = None
    """Likewise without the partner; None where nothing is left."""


class PartyValueRecord(Record, frozen=True, kw_only=True):
    """What one party's data are worth."""

    party: str
    finding: Finding | None = None
    """None for the label holder, without whom there is nothing to learn."""
    gain: MeanRecord | None = None
    """The metric with the party, beside that of models trained without it."""
    importance: MeanRecord
    """The metric of models of all parties, beside theirs with the party's rows permuted."""
    columns: Mapping[str, MeanRecord] = {}
    """The same of every column of the party's by itself."""
    cost: CostRecord | None = None
    """A partner's."""
    more_rows: int = 0
    """That there would be, if rows did not have to have one at this party."""
    verdict: str = ""
    """In words."""


class ValueRecord(StudyRecord, frozen=True, kw_only=True):
    """What the parties' data are worth to an experiment."""

    remedy: ClassVar[str] = "value it again"

    kind: Literal["valuation"]
    metric: str
    decided_on: EvaluatedRows
    """The rows that the metric is of."""
    evaluated_rows: int
    train_rows: int
    with_all: MeanRecord
    """The metric of models of all parties."""
    parties: tuple[PartyValueRecord, ...]

    @property
    def partners(self) -> tuple[PartyValueRecord, ...]:
        """All but the label holder."""
        return tuple(it for it in self.parties if it.finding is not None)


def read_value(directory: Path) -> ValueRecord | None:
    """What a valuation's directory tells; None where it is none.

    Raises:
        RunDirectoryError: its file is damaged.
    """
    path = directory / "value.json"
    record = read_record(path, ValueRecord)
    if record is not None and not record.partners:
        raise RunDirectoryError(f"{path}: no partner in it; restore the file, or value it again")
    return record
