"""The law: serial and threaded runs of one plan end with bit-identical weights.

Whatever the schedule, the depth, the models and the hardware that is emulated, and however roles
and messages are held up.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime.contents import contents
from tests.runtime.running import Content, RandomDelays, prepared, synthetic, trained


@settings(max_examples=25)
@given(contents(), st.integers(0, 2**32), st.sampled_from([0.0005, 0.002, 0.004]))
def test_threaded_run_is_bit_identical_to_serial_under_random_delays(
    content: Content, seed: int, longest_s: float
) -> None:
    experiment = prepared(content)
    serial = trained(experiment, "serial")
    delays = RandomDelays(seed, longest_s)
    threaded = trained(experiment, "threaded", delays)
    assert threaded.weights_sha256 == serial.weights_sha256


def test_a_depth_changes_the_weights_so_that_the_law_is_no_tautology() -> None:
    digests = {
        trained(
            prepared(synthetic(pipeline={"schedule": "stale", "depth": depth})), "serial"
        ).weights_sha256
        for depth in range(1, 9)
    }
    assert len(digests) == 8


def test_stale_at_depth_one_is_sequential() -> None:
    stale = trained(prepared(synthetic(pipeline={"schedule": "stale", "depth": 1})), "serial")
    sequential = trained(prepared(synthetic(pipeline={"schedule": "sequential"})), "serial")
    assert stale.weights_sha256 == sequential.weights_sha256


def test_links_change_no_bit() -> None:
    near = synthetic(pipeline={"schedule": "stale", "depth": 4})
    far = near | {"links": {"default": {"latency_ms": 3, "bandwidth_mbps": 20, "jitter_ms": 2}}}
    assert (
        trained(prepared(near), "threaded").weights_sha256
        == trained(prepared(far), "threaded").weights_sha256
    )
