"""The bank-marketing tutorial's model, as SecretFlow was measured with: ms a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from splitrun.session import prepare
from splitrun.spec import load
from splitrun.study.training import RuntimeName
from tests.benchmarks.measuring import at_depth, median_samples_per_s, subject_of

HEADER = (
    "| one-way delay | sequential, serial | sequential, threads | depth 2 | depth 4 | depth 8 |\n"
    "|---|---|---|---|---|---|"
)
STEPS = 232
"""Eight epochs of 29 steps."""
LATENCIES_MS = (0, 10, 25)


def measure(repeats: int) -> Iterator[str]:
    """Rows of a Markdown table."""
    yield f"\nBank marketing\n\n{HEADER}"
    for latency_ms in LATENCIES_MS:
        links = f"links={{default: {{latency_ms: {latency_ms}}}}}" if latency_ms else "~links"
        document = load(Path("experiments/bank.yaml"), [links])
        experiment = prepare(document)
        kinds: list[tuple[int, RuntimeName]] = [(1, "serial")]
        kinds += [(depth, "threaded") for depth in (1, 2, 4, 8)]
        cells = []
        for depth, kind in kinds:
            subject = subject_of(experiment, at_depth(document, depth), STEPS)
            plan = subject.plan()
            samples = plan.facts.train_rows * plan.epochs
            step_s = samples / median_samples_per_s(subject, repeats, kind) / plan.steps
            cells.append(f"{step_s * 1e3:.2f}")
        yield f"| {latency_ms} ms | " + " | ".join(cells) + " |"
