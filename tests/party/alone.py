"""One party in a process of its own, in its own directory.

First it says its facts; then it hears everybody's, and says its own again, the label holder's with
those of the top; then it hears everybody's again, and says what the plan and the first weights of
its roles come to. All it says and hears is JSON.
"""

from __future__ import annotations

import json
import os
from multiprocessing.connection import Connection
from pathlib import Path

from splitrun.party import Party, PartyFacts, merge
from splitrun.plan import check, compile, plan_sha256
from splitrun.spec import load


def take_part(name: str, directory: Path, others: Connection) -> None:
    """Be this party, which has this directory."""
    os.chdir(directory)
    spec = load(Path("spec.yaml")).spec
    party = Party.load(spec, name, Path())
    facts = party.facts()
    others.send(facts.to_json())
    everybody = hear(others)
    others.send((party.with_top(everybody) if party.holds_label else facts).to_json())
    plan = compile(spec, merge(spec, hear(others)))
    check(plan)
    stages = party.stages(plan)
    digests = {role: stage.digest() for role, stage in stages.items()}
    columns = [list(tensor.shape) for tensor in party.data.features]
    others.send(json.dumps({"plan": plan_sha256(plan), "weights": digests, "columns": columns}))


def hear(others: Connection) -> list[PartyFacts]:
    return [PartyFacts.from_json(text) for text in others.recv()]
