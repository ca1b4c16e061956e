"""The processes of a job, looked after by the one that has started them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

from splitrun.errors import Lost, LostPeer, RunFailed
from splitrun.plan import Deadline
from splitrun.processes.control import Dial, Ended, Go, Stop
from splitrun.processes.files import read_state
from splitrun.processes.started_party import StartedParty
from splitrun.runtime import ChannelStatistics, Job, Observer, Outcome, RoleOutcome, Watchdog
from splitrun.runtime.watchdog import LOOK_EVERY_S

_LEAVE_S = 6.0
"""Processes that are told to stop have so long to do so; a little longer than they give their
threads."""
_STACKS_S = 1.0
"""They have so long to tell where they stand."""
_SILENT_S = 2.0
"""Of whom nothing has been heard for so long when a deadline is over is to blame for it; who has
been heard of since then is not taken for lost, however short the deadline is."""


class Group:
    """The processes of a job, which stand and fall together.

    Args:
        moved: set when one of them has changed in what is waited for.
    """

    def __init__(
        self,
        job: Job,
        observer: Observer,
        parties: Sequence[StartedParty],
        moved: threading.Event,
    ) -> None:
        self._job, self._observer, self._parties = job, observer, parties
        self._moved = moved
        self._deadline = job.deadline or Deadline.of(job.plan)
        statuses = [
            lambda party=party, role=role: party.statuses[role]
            for party in parties
            for role in party.roles
        ]
        self._watch = Watchdog(
            statuses,
            {party.name: party.roles for party in parties},
            self._deadline,
            observer.emit,
        )

    def run(self) -> Outcome:
        """Look on until the job is done, or has failed; then all have ended.

        Raises:
            RunFailed: one of them has failed, is gone, or is past its deadline.
            KeyboardInterrupt: the user interrupted.
        """
        readers = [
            threading.Thread(target=party.read, args=(self._job, self._observer), daemon=True)
            for party in self._parties
        ]
        for reader in readers:
            reader.start()
        try:
            self._attend()
        except BaseException as error:
            self._stop(error)
            for reader in readers:
                reader.join()
            if isinstance(error, KeyboardInterrupt):
                self._take_back(error)
                raise
            with suppress(Exception):
                self._observer.poll()
            raise self._cause(error) from None
        for reader in readers:
            reader.join()
        self._take_back(None)
        self._observer.poll()
        return self._outcome()

    def _attend(self) -> None:
        """Look on until all have ended.

        Raises:
            RunFailed: one of them has failed, is gone, or is past its deadline.
        """
        are_told = False
        while not all(party.is_ready for party in self._parties):
            self._moved.wait(LOOK_EVERY_S)
            self._moved.clear()
            self._observer.poll()
            are_told = are_told or self._tell_where_to_dial()
            if failure := self._failure():
                raise failure
        self._observer.begin()
        for party in self._parties:
            party.tell(Go())
        while not all(party.is_gone for party in self._parties):
            self._moved.wait(LOOK_EVERY_S)
            self._moved.clear()
            self._observer.poll()
            self._watch.look()
            self._watch.tell()
            if failure := self._failure() or self._stalled():
                raise failure
        if failure := self._failure():
            raise failure

    def _tell_where_to_dial(self) -> bool:
        """Tell all where the label holder listens, if it does already."""
        address = next(filter(None, (party.listens_at for party in self._parties)), "")
        if address:
            for party in self._parties:
                party.tell(Dial(address))
        return bool(address)

    def _failure(self) -> Exception | None:
        """What went wrong first, as far as one knows."""
        found = [failure for party in self._parties if (failure := self._of(party))]
        return min(found, key=_rank, default=None)

    def _of(self, party: StartedParty) -> Exception | None:
        if party.error is not None:
            return party.error
        if party.ended is not None:
            return party.ended.failure.error() if party.ended.failure else None
        if party.is_gone or party.process.silent_s > max(self._deadline.base_s, _SILENT_S):
            return self._watch.lost(party.name, party.process.fate)
        return None

    def _stalled(self) -> RunFailed | None:
        failure = self._watch.stalled()
        if failure is None:
            return None
        silent = max(self._parties, key=lambda party: party.process.silent_s)
        if silent.process.silent_s > _SILENT_S:
            return self._watch.lost(silent.name, silent.process.fate)
        for party in self._parties:
            party.tell(Stop(tell_stacks=True))
        for party in self._parties:
            party.has_told_stacks.wait(_STACKS_S)
        failure.stacks = "\n".join(party.stacks for party in self._parties if party.stacks)
        return failure

    def _cause(self, error: BaseException) -> BaseException:
        """What the error was that others followed from: whose process is gone is missed by others
        first."""
        return min(filter(None, (error, self._failure())), key=_rank)

    def _stop(self, error: BaseException) -> None:
        """End all, and kill who does not."""
        for party in self._parties:
            party.tell(Stop())
            if party.process.silent_s > _SILENT_S:
                party.process.kill()
        for _ in range(round(_LEAVE_S / LOOK_EVERY_S)):  # looks: what is stopped has not slept long
            if all(party.is_gone for party in self._parties):
                break
            self._moved.wait(LOOK_EVERY_S)
            self._moved.clear()
        for party in self._parties:
            if not party.is_gone:
                party.process.kill()
                error.add_note(f"{party.name}'s process did not end and was killed")

    def _take_back(self, error: BaseException | None) -> None:
        """Give the stages here what was trained there.

        Raises:
            Lost: a process has not told what it has trained.
        """
        for party in self._parties:
            ended = party.ended or Ended()
            states = dict(zip(ended.states, map(read_state, ended.files), strict=True))
            for role in party.roles:
                if role not in states:
                    at, cause = "the end", "its process has not told what it has trained"
                    raise Lost(role, at, cause) from error
                self._job.roles[role].stage.restore(states[role], self._job.plan.steps)

    def _outcome(self) -> Outcome:
        roles: dict[str, RoleOutcome] = {}
        channels: dict[str, ChannelStatistics] = {}
        for party in self._parties:
            if party.ended is not None:
                roles |= party.ended.roles
                channels |= party.ended.channels
        order = [role.name for role in self._job.plan.roles]
        return Outcome({role: roles[role] for role in order}, channels)


def _rank(error: BaseException) -> bool:
    """Of several errors, those with the lowest are not what others came to at another party."""
    return isinstance(error, LostPeer)
