"""What is odd is right, or is refused in one line with its place and a remedy that works."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from splitrun.data import InputShape, check_columns
from splitrun.errors import UsageError
from splitrun.party import Parties, doubts, summarise
from splitrun.spec import load
from tests.odd import dates, formats, ids, joins, labels, numbers, splits, text_files, unseen
from tests.odd.case import Case, write

GROUPS = {
    "numbers": numbers.CASES,
    "dates": dates.CASES,
    "ids": ids.CASES,
    "text files": text_files.CASES,
    "labels": labels.CASES,
    "joins": joins.CASES,
    "formats": formats.CASES,
    "splits": splits.CASES,
    "unseen": unseen.CASES,
}
CASES = {
    f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()
}


@dataclass(frozen=True)
class Outcome:
    """What the models of all parties would be given."""

    tensors: dict[str, tuple[torch.Tensor, ...]]
    inputs: dict[str, InputShape]
    values: dict[str, tuple[tuple[str, ...], ...]]
    """By party, the categories of its columns."""
    classes: tuple[str, ...]
    warnings: str

    def differs_from(self, other: Outcome) -> str:
        """In what, in words; empty where in nothing."""
        for what in ("classes", "values", "inputs"):
            mine, theirs = getattr(self, what), getattr(other, what)
            if mine != theirs:
                return f"{what}: {mine} and {theirs}"
        for name, tensors in self.tensors.items():
            for mine, theirs in zip(tensors, other.tensors[name], strict=True):
                if not torch.equal(mine, theirs):
                    return f"{name}: {mine[:5].tolist()} and {theirs[:5].tolist()}"
        return ""


def outcome(spec_path: Path, overrides: tuple[str, ...]) -> Outcome:
    """Everything that a run would learn from."""
    document = load(spec_path, overrides)
    with document.located():
        check_columns(document.spec, spec_path.parent)
        parties = Parties.load(document.spec, spec_path.parent)
    data = {party.name: party.data for party in parties}
    holder = parties.label_holder.data
    assert holder.labels is not None
    every = torch.arange(len(holder.labels))
    joined = parties.join.warnings if parties.join else ()
    encoders = {name: each.encoder.features for name, each in data.items() if each.encoder.features}
    return Outcome(
        {"ids": (holder.train_ids, holder.test_ids), "labels": (holder.labels,)}
        | {name: each.batch(every) for name, each in data.items() if each.features},
        {name: encoder.shape for name, encoder in encoders.items()},
        {
            name: tuple(it.values for it in encoder.categorical)
            for name, encoder in encoders.items()
        },
        holder.classes,
        "\n".join((*joined, *map(str, doubts(parties, summarise(parties))))),
    )


def refusal(spec_path: Path, overrides: tuple[str, ...]) -> str:
    """What it is refused with."""
    with pytest.raises(UsageError) as caught:
        outcome(spec_path, overrides)
    return str(caught.value)


def is_told_well(message: str) -> bool:
    """A place, what is wrong, and what to do about it."""
    return all(re.match(r".+: .+[;?].*", line) for line in message.splitlines())


def test_the_catalogue_is_a_large_one() -> None:
    assert len(CASES) >= 500


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_odd_is_right_or_refused_with_a_remedy_that_works(
    case: Case, tmp_path: Path
) -> None:
    odd = write(tmp_path / "odd", case.files, case.spec)
    typed = (*case.overrides, *case.more)
    if case.told:
        message = refusal(odd, typed)
        assert is_told_well(message), message
        for piece in case.told:
            assert piece in message, message
        for override in case.remedy:
            assert override.partition("=")[0] in message, message
    if case.warned:
        said = outcome(odd, typed).warnings
        assert all(piece in said for piece in case.warned), said
    if case.words:
        ((found,),) = [outcome(odd, (*typed, *case.remedy)).values["bob"]]
        assert case.words.issuperset(found)
    if case.twin is not None:
        twin = write(tmp_path / "twin", case.twin, case.twin_spec or case.spec)
        right = outcome(twin, case.overrides)
        assert not outcome(odd, (*typed, *case.remedy)).differs_from(right)
