"""The estimate as a whole: it grows with what a run asks for, and its bounds are in order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.estimate.activations import Rows
from sftc.estimate.devices import Device
from sftc.estimate.interval import Interval
from sftc.estimate.memory import PARTS, MemoryEstimate, estimate_memory, fit_of
from sftc.estimate.memory_table import part_text
from sftc.estimate.training_setup import TrainingSetup
from support.setups import QWEN, qwen, setup

GIB = 1 << 30
SETUPS = st.builds(
    setup,
    mode=st.sampled_from(["lora", "qlora", "full"]),
    rank=st.integers(1, 256),
    dropout=st.sampled_from([0.0, 0.05]),
    dora=st.booleans(),
    targets=st.sampled_from(["all-linear", ("q_proj", "v_proj"), ("down_proj", "lm_head")]),
    saved=st.sampled_from([(), ("embed_tokens",)]),
    precision=st.sampled_from(["fp32", "bf16", "fp16"]),
    optimizer=st.sampled_from(["adamw", "adamw_8bit", "adafactor", "sgd"]),
    accumulation=st.integers(1, 4),
    devices=st.sampled_from([1, 2, 8]),
    checkpointing=st.booleans(),
    deepspeed=st.sampled_from([-1, 0, 1, 2, 3]),
)
ROWS = st.builds(
    lambda number, length, padded: Rows(number, length, length, padded),
    st.integers(1, 16),
    st.integers(16, 8192),
    st.booleans(),
)
DEVICES = st.sampled_from(["cpu", "cuda"])


def is_at_least(more: MemoryEstimate, less: MemoryEstimate) -> bool:
    return all(one >= other for one, other in zip(more.total, less.total, strict=True))


@given(SETUPS, ROWS, DEVICES)
def test_bounds_are_in_order_and_parts_add_up(run: TrainingSetup, rows: Rows, kind: Any) -> None:
    found = estimate_memory(qwen(), run, rows, kind)
    assert 0 < found.total.low <= found.total.expected <= found.total.high
    for moment in found.moments:
        assert set(moment.parts) == set(PARTS)
        for part in moment.parts.values():
            assert 0 <= part.low <= part.expected <= part.high
        assert moment.total.expected == pytest.approx(sum(each.expected for each in moment.parts.values()))


@given(SETUPS, ROWS, DEVICES, st.integers(1, 8), st.integers(0, 4096))
def test_it_grows_with_batch_and_length(
    run: TrainingSetup, rows: Rows, kind: Any, more: int, longer: int
) -> None:
    length = rows.length + longer
    grown = rows._replace(number=rows.number + more, length=length, labelled=length)
    less, most = (estimate_memory(qwen(), run, each, kind) for each in (rows, grown))
    assert is_at_least(most, less)


@given(SETUPS, ROWS, DEVICES, st.integers(1, 256))
def test_it_grows_with_the_rank(run: TrainingSetup, rows: Rows, kind: Any, more: int) -> None:
    grown = run._replace(rank=run.rank + more)
    assert is_at_least(estimate_memory(qwen(), grown, rows, kind), estimate_memory(qwen(), run, rows, kind))


@given(
    SETUPS,
    ROWS,
    DEVICES,
    st.sampled_from(["num_hidden_layers", "intermediate_size", "vocab_size", "hidden_size"]),
    st.integers(1, 8),
)
def test_it_grows_with_the_model(run: TrainingSetup, rows: Rows, kind: Any, what: str, times: int) -> None:
    value = QWEN[what]
    assert isinstance(value, int)
    larger = qwen(**{what: value * times})
    assert is_at_least(estimate_memory(larger, run, rows, kind), estimate_memory(qwen(), run, rows, kind))


@given(SETUPS, ROWS, DEVICES)
def test_checkpointing_and_fewer_labels_take_no_more(run: TrainingSetup, rows: Rows, kind: Any) -> None:
    kept, again = (
        estimate_memory(qwen(num_hidden_layers=8), run._replace(checkpointing=each), rows, kind)
        for each in (False, True)
    )
    assert again.total.expected <= kept.total.expected
    fewer = estimate_memory(qwen(), run, rows._replace(labelled=1), kind)
    assert is_at_least(estimate_memory(qwen(), run, rows, kind), fewer)


@pytest.mark.parametrize(
    ("changes", "smaller"),
    [
        ({"deepspeed": 1}, {"optimizer"}),
        ({"deepspeed": 2}, {"optimizer", "gradients"}),
        ({"deepspeed": 3}, {"optimizer", "gradients", "weights"}),
        ({"fsdp": True}, {"optimizer", "gradients", "weights"}),
        ({}, set()),
    ],
)
def test_sharding_divides_what_it_shards(changes: dict[str, Any], smaller: set[str]) -> None:
    run, rows = setup(mode="full", accumulation=2, **changes), Rows(1, 64, 64, padded=False)
    one, four = (estimate_memory(qwen(), run._replace(devices=each), rows, "cuda") for each in (1, 4))
    divided = {
        part
        for part in ("weights", "gradients", "optimizer", "activations", "logits")
        if four.moments[1].parts[part].expected * 4 == pytest.approx(one.moments[1].parts[part].expected)
    }
    assert divided == smaller
    assert four.moments[1].parts["communication"].low > 0


@pytest.mark.parametrize("name", [*PARTS, "weights_four_bit", "activations_checkpointed"])
def test_each_part_has_a_formula_an_assumption_and_a_source(name: str) -> None:
    assert all(part_text(name))


@pytest.mark.parametrize(
    ("high", "least", "word"), [(9, 8, "fits"), (11, 9, "may not fit"), (12, 11, "does not fit")]
)
def test_the_verdict_says_only_what_is_certain(high: int, least: int, word: str) -> None:
    device = Device("some", "cuda", 11 * GIB, 10 * GIB, "")
    found = fit_of(Interval(least * GIB, least * GIB, high * GIB), device)
    assert found.word == word
    assert found.share == pytest.approx(high / 10)
