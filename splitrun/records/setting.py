"""What an experiment is about, in a sentence: who trains, on how many rows, over which links."""

from __future__ import annotations

from splitrun.events import party_of
from splitrun.records.plan import ChannelRecord, PlanRecord
from splitrun.units import PAGE, NumberStyle, listed


def setting(plan: PlanRecord, style: NumberStyle = PAGE) -> str:
    """`2 parties (alice and bob), 36,168 training rows, batches of 128, over links of 25 ms and
    100 Mbit/s`; as far as the plan tells."""
    return ", ".join(setting_parts(plan, style))


def setting_parts(plan: PlanRecord, style: NumberStyle = PAGE) -> list[str]:
    """The same part by part, who takes part first."""
    parties = tuple(dict.fromkeys(map(party_of, plan.roles)))
    told = []
    if len(parties) > 1:
        named = f" ({listed(parties)})" if len(parties) <= _NAMED else ""
        told.append(f"{len(parties)}{style.space}parties{named}")
    if plan.train_rows:
        told.append(f"{plan.train_rows:,} training rows")
    if plan.batch_size:
        told.append(f"batches of {plan.batch_size:,}")
    if links := over(plan, style):
        told.append(links)
    return told


_NAMED = 4
"""So many parties are called by their names."""


def over(plan: PlanRecord, style: NumberStyle = PAGE) -> str:
    """`over links of 25 ms and 100 Mbit/s`; empty where the plan has no channel between parties.

    Of unlike links the slowest is told, for everybody waits for it.
    """
    crossing = {name: channel for name, channel in plan.channels.items() if _between_parties(name)}
    if not crossing:
        return ""
    emulated = [channel for channel in crossing.values() if _delays(channel)]
    if not emulated:
        return "over links without added delay"
    slowest = max(emulated, key=lambda it: it.latency_ms + it.transfer_ms)
    unlike = len({_words(channel, style) for channel in crossing.values()}) > 1
    return f"over links of {'at worst ' if unlike else ''}{_words(slowest, style)}"


def _between_parties(channel: str) -> bool:
    source, _, target = channel.partition("->")
    return party_of(source) != party_of(target)


def _delays(channel: ChannelRecord) -> bool:
    return channel.latency_ms > 0 or channel.transfer_ms > 0


def _words(channel: ChannelRecord, style: NumberStyle) -> str:
    words = [f"{channel.latency_ms:g}{style.space}ms"]
    if (rate := channel.bandwidth_mbps) is not None:
        words.append(f"{rate:.3g}{style.space}Mbit/s")
    if channel.codec != "none":
        words.append(channel.codec)
    return listed(words)
