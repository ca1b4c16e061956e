"""What must fit together across the keys of a spec, as far as the spec alone tells.

`problems` forbid a run, `warnings` are about what is allowed and does nothing: an override often
turns a setting idle that its spec has reason to hold. What needs the data or the models is checked
where they are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from splitrun.errors import Problem
from splitrun.spec.check_checkpoint import checkpoint_problems, checkpoint_warnings
from splitrun.spec.check_compensation import compensation_problems
from splitrun.spec.check_faults import fault_problems, fault_warnings
from splitrun.spec.check_learning import learning_problems, learning_warnings
from splitrun.spec.check_parties import party_problems
from splitrun.spec.check_steps import known_steps, step_warnings
from splitrun.spec.check_timing import timing_problems, timing_warnings
from splitrun.spec.model import Spec


def problems(spec: Spec) -> Iterator[Problem]:
    """Why the spec cannot run; not located yet."""
    return chain(
        party_problems(spec),
        learning_problems(spec),
        timing_problems(spec),
        compensation_problems(spec),
        checkpoint_problems(spec),
        fault_problems(spec),
    )


def warnings(spec: Spec) -> Iterator[Problem]:
    """What has no effect in a spec that can run; not located yet."""
    steps = known_steps(spec)
    return chain(
        () if steps is None else step_warnings(spec, steps),
        learning_warnings(spec),
        timing_warnings(spec),
        checkpoint_warnings(spec),
        fault_warnings(spec),
    )
