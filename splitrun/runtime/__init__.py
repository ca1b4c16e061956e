"""Plans in, trained stages and events out."""

from splitrun.runtime.affinity import AffinityTuner
from splitrun.runtime.channel import (
    ChannelClosed,
    ChannelStatistics,
    Message,
    Receiver,
    Sender,
    open_channel,
)
from splitrun.runtime.faults import Faults
from splitrun.runtime.run import run
from splitrun.runtime.top import Score
from splitrun.runtime.worker import Collect, StartPoint

__all__ = [
    "AffinityTuner",
    "ChannelClosed",
    "ChannelStatistics",
    "Collect",
    "Faults",
    "Message",
    "Receiver",
    "Score",
    "Sender",
    "StartPoint",
    "open_channel",
    "run",
]
