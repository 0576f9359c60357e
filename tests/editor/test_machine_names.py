"""Completions and hints from this machine: modules of a model, training files, rows."""

import json
from pathlib import Path

import pytest

from sftc.contract.targets import DEFAULT
from sftc.contract.versions import PACKAGED
from sftc.editor.completion import complete
from sftc.editor.inlay_hints import inlay_hints
from sftc.editor.open_config import LintChoices, OpenConfig

CHOICES = LintChoices(PACKAGED.target(DEFAULT))
JOB = """\
schema_version = 2
[job]
model = "model"
data = ["a.jsonl", "b.jsonl"]
[compute]
gpu_type = "H100"
gpu_count = 1
[training]
mode = "lora"
[hyperparameters]
learning_rate = 2e-4
per_device_batch = 4
"""


def offered(text: str) -> list[str]:
    before, _, after = text.partition("|")
    config = OpenConfig("job.sft.toml", before + after, CHOICES, OpenConfig("job.sft.toml", JOB, CHOICES))
    return [each.text for each in complete(config, len(before))]


def hints(text: str) -> list[str]:
    return [each.text for each in inlay_hints(OpenConfig("job.sft.toml", text, CHOICES))]


def test_the_modules_of_the_base_model(own_folder: Path) -> None:
    (own_folder / "model").mkdir()
    (own_folder / "model/config.json").write_text("{}")
    names = {f"model.layers.{layer}.self_attn.{name}_proj.weight": "x" for layer in "01" for name in "qv"}
    index = json.dumps({"weight_map": names})
    (own_folder / "model/model.safetensors.index.json").write_text(index)
    found = offered(f'{JOB}[training.lora]\ntarget_modules = ["q|"]\n')
    assert {'"q_proj"', '"v_proj"', '"self_attn"'} <= {*found}
    assert '"0"' not in found
    assert '["q_proj"]' in offered(f"{JOB}[training.lora]\nmodules_to_save = |\n")


def test_training_files_below_the_folder_that_is_typed(own_folder: Path) -> None:
    (own_folder / "data").mkdir()
    for name in ("a.jsonl", "data/b.jsonl", "data/c.jsonl.zst", "data/notes.txt", ".hidden.jsonl"):
        (own_folder / name).write_text("")
    assert offered('[job]\ndata = "|"')[:2] == ['"a.jsonl"', '"data/"']
    assert offered('[job]\ndata = "data/|"')[:2] == ['"data/b.jsonl"', '"data/c.jsonl.zst"']
    assert '"data/b.jsonl"' not in offered('[job]\ndata = "nowhere/|"')


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ("", "7 rows, 2 steps an epoch"),
        ("packing = true\n", "7 rows, at most 2 steps an epoch"),
        ("gradient_accumulation_steps = 2\n", "7 rows, 1 step an epoch"),
    ],
)
def test_steps_of_an_epoch(own_folder: Path, more: str, hint: str) -> None:
    (own_folder / "a.jsonl").write_text("{}\n{}\n\n{}")
    (own_folder / "b.jsonl").write_text("{}\n" * 4)
    assert hint in hints(JOB + more)
    (own_folder / "b.jsonl").write_text("{}\n" * 40)
    assert hint not in hints(JOB + more)


def test_no_hints_of_what_is_not_known(own_folder: Path) -> None:
    assert hints(JOB) == ["4 rows a step"]  # there is no such file, and no such model
    assert hints(f"{JOB}global_batch = 5\n") == []  # it contradicts the batch of a device
    assert hints("[job]\nmodel = 1\n") == []


def test_memory_of_a_model_in_the_table(own_folder: Path) -> None:
    [_, memory] = hints(f"{JOB}sequence_length = 1024\n".replace('"model"', '"Qwen/Qwen3-4B"'))
    assert memory.startswith("about ")
    assert memory.endswith(" GiB a device, which has 79")


def test_memory_names_the_length_of_rows_that_nothing_limits(own_folder: Path) -> None:
    [_, memory] = hints(JOB.replace('"model"', '"Qwen/Qwen3-4B"'))
    assert memory.endswith(" GiB a device for rows of 40,960 tokens, which has 79")
