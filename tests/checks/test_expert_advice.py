"""What a finding advises is what an expert would: the setting that does the same, and the same value."""

import pytest

from sftc.findings.finding import Finding
from sftc.text.source import Source
from sftc.tools.lint import lint

JOB = """\
[job]
model = "Qwen/Qwen3-4B"
data = "a.jsonl"

[compute]
gpu_type = "H100"
gpu_count = 1

[hyperparameters]
learning_rate = 2e-4
"""


def findings(text: str) -> list[Finding]:
    return [found for found in lint(Source("c.toml", text)) if found.severity.value != "note"]


@pytest.mark.parametrize(
    ("setting", "help"),
    [
        ('finetuning_type = "full"', "Write `use_qlora = false`"),
        ('train_type = "FFT"', "Write `use_qlora = false`"),
        ('peft_method = "lora"', "`use_qlora = true`"),
        ('tuner = "lora"', "`use_qlora = true`"),
        ('precision = "fp16"', "parallelism.fp16`? Write `fp16 = true`"),
        ('mixed_precision = "bf16"', "parallelism.bf16`? Write `bf16 = true`"),
        ("max_length = 4096", "did you mean `hyperparameters.sequence_length`?"),
        ("accumulation_steps = 8", "`hyperparameters.gradient_accumulation_steps`"),
        ("warmup_proportion = 0.1", "`hyperparameters.warmup_ratio`"),
        ("effective_batch_size = 8", "`hyperparameters.global_batch`"),
        ("tp = 2", "`hyperparameters.parallelism.tensor_parallel_size`"),
    ],
)
def test_a_setting_of_another_trainer_is_told_what_does_the_same(setting: str, help: str) -> None:
    [found] = findings(f"{JOB}{setting}\n")
    assert help in (found.help or "")
    assert "remove it" not in (found.help or "")


@pytest.mark.parametrize("value", ["lora", "adamw"])
def test_no_value_is_made_up_for_a_word_that_may_mean_anything(value: str) -> None:
    [found] = findings(f'{JOB}precision = "{value}"\n')
    assert "Write" not in (found.help or "")


@pytest.mark.parametrize(
    ("table", "help"),
    [
        ('[model]\nname = "x"', "`name` belongs at `job.model`"),
        ('[optimizer]\nname = "adamw"\nlr = 1e-4', "`name` belongs at `hyperparameters.optimizer`"),
        ('[scheduler]\ntype = "cosine"', "`type` belongs at `hyperparameters.lr_scheduler`"),
        ('[dataset]\npath = "x"', "`path` belongs at `job.data`"),
        ('[run]\nname = "x"', "`name` belongs at `job.name`"),
        ('[Job]\nname = "x"', "`name` belongs at `job.name`"),
        ("[lora]\nenabled = true", "`enabled` belongs at `training.mode`"),
        ("[training.lora]\nenabled = true", "it belongs at `training.mode`"),
        ("[eval]\nenabled = true", "`enabled` belongs at `training.validation.enabled`"),
        ("[validation]\nenabled = true", "`enabled` belongs at `training.validation.enabled`"),
        ("[hyperparameter]\nn_epochs = 1", "did you mean `[hyperparameters]`?"),
    ],
)
def test_the_name_in_a_table_is_that_of_its_thing(table: str, help: str) -> None:
    [found] = findings(f'schema_version = 2\n{JOB}[training]\nmode = "lora"\n{table}\n')
    assert help in (found.help or "")


@pytest.mark.parametrize("table", ["meta", "algorithm", "data.topology", "tags", "x"])
def test_a_version_is_misplaced_in_any_table(table: str) -> None:
    found = [each for each in findings(f"{JOB}[{table}]\nschema_version = 2\n") if each.id != "newer-key"]
    assert ("misplaced-version", True) in [(each.id, each.is_error) for each in found]
    assert not any("belongs at `schema_version`" in (each.help or "") for each in found)


@pytest.mark.parametrize("key", ["model", "data"])
def test_a_backslash_in_a_path_is_not_made_a_space(key: str) -> None:
    [found] = findings(JOB.replace(f'{key} = "', f'{key} = "models\\tiny/'))
    assert 'write `"models/tiny/' in (found.help or "")


@pytest.mark.parametrize("word", ["none", "off", "Never", "FALSE", "disabled"])
def test_other_words_for_no_evaluation_are_told(word: str) -> None:
    [found] = findings(f'{JOB}[training.validation]\nevaluation_strategy = "{word}"\n')
    assert (found.id, found.help) == ("misspelt-strategy", 'did you mean "no"?')


@pytest.mark.parametrize("name", ["seed", "packing", "optimizer", "lr", "epochs", "tp"])
@pytest.mark.parametrize("version", [1, 2])
def test_short_names_of_settings_are_seen_where_any_key_passes(name: str, version: int) -> None:
    value = {"optimizer": '"adamw"', "packing": "true", "lr": "1e-4"}.get(name, "2")
    text = f"schema_version = {version}\n{JOB}[hyperparameters.parallelism]\n{name} = {value}\n"
    assert [each.id for each in findings(text)] in (["misplaced-key"], ["likely-typo"])


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ('n_epochs = "${EPOCHS}"', "nothing replaces `${EPOCHS}`"),
        ("n_epochs = ${EPOCHS}", "nothing replaces variables and templates: write the value"),
        ("n_epochs = {{ epochs }}", "nothing replaces variables and templates: write the value"),
        ("warmup_ratio = 1e\u22122", "U+2212 MINUS SIGN is not a hyphen: write `-`"),
        ("n_epochs = 1,", "remove the `,` or `;` at the end of the line"),
        ('train_kind = "fft";', "remove the `,` or `;` at the end of the line"),
        ('train_kind = "a//b" // a note', "a comment begins with `#`, not `//`"),
        ("n_epochs = 1\x85", "delete the character, or write a plain space instead"),
        ("\x0cn_epochs = 1", "delete the character, or write a plain space instead"),
        ("n_epochs = 1\rwarmup_ratio = 0.1", "a carriage return (U+000D) alone does not end one"),
    ],
)
def test_a_line_that_is_not_toml_says_why(line: str, help: str) -> None:
    [found] = findings(f"{JOB}{line}\n")
    assert help in (found.help or "")


def test_a_share_of_the_run_is_a_ratio() -> None:
    [found] = findings(f'schema_version = 2\n{JOB}warmup_steps = 0.03\n[training]\nmode = "lora"\n')
    assert found.help == "a share of the run is `warmup_ratio = 0.03`"
