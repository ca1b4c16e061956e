"""What parties tell each other before a run, and what comes of it: the facts of its plan.

A party's facts are plain data, JSON both ways: row counts, a digest of the sample ids, and of each
of its roles' models shapes, sizes and habits. There are two rounds: first everybody tells of their
bottoms; the label holder's top then follows from the shapes and types of all cuts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from splitrun.errors import DataError, Disagreement
from splitrun.plan import Facts, RoleFacts, TensorFacts, bottom_name, top_name
from splitrun.spec import Spec


@dataclass(frozen=True)
class PartyFacts:
    """What one party tells the others."""

    party: str
    train_rows: int
    test_rows: int
    ids_digest: str
    """Differs where the sample ids, or which of them are held out, do."""
    roles: Mapping[str, RoleFacts]
    """By role of the party."""
    validation_rows: int = 0

    def to_json(self) -> str:
        """One line; `from_json` gives the same facts back, to the last bit."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> PartyFacts:
        """What `to_json` gave.

        Raises:
            DataError: it is something else, or tells of models that cannot be.
        """
        try:
            facts = msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            message = f"not the facts of a party: {error}"
            raise DataError(f"{message}; use one version of splitrun for all parties") from error
        for name, role in facts.roles.items():
            if odd := _odd(role, is_bottom=name == bottom_name(facts.party)):
                raise DataError(f"not the facts of a party: {odd}; ask whoever runs it")
        return facts


_ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
_MOST_CUT_BYTES_PER_ROW = 16 << 20
"""Plans take as much memory as cuts need, and another party tells of them."""


def _odd(role: RoleFacts, *, is_bottom: bool) -> str:
    """What no model's facts can be."""
    if is_bottom and not role.cut:
        return "a bottom that sends nothing"
    for tensor in role.cut:
        if _ITEM_BYTES.get(tensor.dtype) != tensor.itemsize or any(it < 1 for it in tensor.shape):
            return f"a cut of {tensor.dtype[:20]!r} {list(tensor.shape[:8])}"
    if role.cut_bytes_per_row > _MOST_CUT_BYTES_PER_ROW:
        return f"a cut of {role.cut_bytes_per_row:,} bytes a row"
    numbers = (it for it in vars(role).values() if isinstance(it, int | float))
    return "" if all(0 <= it < 1 << 63 for it in numbers) else "numbers of bytes that cannot be"


def cuts(spec: Spec, facts: Sequence[PartyFacts]) -> dict[str, tuple[TensorFacts, ...]]:
    """What every bottom sends, by role, in the parties' order, whatever order the facts are in.

    Raises:
        DataError: the facts of a bottom are not among them.
    """
    found = _roles(facts)
    return {name: _told(found, name).cut for name in _bottoms(spec)}


def merge(spec: Spec, facts: Sequence[PartyFacts]) -> Facts:
    """The facts of a plan, the same whoever merges them and in whichever order.

    Raises:
        DataError: parties differ in their rows, which is then named; or some role's are missing.
    """
    of_party = {each.party: each for each in facts}
    first, *others = (of_party[name] for name in spec.parties if name in of_party)
    for other in others:
        for field, what in _SHARED.items():
            mine, theirs = getattr(first, field), getattr(other, field)
            if mine != theirs:
                message = f"{first.party} and {other.party} differ in {field}: {mine} and {theirs}"
                raise Disagreement(f"{message}; {what}")
    found = _roles(facts)
    names = (*_bottoms(spec), top_name(spec))
    roles = {name: _told(found, name) for name in names}
    return Facts(first.train_rows, first.test_rows, roles, first.validation_rows)


_SHARED = {
    "train_rows": "give all parties the same rows, and one spec",
    "validation_rows": "give all parties the same rows, and one spec",
    "test_rows": "give all parties the same rows, and one spec",
    "ids_digest": "give all parties the same rows in the same order, and one spec",
}
"""What all parties must agree in, and what helps where they do not."""


def _bottoms(spec: Spec) -> list[str]:
    return [bottom_name(name) for name, party in spec.parties.items() if party.bottom is not None]


def _roles(facts: Sequence[PartyFacts]) -> dict[str, RoleFacts]:
    return {name: role for each in facts for name, role in each.roles.items()}


def _told(found: Mapping[str, RoleFacts], role: str) -> RoleFacts:
    if role not in found:
        raise DataError(f"nobody tells of {role}; the facts of all its spec's parties are needed")
    return found[role]
