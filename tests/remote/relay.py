"""A wide-area wire on one machine: two network namespaces with kernel TCP between them, whose
packets a relay delays, paces and loses.

The relay is a program of its own, which `SPLITRUN_RELAY` names, or which is beside the checkout.
"""

from __future__ import annotations

import ast
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ADDRESSES = ("198.18.77.1", "198.18.77.2")
"""Of the two ends, each in its own namespace."""
_NETWORK_NAMESPACE = 0x40000000
"""CLONE_NEWNET."""
_BESIDE = Path(__file__).parents[3] / "shared" / "tools" / "relay.py"


class NoRelay(Exception):
    """There can be no such wire here; why, on one line."""


class Relay:
    """A wire that is there; see `relay`."""

    def __init__(self, process: subprocess.Popen[str], prefix: str) -> None:
        self._process = process
        self._lost = 0
        self.namespaces = tuple(f"{prefix}{side}" for side in "AB")
        """By end."""

    def tell(self, command: str) -> float:
        """Say what is to become of packets: `cut`, `heal`, `loss 0.01`, `reset`; or `stat`.

        Returns:
            How much later than they were due packets were passed on since the command before, in
            the mean, in milliseconds.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        _, _, told = self._process.stdout.readline().partition(" ")
        found = ast.literal_eval(told)
        self._lost += found["lost"]
        return float(found["late_ms"])

    def lost(self) -> int:
        """How many packets have been lost."""
        self.tell("stat")
        return self._lost

    @property
    def congestion_control(self) -> str:
        """What the kernel uses at both ends."""
        path = "/proc/sys/net/ipv4/tcp_congestion_control"
        found = {_inside(namespace, "cat", path).strip() for namespace in self.namespaces}
        return " and ".join(sorted(found))


@contextmanager
def relay(delay_ms: float, mbps: float) -> Iterator[Relay]:
    """A wire with so much latency each way.

    Raises:
        NoRelay: this process may not make namespaces, or the relay is not there.
    """
    named = os.environ.get("SPLITRUN_RELAY")
    program = Path(named) if named else _BESIDE
    if not program.is_file():
        raise NoRelay(f"{program} is not there; set SPLITRUN_RELAY")
    if os.geteuid() != 0 or shutil.which("ip") is None or not Path("/dev/net/tun").exists():
        raise NoRelay("to make network namespaces takes root, `ip` and /dev/net/tun")
    prefix = f"sr{os.getpid() % 100_000}"
    process = subprocess.Popen(
        [sys.executable, program, *_options(delay_ms, mbps), "--prefix", prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:  # whose standard input then closes, and that ends it
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline().strip() != "up":
            said = process.stderr.read().strip().splitlines()
            raise NoRelay(f"the relay does not come up: {said[-1] if said else 'it says nothing'}")
        yield Relay(process, prefix)


def enter(namespace: str) -> None:
    """Be in a network namespace from now on; to be called before there is a second thread."""
    with Path("/run/netns", namespace).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _NETWORK_NAMESPACE):
            raise OSError(ctypes.get_errno(), "no namespace to enter", namespace)


def _options(delay_ms: float, mbps: float) -> list[str]:
    return ["--delay-ms", str(delay_ms), "--mbps", str(mbps)]


def _inside(namespace: str, *command: str) -> str:
    return subprocess.run(
        ["ip", "netns", "exec", namespace, *command], check=True, capture_output=True, text=True
    ).stdout
