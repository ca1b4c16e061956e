"""What a party brings to a run, and what it says of itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from splitrun.remote.directory import Earlier, find_earlier
from splitrun.remote.own_rows import OwnRows
from splitrun.remote.shared import shared
from splitrun.remote.states import PROTOCOL, Introduction, PartyState, RunState
from splitrun.spec import Document

_VERSIONS = ("splitrun", "torch", "numpy")


@dataclass
class OwnParty:
    """What a party brings to a run."""

    document: Document
    rows: OwnRows
    earlier: Earlier | None
    """What there is to go on from."""
    process: str

    @classmethod
    def of(cls, document: Document, rows: OwnRows, runs_dir: Path) -> OwnParty:
        """A party's; a run of it that was not finished is found again."""
        earlier = find_earlier(runs_dir, document, rows.party)
        return cls(document, rows, earlier, secrets.token_hex(8))

    @property
    def name(self) -> str:
        """The party's."""
        return self.rows.party

    @property
    def introduction(self) -> Introduction:
        """What it says of itself."""
        earlier = self.earlier
        return Introduction(
            PROTOCOL,
            self.name,
            self.process,
            {name: version(name) for name in _VERSIONS},
            shared(self.document.spec),
            earlier.run if earlier else "",
            earlier.steps if earlier else (),
            earlier.life if earlier else 0,
        )

    @property
    def state(self) -> PartyState | RunState:
        """What it tells first: what is its own may be saved, and the others' not yet."""
        earlier = self.earlier
        life = earlier.life if earlier and earlier.saved else 0
        if self.rows.holds_label:
            run = earlier.run if earlier and life else ""
            return RunState(self.introduction, run=run, life=life, go=life)
        return PartyState(self.introduction, life=life, done=life)
