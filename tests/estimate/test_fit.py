"""The least change with which a run fits, and the findings about runs and their devices."""

from math import ceil
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import sftc
from sftc.checks.config import Config
from sftc.estimate.base_numbers import BaseNumbers
from sftc.estimate.devices import Device
from sftc.estimate.estimate_run import estimate_run
from sftc.estimate.fit_run import fit_run
from sftc.estimate.interval import exactly
from sftc.estimate.judge_run import judge_run
from sftc.estimate.row_lengths import RowLengths, measured
from sftc.findings.finding import Finding
from sftc.tools.estimate_config import changed_source
from support.setups import QWEN

BASE = BaseNumbers(QWEN, 0, "a test")
CONFIG = """schema_version = 2

[job]
model = "model"
data = "rows.jsonl"

[compute]
gpu_type = "H100"  # the large one

[training]
mode = "lora"

[hyperparameters]
per_device_batch = 8
sequence_length = 2048
learning_rate = 2e-4
"""


def config(text: str = CONFIG) -> Config:
    return sftc.compile(text).checked


def gpu(size: float) -> Device:
    return Device("some-GPU", "cuda", ceil(size * 1.1), ceil(size), "a test")


def high(read: Config, device: Device | None = None, lengths: RowLengths | None = None) -> float:
    return estimate_run(read, BASE, device, lengths).memory.total.high


def fitted(read: Config, size: float, lengths: RowLengths | None = None) -> dict[str, Any] | None:
    device = gpu(size)
    found = fit_run(estimate_run(read, BASE, device, lengths), BASE, device, lengths)
    return {str(each.path[-1]): each.value for each in found.changes} if found else None


def test_what_costs_least_is_changed_first() -> None:
    read = config()
    checkpointed = high(config(CONFIG + "parallelism.activation_checkpointing = true\n"))
    assert fitted(read, checkpointed) == {"activation_checkpointing": True}
    found = fitted(read, checkpointed * 0.9)
    assert found
    assert found["per_device_batch"] * found["gradient_accumulation_steps"] == 8
    assert "sequence_length" not in found
    assert "mode" not in found


def test_a_length_that_cuts_no_row_is_not_cut_further() -> None:
    text = CONFIG.replace("per_device_batch = 8", "per_device_batch = 1")
    shorter = text.replace("sequence_length = 2048", "sequence_length = 1000")
    size = high(config(shorter + "parallelism.activation_checkpointing = true\n"))
    assert "sequence_length" in (fitted(config(text), size) or {})
    assert "sequence_length" not in (fitted(config(text), size, measured([600, 2000])) or {})


def test_nothing_helps_a_model_that_is_too_large() -> None:
    assert fitted(config(), 100 << 20) is None


@settings(max_examples=15)
@given(size=st.floats(0.2, 4))
def test_a_changed_config_fits(size: float) -> None:
    read, device = config(), gpu(size * (1 << 30))
    found = fit_run(estimate_run(read, BASE, device), BASE, device)
    if found:
        source = changed_source(read.document, found.changes)
        assert source
        after = config(source.text)
        assert estimate_run(after, BASE, device).memory == found.run.memory
        assert high(after, device) <= device.usable
        assert "# the large one" in source.text
        before, then = read.meant.values["run"], after.meant.values["run"]
        assert before["per_device"] * before["accumulation"] == then["per_device"] * then["accumulation"]


def test_a_change_means_the_same_in_an_older_version() -> None:
    text = """[job]
model = "model"
[compute]
gpu_type = "H100"
[training]
use_qlora = true
[hyperparameters]
sequence_length = 512
batch_size = 4
"""
    large = BaseNumbers({**QWEN, "hidden_size": 2048, "intermediate_size": 8192}, 0, "a test")
    read = config(text)
    run = estimate_run(read, large, None)
    offered = set()
    for percent in range(10, 100):
        device = gpu(run.memory.total.high * percent / 100)
        found = fit_run(run, large, device)
        if found:
            source = changed_source(read.document, found.changes)
            assert source
            assert estimate_run(config(source.text), large, device).memory == found.run.memory
            offered |= {each.path[-1] for each in found.changes}
    assert {"activation_checkpointing", "per_device_batch"} <= offered
    assert "mode" not in offered  # `use_qlora` decides in version 1, and it means an adapter


def judged(text: str, device: Device, lengths: RowLengths | None = None) -> list[Finding]:
    read = config(text)
    return [*judge_run(read, estimate_run(read, BASE, device, lengths), BASE, lengths)]


def test_a_run_that_cannot_fit_is_found_on_its_line() -> None:
    assert estimate_run(config(), BASE, gpu(100 << 20)).certainly_fails
    [found] = judged(CONFIG, gpu(100 << 20))
    assert (found.id, found.span.line, found.span.text) == ("will-not-fit", 8, '"H100"')
    assert found.help == "train a smaller model, or on a larger device"
    [found] = judged(CONFIG.replace('"lora"', '"full"'), gpu(100 << 20))
    assert found.help == "train an adapter (`training.mode`), a smaller model, or on a larger device"


def test_a_run_that_may_fit_has_advice() -> None:
    most = high(config())
    [found] = judged(CONFIG, gpu(most * 0.99))
    assert found.id == "fits-barely"
    assert found.help
    assert found.help.startswith(
        "it fits with `hyperparameters.parallelism.activation_checkpointing = true` (about a third more time)"
    )


def test_rows_of_unknown_length_make_nothing_certain() -> None:
    text = CONFIG.replace("sequence_length = 2048\n", "")
    short = RowLengths([200], exactly(1.0), "a test")
    device = gpu(high(config(text), lengths=short))
    read = config(text)
    unknown = estimate_run(read, BASE, device)
    assert (unknown.fit and unknown.fit.word, unknown.certainly_fails) == ("does not fit", False)
    assert [found.id for found in judged(text, device)] == ["will-not-fit"]
    assert judged(text, device)[0].message.startswith("with rows of 4,096 tokens, the run takes")
    assert [found.id for found in judged(text, device, short)] == []


def test_a_long_sequence_and_an_idle_gpu_are_notes() -> None:
    text = CONFIG.replace("per_device_batch = 8", "per_device_batch = 1\ngradient_accumulation_steps = 8")
    found = judged(text, gpu(80 << 30), measured([100, 1024]))
    assert [each.id for each in found] == ["gpu-underused", "sequence-longer-than-data"]
    assert [each.span.text for each in found] == ["1", "2048"]
    assert found[1].help == "lower it to 1024"
    assert judged(text, gpu(80 << 30), measured([1025]))[1:] == []
    assert judged(CONFIG, gpu(80 << 30)) == []
