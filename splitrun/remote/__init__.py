"""One party of a run on its own machine: it meets the others, trains its roles, and keeps what is
its own."""

from splitrun.remote.meeting import Meeting
from splitrun.remote.own_party import OwnParty
from splitrun.remote.own_rows import OwnRows
from splitrun.remote.run import Apart, run_party
from splitrun.remote.states import PartyState, RunState

__all__ = ["Apart", "Meeting", "OwnParty", "OwnRows", "PartyState", "RunState", "run_party"]
