from __future__ import annotations

from multiprocessing.connection import Connection

import torch
from hypothesis import given
from hypothesis import strategies as st

from splitrun.data import BatchOrder, EvaluationOrder, digest, gather
from tests.forking import forkserver


def epoch_of(order: BatchOrder, epoch: int) -> list[int]:
    steps = range(epoch * order.steps_per_epoch, (epoch + 1) * order.steps_per_epoch)
    return [int(sample) for step in steps for sample in order.ids_at(step)]


@given(
    rows=st.integers(1, 300),
    batch_size=st.integers(1, 64),
    seed=st.integers(-5, 2**40),
    epoch=st.integers(0, 1000),
)
def test_an_epoch_holds_every_sample_once(
    rows: int, batch_size: int, seed: int, epoch: int
) -> None:
    ids = torch.arange(rows) * 3 + 1
    order = BatchOrder(ids, batch_size, seed)
    assert sorted(epoch_of(order, epoch)) == ids.tolist()
    sizes = [len(order.ids_at(step)) for step in range(order.steps_per_epoch)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert sizes[-1] == (rows % batch_size or batch_size)


def test_every_epoch_and_every_seed_shuffles_otherwise() -> None:
    ids = torch.arange(100)
    orders = [BatchOrder(ids, 7, seed) for seed in range(3)]
    shuffles = {tuple(epoch_of(order, epoch)) for order in orders for epoch in range(5)}
    assert len(shuffles) == 15
    assert tuple(range(100)) not in shuffles


def test_dropout_at_one_party_does_not_shift_its_order() -> None:
    ids = torch.arange(1000)
    alice, bob = BatchOrder(ids, 32, seed=3), BatchOrder(ids, 32, seed=3)
    for step in range(3 * alice.steps_per_epoch):
        torch.nn.functional.dropout(torch.ones(100), training=True)
        at_alice = alice.ids_at(step).clone()
        torch.manual_seed(step)
        assert torch.equal(at_alice, bob.ids_at(step))


def test_the_order_takes_nothing_from_pytorchs_own_generator() -> None:
    before = torch.get_rng_state()
    epoch_of(BatchOrder(torch.arange(1000), 32, seed=3), 2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_step_has_the_same_samples_whichever_step_was_asked_before() -> None:
    ids = torch.arange(50)
    forwards, backwards = BatchOrder(ids, 8, 1), BatchOrder(ids, 8, 1)
    steps = range(4 * forwards.steps_per_epoch)
    expected = [forwards.ids_at(step).tolist() for step in steps]
    assert [backwards.ids_at(step).tolist() for step in reversed(steps)] == expected[::-1]


def _digest_of_an_order() -> bytes:
    return digest(BatchOrder(torch.arange(5000), 4999, 7).ids_at(4))


def _tell_the_digest(told: Connection) -> None:
    torch.set_num_threads(3)
    told.send_bytes(_digest_of_an_order())


def test_the_order_is_the_same_in_another_process_with_other_threads() -> None:
    context = forkserver()
    ours, theirs = context.Pipe()
    process = context.Process(target=_tell_the_digest, args=(theirs,))
    process.start()
    theirs.close()
    assert ours.recv_bytes() == _digest_of_an_order()
    process.join()
    assert process.exitcode == 0


def test_an_evaluation_takes_samples_as_they_come() -> None:
    order = EvaluationOrder((torch.tensor([4, 8, 15, 16, 23]),), 2)
    assert [order.ids_at(step).tolist() for step in range(4)] == [[4, 8], [15, 16], [23], []]


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20, unique=True), st.data())
def test_a_digest_tells_other_samples_and_another_order(
    samples: list[int], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(samples))
    same = digest(torch.tensor(samples)) == digest(torch.tensor(other))
    assert same == (samples == other)
    assert digest(torch.tensor(samples[:-1], dtype=torch.int64)) != digest(torch.tensor(samples))


def test_a_digest_is_the_same_on_every_machine() -> None:
    assert digest(torch.tensor([1, 2, 3])).hex() == "77ba1ae68d5afbb4"


def test_gathering_copies_the_rows_asked_for() -> None:
    features = (torch.arange(12.0).reshape(6, 2), torch.arange(6).reshape(6, 1))
    numbers, codes = gather(features, torch.tensor([5, 0]))
    assert numbers.tolist() == [[10, 11], [0, 1]]
    assert codes.tolist() == [[5], [0]]
    numbers.zero_()
    assert features[0].sum() == 66
