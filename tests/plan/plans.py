"""Plans for tests, from a few numbers, with facts made up where only programs matter."""

from __future__ import annotations

from splitrun.plan import Facts, Plan, RoleFacts, TensorFacts, compile
from splitrun.spec import Spec


def make_plan(
    *,
    schedule: str = "sequential",
    depth: int | None = None,
    micro_batches: int | None = None,
    depths: dict[int, int] | None = None,
    parties: int = 2,
    rows: int = 100,
    batch_size: int = 10,
    epochs: int = 1,
    test_rows: int = 0,
    evaluate_every_epochs: int | None = None,
    checkpoint_every_steps: int | None = None,
    links: dict[str, object] | None = None,
) -> Plan:
    """A plan of `parties` bottoms named p0, p1, …; the top is at p0. `depths` are per party."""
    bottom = {"type": "mlp", "hidden": [4], "out": 3}
    spec = Spec.model_validate(
        {
            "name": "made",
            "dataset": {"type": "synthetic", "batch_size": batch_size},
            "parties": {
                f"p{i}": {"bottom": bottom, "depth": (depths or {}).get(i)} for i in range(parties)
            },
            "top": {"party": "p0", "loss": "mse", "model": {"type": "mlp", "out": 1}},
            "training": {"epochs": epochs, "evaluate_every_epochs": evaluate_every_epochs},
            "pipeline": {"schedule": schedule, "depth": depth, "micro_batches": micro_batches},
            "links": links or {},
            "checkpoint": checkpoint_every_steps and {"every_steps": checkpoint_every_steps},
        }
    )
    cut = (TensorFacts((3,), 4),)
    roles = {
        f"p{i}.bottom": RoleFacts(31, 124, ("2.weight",), 48, False, cut) for i in range(parties)
    }
    top = RoleFacts(7, 28, (), 0, draws_random=False)
    return compile(spec, Facts(rows, test_rows, roles | {"p0.top": top}))
