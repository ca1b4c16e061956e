"""What a process holds, as Linux tells of it."""

from __future__ import annotations

from pathlib import Path


def most_kib_held() -> int:
    """By this process; what `getrusage` tells would be its parent's, where that held more."""
    return _of(Path("/proc/self/status").read_text(), "VmHWM")


def anonymous_bytes(pid: int) -> int:
    """What a process holds that is no file's; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return _of(status, "RssAnon") * 1024


def _of(status: str, name: str) -> int:
    """In KiB; 0 where it is not told of."""
    found = [line.split()[1] for line in status.splitlines() if line.startswith(name)]
    return int(found[0]) if found else 0
