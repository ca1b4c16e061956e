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
from splitrun.runtime.gathering import Gathering
from splitrun.runtime.run import run
from splitrun.runtime.top import Score
from splitrun.runtime.worker import Beginning, Collect

__all__ = [
    "Beginning",
    "ChannelClosed",
    "ChannelStatistics",
    "Collect",
    "Faults",
    "Gathering",
    "Message",
    "Receiver",
    "Score",
    "Sender",
    "open_channel",
    "run",
]
