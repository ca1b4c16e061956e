"""Plans in, trained stages and events out."""

from splitrun.runtime.channel import (
    ChannelClosed,
    ChannelStatistics,
    Message,
    Receiver,
    Sender,
    open_channel,
)
from splitrun.runtime.faults import Faults
from splitrun.runtime.role import Beginning, Collect, Score
from splitrun.runtime.run import run

__all__ = [
    "Beginning",
    "ChannelClosed",
    "ChannelStatistics",
    "Collect",
    "Faults",
    "Message",
    "Receiver",
    "Score",
    "Sender",
    "open_channel",
    "run",
]
