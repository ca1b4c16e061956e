"""How parties find out which of their rows the samples are: the label holder, and a partner.

Each goes through it with every new process of the other one, and sees that the rows are what they
were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from splitrun.alignment import Answer, Found, PartnerKeys, Samples, ask
from splitrun.data import Alignment, Join, Rows, choose, few_in_common, keys_at
from splitrun.errors import Disagreement, Refused
from splitrun.party import Party
from splitrun.records.data import JoinRecord
from splitrun.remote.meeting import Meeting
from splitrun.remote.own_rows import OwnRows
from splitrun.spec import key_of

Watch = Callable[[float], None]
"""Called ten times a second with the share of what is waited for that has come; may raise."""
_MOST_BYTES = 1 << 30
"""Of what is told of samples: 100 million of them."""


class HolderRows:
    """The label holder's: it learns what is in common, and tells each partner its part.

    Args:
        session_of: of a partner: a word for the two processes that talk.
    """

    def __init__(self, own: OwnRows, meeting: Meeting, session_of: Callable[[str], str]) -> None:
        self._own, self._meeting, self._session_of = own, meeting, session_of
        self._sessions: dict[str, str] = {}
        """By partner, of what was last found out."""
        self._found: dict[str, Found] = {}
        self.party: Party | None = None
        """Once all partners have been asked."""
        self.join: Join | None = None
        self._samples: Rows | None = None

    def new(self) -> list[str]:
        """The partners that have been heard of, and of whose processes nothing is known."""
        if not self._own.are_told:
            return []
        return [
            peer
            for peer in self._meeting.theirs
            if self._sessions.get(peer) != self._session_of(peer)
        ]

    def align(self, peer: str, watch: Watch) -> None:
        """Find out what is in common with a partner.

        Raises:
            DataError: keys that cannot be right, or are not what they were.
            Refused: an answer that is none.
        """
        session, align = self._session_of(peer), self._own.spec.dataset.aligned_by
        if align is not None:
            question = ask(align, self._own.references_to(peer), peer)
            self._meeting.offer(peer, session, _QUESTION, question.document())
            try:
                for part in self._meeting.pull(peer, session, _ANSWER, watch):
                    question.take(part)
                found = question.found()
            except ValueError as error:
                raise _refused(self._own.party, peer, error) from error
            self._refuse_changes(peer, found)
            self._found[peer] = found
        self._sessions[peer] = session
        if self.party is not None:
            self._offer(peer, self.party)

    def load(self) -> Party:
        """What the models take, once all partners have been asked; they are told theirs."""
        own = self._own
        alignment = None
        if own.keys is not None:
            matches = {peer: self._matches(peer) for peer in self._found}
            warnings = [
                warning
                for peer, rows in matches.items()
                for warning in few_in_common(own.references_to(peer), peer, f"keys of {peer}", rows)
            ]
            self._samples, order = choose(own.spec, own.keys, matches)
            key = key_of(own.spec, own.party)
            alignment = Alignment(self._samples, keys_at(own.keys, key, self._samples))
            counts = {peer: found.partner_rows for peer, found in self._found.items()}
            self.join = Join(
                {own.party: alignment},
                lone={peer: np.flatnonzero(rows < 0) for peer, rows in matches.items()},
                record=JoinRecord(
                    rows={own.party: own.keys.rows, **counts},
                    common=len(self._samples),
                    order=order,
                ),
                keys=keys_at(own.keys, key, np.arange(own.keys.rows)),
                warnings=tuple(warnings),
            )
        self.party = own.load(alignment=alignment)
        for peer in self._sessions:
            self._offer(peer, self.party)
        return self.party

    def _matches(self, peer: str) -> Rows:
        """For each of the label holder's rows, the position of what it refers to, or -1."""
        return self._found[peer].positions[self._own.references_to(peer).codes]

    def _offer(self, peer: str, party: Party) -> None:
        rows = party.data.rows
        if (found := self._found.get(peer)) is None:
            samples = Samples.of(rows)
        else:
            assert self._samples is not None
            assert self.join is not None
            positions = self._matches(peer)[self._samples]
            samples = Samples.of(rows, self.join.record.order, positions, found.texts)
        self._meeting.offer(peer, self._sessions[peer], _SAMPLES, samples.document())

    def _refuse_changes(self, peer: str, found: Found) -> None:
        before = self._found.get(peer)
        if before is None:
            return
        same = np.array_equal(before.positions >= 0, found.positions >= 0)
        if not same or before.partner_rows != found.partner_rows:
            raise _changed(peer)


class PartnerRows:
    """Another party's: it answers the label holder, and is told its part."""

    def __init__(self, own: OwnRows, meeting: Meeting, holder: str) -> None:
        self._own, self._meeting, self._holder = own, meeting, holder
        self.session = ""
        """Of what was last told."""
        self._told: tuple[Samples, Rows | None] | None = None
        self.join: Join | None = None

    def take(self, session: str, watch: Watch) -> Party | None:
        """Answer, and load what is wanted; None where it has been loaded before.

        Raises:
            DataError: rows that are not what they were.
            Refused: what is told is nothing that can be.
        """
        own, align = self._own, self._own.spec.dataset.aligned_by
        pull, rows = self._meeting.pull, None
        try:
            if align is None:
                samples = self._samples(session, watch)
            else:
                answer = Answer.by(align, PartnerKeys.of(own.key_column()))
                for part in pull(self._holder, session, _QUESTION, watch):
                    answer.take(part)
                self._meeting.offer(self._holder, session, _ANSWER, answer.document())
                samples = self._samples(session, watch)
                rows = answer.rows_of(samples.of_keys, samples.texts)
        except ValueError as error:
            raise _refused(own.party, self._holder, error) from error
        self.session = session
        if self._told is not None:
            before, rows_before = self._told
            is_same = before.parts == samples.parts and (
                rows is None or (rows_before is not None and np.array_equal(rows_before, rows))
            )
            if not is_same:
                raise _changed(self._holder)
            return None
        self._told = samples, rows
        return self._load(samples, rows)

    def _samples(self, session: str, watch: Watch) -> Samples:
        content = bytearray()
        for part in self._meeting.pull(self._holder, session, _SAMPLES, watch):
            content += part
            if len(content) > _MOST_BYTES:
                raise ValueError(f"more than {_MOST_BYTES:,} bytes of samples")
        return Samples.decode(bytes(content))

    def _load(self, samples: Samples, rows: Rows | None) -> Party:
        own, alignment = self._own, None
        if own.keys is not None and rows is not None:
            alignment = Alignment(rows, keys_at(own.keys, key_of(own.spec, own.party), rows))
            counts: Mapping[str, int] = {own.party: own.keys.rows}
            record = JoinRecord(rows=counts, common=len(rows), order=samples.order)
            self.join = Join({own.party: alignment}, {}, record)
        return own.load(samples.split, alignment)


_QUESTION, _ANSWER, _SAMPLES = "question", "answer", "samples"


def _refused(party: str, peer: str, error: ValueError) -> Refused:
    return Refused(party, "the alignment of rows", f"{peer} has sent what it may not: {error}")


def _changed(peer: str) -> Disagreement:
    message = f"the rows in common with {peer} are not what they were when the run began"
    return Disagreement(f"{message}; start all parties again, and the run begins anew")
