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
from splitrun.runtime.role import Score
from splitrun.runtime.run import run

__all__ = [
    "ChannelClosed",
    "ChannelStatistics",
    "Faults",
    "Message",
    "Receiver",
    "Score",
    "Sender",
    "open_channel",
    "run",
]
