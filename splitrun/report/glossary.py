"""How the report's numbers were measured, in plain words."""

from __future__ import annotations

TIMELINE = (
    "working",
    "Load, forward, loss, backward, update, evaluation. Where hardware is emulated, the time that "
    "stands for its work counts as work.",
)
WAITING = (
    "waiting",
    "For a message: from asking for it until it was there. Sending: until the channel had room, "
    "and the microseconds that handing over takes.",
)
FLIGHT = (
    "on its way",
    "From the moment a message is handed to the link until it may be received: its place in the "
    "link's queue, its bytes over the bandwidth, latency and jitter.",
)
SAMPLES = (
    "samples/s",
    "Training samples over training time. Evaluations are outside the clock; filling and draining "
    "the pipeline are inside.",
)
PROCESSOR = (
    "processor",
    "Processor time of this whole process over the time that passed; 100 % is one core.",
)
DEPTH = ("depth", "Most batches in flight per bottom model; 1 is sequential.")
STALENESS = (
    "staleness",
    "Updates applied between the weights a gradient was computed at and those it is applied to.",
)

RUN = (SAMPLES, DEPTH, STALENESS, TIMELINE, WAITING, FLIGHT, PROCESSOR)

COMPARISON = (
    (
        "speedup",
        "Median, over rounds in which every arm has one trial, of the arm's samples/s over the "
        "baseline's in the same round; in brackets its 95 % interval. The baseline is the faster "
        "of the sequential runtimes.",
    ),
    SAMPLES,
    (
        "bound, predicted",
        "The most that the probed costs of the instructions allow, and what the same programs "
        "come to on a virtual clock; both over the timed segment.",
    ),
    (
        "difference of the metric",
        "Arm less baseline, mean over paired seeds with its 95 % interval. Equivalent: shown, by "
        "two one-sided tests at 5 %, to be within the margin. Different: the interval excludes 0, "
        "and equivalence is not shown. Identical: the same weights, bit for bit.",
    ),
    (
        "training time",
        "Of the metric's curves: steps done so far over the arm's measured throughput. What is "
        "learned depends neither on the links nor on the machine, so it is trained without them.",
    ),
    STALENESS,
    (
        "recorded trial",
        "One trial of each arm with all its events, which timelines, shares and utilisation show. "
        "The sequential one is on the threaded runtime, so that each role has a row.",
    ),
    TIMELINE,
    WAITING,
    FLIGHT,
    PROCESSOR,
)
