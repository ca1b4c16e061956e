"""One party in a process of its own: `python -m tests.party.alone NAME`, in its own directory.

It says and hears lines of JSON. First it says its facts; then it hears everybody's, and says its
own again, the label holder's with those of the top; then it hears everybody's again, and says what
the plan and the first weights of its roles come to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from splitrun.party import Party, PartyFacts, merge
from splitrun.plan import check, compile, plan_sha256
from splitrun.spec import load


def main(name: str) -> None:
    spec = load(Path("spec.yaml")).spec
    party = Party.load(spec, name, Path())
    facts = party.facts()
    say(facts.to_json())
    everybody = hear()
    say((party.with_top(everybody) if party.holds_label else facts).to_json())
    plan = compile(spec, merge(spec, hear()))
    check(plan)
    stages = party.stages(plan)
    digests = {role: stage.digest() for role, stage in stages.items()}
    columns = [list(tensor.shape) for tensor in party.data.features]
    say(json.dumps({"plan": plan_sha256(plan), "weights": digests, "columns": columns}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def hear() -> list[PartyFacts]:
    return [PartyFacts.from_json(text) for text in json.loads(sys.stdin.readline())]


if __name__ == "__main__":
    main(sys.argv[1])
