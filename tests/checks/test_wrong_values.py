"""A wrong value of any key is a finding, for the service and for other trainers, and never a crash."""

from typing import Any

import pytest

from sftc.contract.versions import PACKAGED
from sftc.document.overrides import Override
from sftc.pipeline import run
from sftc.text.keys import dotted
from sftc.text.source import Source
from sftc.tools.lint import lint

CONFIG = """\
schema_version = 2
[job]
model = "m"
[compute]
gpu_type = "H100"
gpu_count = 2
[hyperparameters]
per_device_batch = 2
"""
WRONG: tuple[Any, ...] = (0, 2**60, "8", [1], {})


@pytest.mark.parametrize("name", ["sft-offline", "trl"])
def test_wrong_values_are_findings(name: str) -> None:
    source, target = Source("job.toml", CONFIG), PACKAGED.target(name)
    for path in PACKAGED.newest.properties:
        for value in WRONG:
            compiled = run(lambda: source, [Override.of(dotted(path), value)], target=target)
            assert compiled.ok or any(found.is_error for found in compiled.findings), (path, value)


@pytest.mark.parametrize(("value", "rule"), [(2**60, "out-of-range"), (-(2**60), "out-of-range")])
def test_a_great_integer_beyond_a_limit_is_out_of_range(value: int, rule: str) -> None:
    override = Override.of("hyperparameters.seed", value)
    compiled = run(lambda: Source("job.toml", CONFIG), [override])
    assert [found.id for found in compiled.findings] == [rule]


@pytest.mark.parametrize(
    ("key", "written", "help"),
    [
        ("training.lora.target_modules", '"q_proj,v_proj"', '`["q_proj", "v_proj"]`'),
        ("training.lora.target_modules", '"q_proj"', '`["q_proj"]`'),
        ("training.lora.target_modules", '"all"', '`target_modules = "all-linear"`'),
        ("training.lora.target_modules", '"all_linear"', '`target_modules = "all-linear"`'),
        ("training.lora.modules_to_save", '"lm_head, embed_tokens"', '`["lm_head", "embed_tokens"]`'),
        ("training.lora.modules_to_save", '"lm_head"', '`["lm_head"]`'),
        ("training.samples.prompts", '"Hello, who are you?"', '`["Hello, who are you?"]`'),
        ("training.lora.modules_to_save", f'"{"a," * 1000}b"', '"a", "a"…`'),
        ("tracking.to", '"wandb,tensorboard"', '`["wandb", "tensorboard"]`'),
        (
            "hyperparameters.learning_rate",
            "[1e-4, 2e-4]",
            "--set hyperparameters.learning_rate=0.0001,0.0002 ",
        ),
        ("hyperparameters.optimizer", '["adamw", "sgd"]', "--set hyperparameters.optimizer=adamw,sgd "),
        ("hyperparameters.learning_rate", f"[{'1,' * 1000}]", "`learning_rate = 0.0001`"),
        ("job.name", '["a;b", "c d"]', '`name = "support-bot-1"`'),
        ("hyperparameters.packing", "[true, false]", "--set hyperparameters.packing=true,false "),
        ("hyperparameters.learning_rate", "[0,5]", "`0.5`"),
        ("hyperparameters.learning_rate", "[]", "`learning_rate = 0.0001`"),
        ("hyperparameters.learning_rate", '["a", "b"]', "`learning_rate = 0.0001`"),
        ("training.lora.target_modules", '"q_proj v_proj"', '`["q_proj", "v_proj"]`'),
        ("training.lora.target_modules", '".*_proj"', '`target_modules = "all-linear"`'),
        ("training.lora.modules_to_save", "true", '`modules_to_save = ["embed_tokens","lm_head"]`'),
        ("training.lora", "true", '`training.mode`? For example: `mode = "lora"`'),
        ("training.lora.r", '"auto"', "leave the key out: the default is `16`"),
        ("training.mode", '"fft"', 'write `"full"`'),
        ("training.mode", '"${MODE}"', "nothing replaces `${MODE}`"),
        ("job.name", '"${NAME}"', "nothing replaces `${NAME}`"),
        ("hyperparameters.train_on", '"completions"', 'write `"assistant"`'),
        ("hyperparameters.max_steps", "-1", "leave the key out"),
        ("hyperparameters.n_epochs", "0.5", "`n_epochs = 1`"),
        ("training.validation.evaluation_strategy", "false", 'write `"no"`'),
        ("tracking.to", '"none"', "write `[]`"),
        ("tracking.to", "false", "write `[]`"),
    ],
)
def test_what_to_write_instead_means_what_was_written(key: str, written: str, help: str) -> None:
    compiled = run(lambda: Source("job.toml", CONFIG), [Override.parse(f"{key}={written}")])
    [found] = [each for each in compiled.findings if each.is_error]
    assert help in str(found.help)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("value", ["99999999999999999999", "[99999999999999999999]"])
def test_an_integer_beyond_64_bits_is_a_finding_for_any_key(version: int, value: str) -> None:
    paths = [path for path in PACKAGED.version(version).properties if path != ("schema_version",)]
    assert paths
    for path in paths:
        found = lint(Source("c.toml", f"schema_version = {version}\n{dotted(path)} = {value}\n"))
        assert any(each.path and each.path[: len(path)] == path for each in found), path
