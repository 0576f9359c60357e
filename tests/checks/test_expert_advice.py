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
        ("num_train_epochs = 3.0", "Write `n_epochs = 3`"),
        ('torch_dtype = "bfloat16"', "Write `bf16 = true`"),
        ("grad_checkpoint = true", "`hyperparameters.parallelism.activation_checkpointing`"),
        ("context_window = 4096", "`hyperparameters.sequence_length`"),
        ("accum_steps = 4", "`hyperparameters.gradient_accumulation_steps`"),
        ("nproc_per_node = 8", "`compute.gpu_count`"),
        ("max_steps = -1", "Leave it out"),
        ("steps = 100", "`hyperparameters.max_steps`"),
        ("clip_gradients = 1.0", "`hyperparameters.max_grad_norm`"),
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


@pytest.mark.parametrize(
    ("version", "setting", "measure"),
    [
        (1, "min_lr = 1e-6", "as a share of the peak"),
        (2, "min_lr = 1e-6", "as a share of the peak"),
        (2, "lr_end = 0", "as a share of the peak"),
        (1, "num_warmup_steps = 1", "share of all steps"),
        (2, "evals_per_epoch = 4", "steps from one evaluation to the next"),
    ],
)
def test_a_value_in_another_measure_is_not_taken_as_it_is(version: int, setting: str, measure: str) -> None:
    [found] = findings(f"schema_version = {version}\n{JOB}{setting}\n")
    assert measure in (found.help or "")
    assert found.fix is None


@pytest.mark.parametrize(
    ("table", "help"),
    [
        ("[hyperparameters]\nmax_tokens = 512", "`hyperparameters.sequence_length`"),
        ("[training.validation]\nevery_steps = 20", "`training.validation.eval_steps`"),
        ("[training.validation]\nsteps = 20", "`training.validation.eval_steps`"),
        (
            '[training.validation]\neval_steps = 9\nstrategy = "epoch"',
            "`training.validation.evaluation_strategy`",
        ),
        ("[training.checkpoints]\nsteps = 20", "`training.checkpoints.every_steps`"),
        ("[tracking]\nenabled = false", "Write `to = []`"),
    ],
)
def test_another_name_for_a_key_of_the_table_is_nearer_than_a_key_of_another_table(
    table: str, help: str
) -> None:
    text = f'schema_version = 2\n{JOB.partition("[hyper")[0]}[data]\nvalidation_path = "b.jsonl"\n{table}\n'
    [found] = findings(text)
    assert help in (found.help or "")


@pytest.mark.parametrize("table", ["job", "compute", "training", "hyperparameters"])
def test_a_section_in_a_table_that_takes_any_key_belongs_at_the_top(table: str) -> None:
    [found] = findings(f"{JOB}[hyperparameters.parallelism]\n{table} = {{}}\n")
    assert "top level" in (found.help or "")
    assert f"`[{table}]`" in (found.help or "")


def test_the_steps_of_a_misspelt_strategy_are_not_to_be_removed() -> None:
    table = '[training.validation]\nevaluation_strategy = "step"\neval_steps = 5\n'
    found = lint(Source("c.toml", f'{JOB}[data]\nvalidation_path = "b.jsonl"\n{table}'))
    assert [each.id for each in found] == ["misspelt-strategy"]


@pytest.mark.parametrize("table", ["tags", "hyperparameters.parallelism", "tracking"])
def test_a_second_version_is_to_be_removed_not_moved(table: str) -> None:
    [found] = findings(f'schema_version = 2\n{JOB}[{table}]\nschema_version = "v1"\n')
    assert found.id == "misplaced-version"
    assert "remove it" in (found.help or "")
    assert not found.is_error


def test_a_version_in_a_table_inside_one_that_takes_any_key_is_a_warning() -> None:
    [found] = findings(f"{JOB}[algorithm.params]\nx = 1\nschema_version = 2\n")
    assert (found.id, found.is_error) == ("misplaced-version", False)


def test_a_table_of_nothing_but_a_version_is_one_finding() -> None:
    assert [found.id for found in findings(f"{JOB}[meta]\nschema_version = 2\n")] == ["misplaced-version"]


@pytest.mark.parametrize(
    ("extends", "help"),
    [
        ('"conf\\base.toml"', '`"conf/base.toml"`'),
        ('"conf\\table.toml"', '`"conf/table.toml"`'),
        ('"${BASE}.toml"', "nothing replaces `${BASE}`"),
        ('"~/base.toml"', "nothing replaces `~`"),
    ],
)
def test_the_cause_of_a_base_that_cannot_be_read_is_told(extends: str, help: str) -> None:
    [found] = findings(f"schema_version = 2\nextends = {extends}\n{JOB}")
    assert help in (found.help or "")
    assert found.message.isprintable()


@pytest.mark.parametrize(
    ("line", "plain"), [("model \uff1d 1", "="), ("model = \uff02a\uff02", '"'), ("\uff3bjob]", "[")]
)
def test_a_full_width_character_is_told_the_plain_one(line: str, plain: str) -> None:
    [found] = findings(f"{line}\n")
    assert found.help == f"write `{plain}`"


def test_what_only_a_newer_version_takes_is_told_that_version() -> None:
    [found] = findings(JOB.replace('"a.jsonl"', '["a.jsonl", "b.jsonl"]'))
    assert "version 2 takes it" in (found.help or "")


@pytest.mark.parametrize("name", ["base", "include", "inherits", "_base_"])
def test_what_other_programs_call_a_base(name: str) -> None:
    [found] = findings(f'schema_version = 2\n{name} = "base.toml"\n{JOB}')
    assert "did you mean `extends`?" in (found.help or "")


@pytest.mark.parametrize("name", ["use_qlro", "use_qloras", "usqlora"])
def test_a_misspelt_legacy_key_is_not_to_be_removed(name: str) -> None:
    [found] = findings(f"schema_version = 2\n{JOB}[training]\n{name} = true\n")
    assert (found.id, found.help) == ("unknown-key", "did you mean `use_qlora`?")
