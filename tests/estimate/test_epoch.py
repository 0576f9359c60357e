"""An epoch by the lengths of its rows: steps, padding, packing, and how long it takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.estimate.devices import find_device
from sftc.estimate.duration import duration_as, duration_on, operations
from sftc.estimate.epoch import epochs, steps_of
from sftc.estimate.interval import Interval, exactly
from sftc.estimate.lengths_from_bytes import guessed
from sftc.estimate.row_lengths import measured
from support.setups import qwen, setup

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60)


def test_steps_tokens_and_padding_are_those_of_the_batches() -> None:
    found = epochs(measured([10, 10, 40, 20]), setup(per_device=4), 0, 0).expected
    assert (found.rows, found.steps, found.tokens, found.positions) == (4, 1, 80, 160)
    assert found.padding == 0.5
    assert found.packing_saves == 0.5  # two sequences of 40 in one batch
    cut = epochs(measured([10, 10, 40, 20]), setup(per_device=4), 20, 0).expected
    assert (cut.cut, cut.tokens, cut.longest) == (1, 60, 20)


def test_rows_are_shuffled_before_they_are_batched() -> None:
    sorted_rows = measured([10] * 50 + [40] * 50)
    found = epochs(sorted_rows, setup(per_device=2), 0, 0).expected
    assert 0.1 < found.padding < 0.5
    assert found == epochs(sorted_rows, setup(per_device=2), 0, 0).expected
    assert found.positions != epochs(sorted_rows, setup(per_device=2), 0, 1).expected.positions


@given(lengths=LENGTHS, limit=st.integers(300, 500), rows=st.integers(1, 8))
def test_packing_has_no_more_positions_than_its_full_sequences(
    lengths: list[int], limit: int, rows: int
) -> None:
    packed = epochs(measured(lengths), setup(per_device=rows, packing=True), limit, 0).expected
    plain = epochs(measured(lengths), setup(per_device=rows), limit, 0).expected
    assert packed.tokens == plain.tokens == sum(lengths)
    assert packed.sequences <= plain.sequences == len(lengths)
    assert packed.positions <= packed.sequences * limit
    assert 0 <= plain.padding < 1
    assert 0 <= plain.packing_saves == packed.packing_saves < 1


def test_an_epoch_ends_at_max_steps() -> None:
    found = epochs(measured([10] * 100), setup(per_device=2), 0, 0)
    assert steps_of(found, 3, 0) == exactly(150)
    assert steps_of(found, 3, 20) == exactly(20)


def test_without_a_tokenizer_the_bytes_bound_the_tokens(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    text = "a" * 4000
    row = (
        f'{{"messages": [{{"role": "user", "content": "{text}"}}, {{"role": "assistant", "content": "b"}}]}}'
    )
    path.write_bytes(b"\xef\xbb\xbf" + f"{row}\n\n{row}".encode())
    found = guessed([str(path)])
    assert len(found.tokens) == 2
    assert found.longest.low < 1000 < found.longest.expected < 4000 < found.longest.high
    assert not found.is_measured
    bounds = epochs(found, setup(), 2048, 0)
    assert bounds.low.tokens < bounds.expected.tokens < bounds.high.tokens == 2 * 2048
    assert (bounds.low.cut, bounds.high.cut) == (0, 2)


def test_tools_as_deep_as_a_row_may_be_are_counted(tmp_path: Path) -> None:
    deep = b'{"messages": [{"role": "user", "content": "a"}], "tools": [' + b"[" * 400 + b"]" * 400 + b"]}"
    (tmp_path / "a.jsonl").write_bytes(deep)
    assert guessed([str(tmp_path / "a.jsonl")]).tokens[0] > 200


def published(seconds: float, length: int, *, four_bit: bool) -> bool:
    """Whether a published time of 8 passes of Qwen 7B on an A100 lies within the bounds."""
    shape = qwen(
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        head_dim=128,
        vocab_size=151_936,
        tie_word_embeddings=False,
    )
    run = setup(
        mode="qlora" if four_bit else "lora", per_device=1, accumulation=8, checkpointing=True, length=length
    )
    device = find_device("A100-80GB")
    assert device
    found = epochs(measured([length] * 8), run, length, 0)
    started = duration_on(device, shape, run, found, exactly(0))
    taken = duration_on(device, shape, run, found, exactly(1))
    assert started
    assert taken
    low, _, high = (end - start for end, start in zip(taken.seconds, started.seconds, strict=True))
    return low <= seconds <= high


@pytest.mark.parametrize(
    ("length", "lora", "qlora"),
    [
        (256, 1.2, 3.0),
        (512, 1.5, 3.0),
        (1024, 2.8, 3.5),
        (2048, 5.2, 7.0),
        (4096, 10.1, 11.6),
        (8192, 21.3, 22.3),
    ],
)
def test_published_times_lie_within_the_bounds(length: int, lora: float, qlora: float) -> None:
    """The times are those of the README of Qwen, single A100-80GB, batch 1, accumulation 8."""
    assert published(lora, length, four_bit=False)
    assert published(qlora, length, four_bit=True)


def test_more_work_takes_longer() -> None:
    shape = qwen()
    one = epochs(measured([100] * 16), setup(), 0, 0).expected
    two = epochs(measured([100] * 32), setup(), 0, 0).expected
    assert operations(shape, setup(), two) == 2 * operations(shape, setup(), one)
    again = operations(shape, setup(checkpointing=True), one)
    assert operations(shape, setup(), one) < again < operations(shape, setup(mode="full"), one) * 1.34
    experts = qwen(num_hidden_layers=8)
    assert operations(experts, setup(), one) > operations(shape, setup(), one)


def test_earlier_jobs_say_how_long_it_takes() -> None:
    found = epochs(measured([100] * 100), setup(per_device=1), 0, 0)
    took = duration_as(Interval(50, 100, 200), found, exactly(2), 3)
    start = duration_as(Interval(50, 100, 200), found, exactly(0), 3)
    assert [end - begin for end, begin in zip(took.seconds, start.seconds, strict=True)] == [100, 200, 400]
    assert took.source == "50 to 200 tokens a second, as in 3 earlier jobs of this model on this machine"
    assert took.price(3.6, 2).expected == pytest.approx(took.seconds.expected * 0.002)
