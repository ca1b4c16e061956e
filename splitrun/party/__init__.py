"""Parties: owners of rows and models, what they tell each other, and several in one process."""

from splitrun.party.facts import PartyFacts, cuts, merge
from splitrun.party.parties import Parties
from splitrun.party.party import Party
from splitrun.party.summary import doubts, summarise

__all__ = ["Parties", "Party", "PartyFacts", "cuts", "doubts", "merge", "summarise"]
