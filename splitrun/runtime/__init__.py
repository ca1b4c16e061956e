"""Plans in, trained stages and events out: jobs, runtimes, observers, hooks, channel ends."""

from splitrun.runtime.affinity import AffinityTuner
from splitrun.runtime.channel import (
    ChannelClosed,
    ChannelStatistics,
    Message,
    ReceiverEnd,
    SenderEnd,
    open_channel,
)
from splitrun.runtime.faults import Faults
from splitrun.runtime.hooks import Checksums
from splitrun.runtime.job import (
    BatchLoader,
    Collect,
    Hook,
    Job,
    Observer,
    Outcome,
    Receive,
    RoleContext,
    RoleHook,
    RoleOutcome,
    RoleWork,
    Run,
    Runtime,
    Score,
    Send,
    StartPoint,
    find_runtime,
)
from splitrun.runtime.status import RoleStatus
from splitrun.runtime.stopping import Found
from splitrun.runtime.watchdog import Watchdog, stacks

__all__ = [
    "AffinityTuner",
    "BatchLoader",
    "ChannelClosed",
    "ChannelStatistics",
    "Checksums",
    "Collect",
    "Faults",
    "Found",
    "Hook",
    "Job",
    "Message",
    "Observer",
    "Outcome",
    "Receive",
    "ReceiverEnd",
    "RoleContext",
    "RoleHook",
    "RoleOutcome",
    "RoleStatus",
    "RoleWork",
    "Run",
    "Runtime",
    "Score",
    "Send",
    "SenderEnd",
    "StartPoint",
    "Watchdog",
    "find_runtime",
    "open_channel",
    "stacks",
]
