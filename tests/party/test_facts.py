"""What parties tell each other: exact in JSON, the same whoever merges it, and refused where it
does not fit together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splitrun.errors import DataError
from splitrun.party import Parties, PartyFacts, merge
from splitrun.plan import RoleFacts, TensorFacts, compile, plan_sha256
from splitrun.spec import Spec
from tests.runtime.running import prepared, synthetic

words = st.text(max_size=5)
counts = st.integers(0, 2**53)
role_facts = st.builds(
    RoleFacts,
    parameters=counts,
    parameter_bytes=counts,
    saved=st.lists(words).map(tuple),
    saved_bytes=counts,
    draws_random=st.booleans(),
    cut=st.lists(
        st.builds(
            lambda shape, item: TensorFacts(tuple(shape), *item),
            st.lists(st.integers(1, 99), max_size=3),
            st.sampled_from([(4, "float32"), (2, "bfloat16")]),
        ),
        max_size=3,
    ).map(tuple),
    activation_bytes_per_row=st.floats(0, 2**53),
    input_bytes_per_row=st.floats(0, 2**53),
)


@given(
    st.builds(
        PartyFacts,
        party=words,
        train_rows=counts,
        test_rows=counts,
        ids_digest=words,
        roles=st.dictionaries(words, role_facts, max_size=2),
    )
)
def test_facts_survive_json_exactly(facts: PartyFacts) -> None:
    assert PartyFacts.from_json(facts.to_json()) == facts


def test_what_is_no_facts_is_refused() -> None:
    with pytest.raises(DataError, match=r"not the facts of a party: .*; use one version"):
        PartyFacts.from_json('{"party": "bob"}')


ODD = {
    "a cut without end": {"cut": [{"shape": [1 << 40], "itemsize": 4, "dtype": "float32"}]},
    "a negative shape": {"cut": [{"shape": [-4], "itemsize": 4, "dtype": "float32"}]},
    "no type of numbers": {"cut": [{"shape": [4], "itemsize": 4, "dtype": "load"}]},
    "no cut": {"cut": []},
    "negative bytes": {"parameter_bytes": -5},
    "bytes without end": {"saved_bytes": 10**40},
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_model_can_be_is_refused(name: str) -> None:
    _, (_, told, _) = three()
    content = json.loads(told.to_json())
    content["roles"]["p1.bottom"] |= ODD[name]
    with pytest.raises(DataError, match=r"not the facts of a party: .*; ask whoever runs it"):
        PartyFacts.from_json(json.dumps(content))


@cache
def three() -> tuple[Parties, tuple[PartyFacts, ...]]:
    """Three parties, and what they tell."""
    parties = prepared(synthetic(parties=3, pipeline={"schedule": "stale", "depth": 2})).parties
    told = [party.facts() for party in parties]
    holder = parties.label_holder.with_top(told)
    return parties, (holder, *told[1:])


@given(st.permutations(range(3)))
def test_plans_are_the_same_whatever_order_facts_are_merged_in(order: Sequence[int]) -> None:
    parties, told = three()
    mixed = merge(parties.spec, [told[index] for index in order])
    assert list(mixed.roles) == ["p0.bottom", "p1.bottom", "p2.bottom", "p0.top"]
    sha256 = plan_sha256(compile(parties.spec, mixed))
    assert sha256 == plan_sha256(compile(parties.spec, merge(parties.spec, told)))


def test_parties_in_one_process_tell_the_same_facts() -> None:
    parties, told = three()
    assert parties.facts() == merge(parties.spec, told)


@pytest.mark.parametrize("field", ["train_rows", "test_rows", "ids_digest"])
def test_parties_whose_rows_differ_are_named_with_what_differs(field: str) -> None:
    parties, (one, two, other) = three()
    changed = replace(two, **{field: "0" if field == "ids_digest" else 7})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"^p0 and p1 differ in {field}: .* and [07]; give all"):
        merge(parties.spec, [other, changed, one])


def test_a_party_that_tells_nothing_is_missed() -> None:
    parties, (one, two, _) = three()
    with pytest.raises(DataError, match=r"nobody tells of p2\.bottom"):
        merge(parties.spec, [one, two])


CHANGES: dict[str, Callable[[Spec], Spec]] = {
    "another seed": lambda spec: spec.model_copy(update={"seed": 6}),
    "another depth": lambda spec: spec.model_copy(
        update={"pipeline": spec.pipeline.model_copy(update={"depth": 3})}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_plan_has_another_hash(change: str) -> None:
    parties, told = three()
    facts = merge(parties.spec, told)
    assert plan_sha256(compile(CHANGES[change](parties.spec), facts)) != plan_sha256(
        compile(parties.spec, facts)
    )


def test_the_top_is_probed_without_what_bottoms_really_send() -> None:
    """Other rows, of the same number: nothing of them reaches the facts."""
    parties, _ = three()
    other = Parties(
        parties.spec,
        {
            party.name: replace(
                party,
                data=replace(
                    party.data,
                    features=tuple(1000 * torch.rand_like(each) for each in party.data.features),
                ),
            )
            for party in parties
        },
    )
    assert other.facts() == parties.facts()


def test_stages_are_fresh_and_the_same_each_time() -> None:
    parties, told = three()
    plan = compile(parties.spec, merge(parties.spec, told))
    one, two = parties.stages(plan), parties.stages(plan)
    for role, stage in one.items():
        assert stage.module is not two[role].module
        assert stage.digest() == two[role].digest()
