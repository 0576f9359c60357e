"""Importing the configs of other trainers: nothing is lost silently, and the run stays the same."""

import re
import tomllib
from collections import Counter
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

import sftc
from sftc.contract.versions import PACKAGED
from sftc.document.yaml_text import parse_yaml
from sftc.findings.finding import Severity
from sftc.text.keys import dotted, look_up, split
from sftc.text.source import Source
from sftc.tools.import_config import ImportedConfig, importable
from sftc.tools.import_source import json_beside, source_keys
from sftc.tools.lint import lint
from support.configs import runs
from support.golden import GOLDEN
from support.round_trips import expressible, imported, imported_again, without_defaults

TRAINERS = [*importable(PACKAGED)]
CONFIGS = [path.read_bytes().decode() for path in sorted(GOLDEN.glob("accept/*/config.toml"))]
each_trainer = pytest.mark.parametrize("target", TRAINERS)


def compiled(text: str, target: str) -> sftc.Compiled | None:
    made = sftc.compile(text, target=target)
    return made if made.ok else None


def check_round_trip(first: sftc.Compiled, target: str) -> None:
    """Import what a config was compiled to, and compile it again."""
    found = imported_again(first, target)
    assert [each.finding.message for each in found.keys if each.fate in {"not imported", "unknown"}] == []
    assert found.text is not None
    again = compiled(found.text, target)
    assert again is not None
    assert again.payload == first.payload


@pytest.mark.slow
@each_trainer
def test_a_compiled_config_is_imported_as_the_same_run(target: str) -> None:
    found: dict[bytes, sftc.Compiled] = {}
    for text in CONFIGS:
        made = compiled(text, target) or compiled(expressible(text, target), target)
        if made is not None:
            found.setdefault(made.files("job")["job.yaml"], made)
    assert len(found) > 5
    for made in found.values():
        check_round_trip(made, target)


@each_trainer
@settings(max_examples=25)
@given(config=runs)
def test_a_generated_config_is_imported_as_the_same_run(target: str, config: dict[str, Any]) -> None:
    made = compiled(expressible(tomlkit.dumps(config), target), target)
    if made is not None:
        check_round_trip(made, target)


@each_trainer
@settings(max_examples=25)
@given(config=runs)
def test_what_has_the_default_of_the_trainer_can_be_left_out(target: str, config: dict[str, Any]) -> None:
    first = compiled(expressible(tomlkit.dumps(config), target), target)
    if first is not None:
        found = imported_again(first, target, without_defaults(first, target))
        assert found.text is not None
        again = compiled(found.text, target)
        assert again is not None
        assert again.payload == first.payload


# Configs that people write.

LEAST = {
    "trl": "model_name_or_path: m\nuse_peft: true\n",
    "axolotl": """\
base_model: m
learning_rate: 1e-4
adapter: lora
lora_target_linear: true
sequence_len: 64
""",
    "llamafactory": """\
model_name_or_path: meta-llama/Llama-3.1-8B
finetuning_type: lora
template: llama3
stage: sft
""",
}


def values(found: ImportedConfig) -> dict[str, Any]:
    assert found.text is not None, [each.message for each in found.findings if each.is_error]
    return tomllib.loads(found.text)


def value(found: ImportedConfig, key: str) -> Any:
    return look_up(values(found), split(key))


def fates(found: ImportedConfig) -> dict[str, str]:
    return {dotted(each.path): each.fate for each in found.keys}


@pytest.mark.parametrize(
    ("target", "line", "key", "made"),
    [
        ("trl", "learning_rate: 1e-4", "hyperparameters.learning_rate", 1e-4),
        ("trl", "learning_rate: '1e-4'", "hyperparameters.learning_rate", 1e-4),
        ("trl", "torch_dtype: bf16\nbf16: true", "hyperparameters.parallelism.bf16", True),
        ("trl", "fp16: true", "hyperparameters.parallelism.fp16", True),
        ("trl", "max_seq_length: 512", "hyperparameters.sequence_length", 512),
        ("trl", "warmup_ratio: 0.1", "hyperparameters.warmup_ratio", 0.1),
        ("trl", "warmup_steps: 10", "hyperparameters.warmup_steps", 10),
        ("trl", "lora_target_modules: [q_proj]", "training.lora.target_modules", ["q_proj"]),
        ("trl", "lora_target_modules: all-linear", "training.lora.target_modules", "all-linear"),
        ("trl", "load_in_4bit: true", "training.mode", "qlora"),
        ("trl", "report_to: [wandb, mlflow]", "tracking.to", ["wandb", "mlflow"]),
        ("trl", "assistant_only_loss: true", "hyperparameters.train_on", "assistant"),
        ("trl", "num_processes: 8\nnum_machines: 2", "compute.gpu_count", 4),
        ("trl", "optim: paged_adamw_8bit", "hyperparameters.optimizer", "adamw_8bit"),
        ("trl", "deepspeed: conf/ds_zero_3.json", "hyperparameters.parallelism.deepspeed_stage", 3),
        ("trl", "fsdp: full_shard auto_wrap", "hyperparameters.parallelism.fsdp", True),
        (
            "trl",
            "lr_scheduler_type: polynomial\nlr_scheduler_kwargs: {power: 1.0, lr_end: 2.0e-6}",
            "hyperparameters.min_lr_ratio",
            0.1,
        ),
        ("trl", "output_dir: out\nrun_name: exp1", "job.name", "exp1"),
        ("axolotl", "output_dir: out\nwandb_name: exp1\nwandb_project: p", "job.name", "exp1"),
        ("llamafactory", "output_dir: out\nrun_name: exp1", "job.name", "exp1"),
        ("axolotl", "optimizer: adamw_bnb_8bit", "hyperparameters.optimizer", "adamw_8bit"),
        ("axolotl", "bf16: auto", "hyperparameters.parallelism.bf16", True),
        ("axolotl", "fp16: true\nbf16: auto", "hyperparameters.parallelism.fp16", True),
        ("axolotl", "micro_batch_size: 3", "hyperparameters.per_device_batch", 3),
        ("axolotl", "datasets: [{path: a.jsonl, type: chat_template}]", "job.data", "a.jsonl"),
        ("axolotl", "wandb_project: mine", "tracking.to", ["wandb"]),
        ("axolotl", "use_tensorboard: true\nuse_mlflow: true", "tracking.to", ["tensorboard", "mlflow"]),
        ("axolotl", "load_in_4bit: true\nadapter: qlora", "training.mode", "qlora"),
        (
            "axolotl",
            "deepspeed: deepspeed_configs/zero2.json",
            "hyperparameters.parallelism.use_deepspeed",
            True,
        ),
        (
            "axolotl",
            "fsdp: [full_shard]\nfsdp_config: {fsdp_state_dict_type: FULL_STATE_DICT}",
            "hyperparameters.parallelism.fsdp",
            True,
        ),
        ("axolotl", "fsdp: [full_shard, auto_wrap]", "hyperparameters.parallelism.fsdp", True),
        (
            "axolotl",
            "gradient_checkpointing: unsloth",
            "hyperparameters.parallelism.activation_checkpointing",
            True,
        ),
        ("llamafactory", "quantization_bit: 4", "training.mode", "qlora"),
        ("llamafactory", "lora_target: all", "training.lora.target_modules", "all-linear"),
        ("llamafactory", "lora_target: q_proj, v_proj", "training.lora.target_modules", ["q_proj", "v_proj"]),
        ("llamafactory", "lora_rank: 4", "training.lora.alpha", 8),
        ("llamafactory", "neat_packing: true", "hyperparameters.packing", True),
        ("llamafactory", "mask_history: true", "hyperparameters.train_on", "last"),
        ("llamafactory", "deepspeed: ds_z2_config.json", "hyperparameters.parallelism.deepspeed_stage", 2),
        ("llamafactory", "num_train_epochs: 3.0", "hyperparameters.n_epochs", 3),
    ],
)
def test_a_setting_is_imported(target: str, line: str, key: str, made: Any) -> None:
    names = {each.split(":")[0] for each in line.splitlines()}
    least = "".join(f"{each}\n" for each in LEAST[target].splitlines() if each.split(":")[0] not in names)
    found = imported(f"{least}{line}\n", target)
    assert value(found, key) == made
    assert "unknown" not in fates(found).values()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("trl", {"hyperparameters.sequence_length": 1024, "hyperparameters.train_on": "all"}),
        ("trl", {"hyperparameters.learning_rate": 2e-5, "hyperparameters.n_epochs": 3}),
        ("axolotl", {"hyperparameters.lr_scheduler": "cosine", "hyperparameters.warmup_ratio": 0.03}),
        ("axolotl", {"hyperparameters.parallelism.bf16": True, "training.lora.dropout": 0.0}),
        ("llamafactory", {"hyperparameters.sequence_length": 2048, "training.lora.r": 8}),
        ("llamafactory", {"hyperparameters.parallelism.activation_checkpointing": True}),
    ],
)
def test_defaults_of_the_trainer_are_written_where_ours_differ(target: str, expected: dict[str, Any]) -> None:
    found = imported(LEAST[target], target)
    assert {key: value(found, key) for key in expected} == expected
    said = {dotted(each.path) for each in found.findings if each.id == "default-written"}
    assert expected.keys() <= said
    for key in expected:
        line = rf"^{key.rpartition('.')[2]} = .* # \S+'s default of"
        assert re.search(line, found.text or "", re.MULTILINE)


@pytest.mark.parametrize(
    ("target", "line", "id", "words"),
    [
        ("trl", "neftune_noise_alpha: 5", "cannot-import", "noise"),
        ("trl", "load_in_8bit: true", "cannot-import", "8 bits"),
        ("trl", "lr_scheduler_type: inverse_sqrt", "cannot-import", "schedules"),
        ("trl", "optim: lion_8bit", "cannot-import", "optimizers"),
        ("trl", "num_train_epochs: 0.5", "cannot-import", "whole passes"),
        ("trl", "deepspeed: ds_config.json", "cannot-import", "another file"),
        ("trl", "packing_strategy: wrapped\npacking: true", "cannot-import", "never splits"),
        ("trl", "mixed_precision: fp8", "cannot-import", "another file"),
        ("trl", "config_file: a.yaml", "cannot-import", "another file"),
        ("trl", "rdzv_conf: x", "cannot-import", "has no setting"),
        ("trl", "lora_r: 5000", "cannot-import", "no such value"),
        ("trl", "dataset_name: a/b", "not-imported", "reads files"),
        ("trl", "push_to_hub: true", "not-imported", "upload"),
        ("trl", "save_steps: 0.05", "not-imported", "whole steps"),
        ("trl", "run_name: my run", "not-imported", "a name has"),
        ("trl", "report_to: [wandb, comet_ml]", "not-imported", "reports to"),
        (
            "trl",
            "lr_scheduler_kwargs: {min_lr: 1.0}\nlr_scheduler_type: cosine_with_min_lr",
            "cannot-import",
            "rates",
        ),
        ("trl", "use_bnb_nested_quant: false\nload_in_4bit: true", "imported-differently", "quantizes"),
        ("axolotl", "val_set_size: 0.05", "cannot-import", "aside"),
        ("axolotl", "chat_template: llama3", "cannot-import", "chat template"),
        ("axolotl", "evals_per_epoch: 4", "not-imported", "on a file"),
        ("axolotl", "datasets: [{path: a.jsonl, type: alpaca}]", "not-imported", "rows look like"),
        ("axolotl", "datasets: [{path: a.jsonl, type: sharegpt}]", "not-imported", "rows look like"),
        ("axolotl", "datasets: [{path: a.jsonl}, {path: me/b}]", "cannot-import", "does without it"),
        ("axolotl", "load_in_4bit: true", "cannot-import", "exactly if"),
        ("llamafactory", "dataset: alpaca_en_demo", "not-imported", "dataset_info.json"),
        ("llamafactory", "stage: dpo", "cannot-import", "supervised"),
        ("llamafactory", "finetuning_type: freeze", "cannot-import", "LoRA adapters"),
        ("axolotl", "weight_decay: .inf", "cannot-import", "no such value"),
        ("axolotl", "weight_decay: -.inf", "cannot-import", "no such value"),
        ("llamafactory", "template: qwen", "cannot-import", "chat template"),
        ("llamafactory", "quantization_bit: 8", "cannot-import", "4 bits"),
        ("llamafactory", "max_samples: 100", "cannot-import", "every row"),
    ],
)
def test_what_cannot_be_imported_is_named_with_the_reason(
    target: str, line: str, id: str, words: str
) -> None:
    names = {each.split(":")[0] for each in line.splitlines()}
    least = "".join(f"{each}\n" for each in LEAST[target].splitlines() if each.split(":")[0] not in names)
    found = imported(f"{least}{line}\n", target)
    last = line.splitlines()[0].split(":")[0]
    [said] = [each.finding for each in found.keys if each.path[0] == last and each.finding.id == id]
    assert words in said.message
    assert found.text is not None
    assert said.span.line == f"{least}{line}".splitlines().index(line.splitlines()[0]) + 1


@pytest.mark.parametrize(
    ("target", "line", "meant"),
    [
        ("trl", "learning_rat: 1", "learning_rate"),
        ("trl", "lora_rank: 1", "lora_r"),
        ("trl", "cutoff_len: 1", "max_length"),
        ("axolotl", "micro_batchsize: 1", "micro_batch_size"),
        ("axolotl", "per_device_train_batch_size: 1", "micro_batch_size"),
        ("llamafactory", "sequence_len: 1", "cutoff_len"),
    ],
)
def test_an_unknown_key_is_named_with_what_was_meant(target: str, line: str, meant: str) -> None:
    found = imported(f"{LEAST[target]}{line}\n", target)
    [said] = [each.finding for each in found.keys if each.fate == "unknown"]
    assert (said.severity, said.help) == (Severity.WARNING, f"did you mean `{meant}`?")


@pytest.mark.parametrize(
    ("target", "line", "fate"),
    [
        ("trl", "logging_steps: 1", "no effect"),
        ("trl", "logging_steps: 10", "default"),
        ("trl", "fp16: false", "default"),
        ("trl", "output_dir: ./out", "no effect"),
        ("trl", "output_dir: my-run", "imported"),
        ("trl", "run_name: exp1\noutput_dir: out", "no effect"),
        ("trl", "max_length: null", "default"),
        ("trl", "lora_alpha: 32", "imported"),
        ("trl", "lr_scheduler_type: constant\nwarmup_ratio: 0.1", "no effect"),
        ("trl", "dtype: float16\ntorch_dtype: bfloat16", "no effect"),
        ("trl", "eval_steps: 100", "no effect"),
        ("axolotl", "lora_model_dir:", "default"),
        ("axolotl", "group_by_length: false", "default"),
        ("axolotl", "gradient_checkpointing:", "default"),
        ("axolotl", "weight_decay: null", "default"),
        ("axolotl", "flash_attention: true", "no effect"),
        ("axolotl", "tf32: auto", "no effect"),
        ("axolotl", "special_tokens: {pad_token: x}", "no effect"),
        ("axolotl", "pad_to_sequence_len: true", "no effect"),
        ("axolotl", "lora_target_linear: true", "imported"),
        ("llamafactory", "val_size: 0", "default"),
        ("llamafactory", "eval_steps: 5", "no effect"),
        ("llamafactory", "plot_loss: true", "no effect"),
        ("llamafactory", "finetuning_type: lora", "imported"),
    ],
)
def test_what_becomes_of_a_key(target: str, line: str, fate: str) -> None:
    names = {each.split(":")[0] for each in line.splitlines()}
    least = "".join(f"{each}\n" for each in LEAST[target].splitlines() if each.split(":")[0] not in names)
    found = imported(f"{least}{line}\n", target)
    assert found.keys[-1].fate == fate
    assert not any(each.is_error for each in found.findings)


def test_a_reason_is_given_once_for_a_key_and_for_what_depends_on_it() -> None:
    found = imported(f"{LEAST['axolotl']}eval_steps: 5\n", "axolotl")
    assert [each.path for each in found.findings if "on a file of" in each.message] == [("eval_steps",)]


def test_settings_of_an_adapter_have_no_effect_without_one() -> None:
    found = imported("model_name_or_path: m\nlora_r: 8\nuse_peft: false\n", "trl")
    assert fates(found) == {"model_name_or_path": "imported", "lora_r": "no effect", "use_peft": "imported"}
    assert values(found)["training"] == {"mode": "full", "checkpoints": {"every_steps": 500}}


def test_data_that_a_file_beside_lists() -> None:
    entry = {"formatting": "sharegpt", "columns": {"messages": "messages"}}
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    mine = {"file_name": "x/mine.jsonl", **entry, "tags": tags}
    listed = {"mine": mine, "its": {**mine, "file_name": "/its.jsonl"}, "alpaca": {"file_name": "a.json"}}
    config = f"{LEAST['llamafactory']}dataset: mine,its\n"
    found = imported(config, "llamafactory", {"data/dataset_info.json": listed})
    assert value(found, "job.data") == ["data/x/mine.jsonl", "/its.jsonl"]
    for other in ("mine,alpaca", "mine,none", ""):
        found = imported(
            f"{LEAST['llamafactory']}dataset: '{other}'\n", "llamafactory", {"data/dataset_info.json": listed}
        )
        assert "data" not in values(found)["job"]


def test_what_is_beside_is_read_from_here_or_from_the_folder_of_the_file(
    tmp_path: Any, monkeypatch: Any
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/a.json").write_text('{"a": 1}')
    (tmp_path / "there/bad.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    read = json_beside("there")
    assert read("a.json") == read("./a.json") == {"a": 1}
    assert [read(name) for name in ("bad.json", "none.json", "\0", ".")] == [None] * 4
    (tmp_path / "a.json").write_text("[]")
    assert read("a.json") == []


# Which trainer it is.


@pytest.mark.parametrize("target", TRAINERS)
def test_the_trainer_is_detected_and_named_with_the_keys_that_decide(target: str) -> None:
    found = imported(LEAST[target])
    assert found.trainer == target
    [said] = [each for each in found.findings if each.id == "trainer-detected"]
    assert "because of `" in said.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_name_or_path: m\nlearning_rate: 1e-4\n", "`llamafactory`, `trl`"),
        ("nothing: here\n", "no trainer is known"),
        (
            "model: {_component_: a}\nepochs: 1\nbatch_size: 2\noptimizer: {lr: 3e-4}\ntokenizer: {}\n",
            "the file is for another program: of its 5 keys, Axolotl has only 2",
        ),
    ],
)
def test_an_ambiguous_config_asks_for_the_trainer(text: str, words: str) -> None:
    found = imported(text)
    [said] = found.findings
    assert (found.text, said.id) == (None, "unknown-trainer")
    assert words in said.message
    assert said.help is not None
    assert "`--from " in said.help


# Comments and the text.

COMMENTED = """\
# about the run

# the base
model_name_or_path: m # behind
lora_target_modules: # which
  - q_proj # one
  - v_proj # two
use_peft: true
bf16: true # first
torch_dtype: bfloat16 # second
logging_steps: 1 # often
#    indented: code
seed: 7
# at the end
"""


def test_comments_go_with_the_keys_that_they_are_about() -> None:
    text = imported(COMMENTED, "trl").text
    assert text is not None
    assert text.startswith(
        '# about the run\n\nschema_version = 2\n\n[job]\n# the base\nmodel = "m" # behind\n'
    )
    assert '# one\n# two\ntarget_modules = ["q_proj", "v_proj"] # which\n' in text
    assert "# second\nbf16 = true # first\n" in text
    assert "#    indented: code\nseed = 7\n" in text
    assert text.endswith("\n\n# logging_steps: often\n# at the end\n")


keys = st.sampled_from(
    ["seed: 1", "use_peft: true", "logging_steps: 3", "nothing: 2", "report_to: [wandb]", "lora_r: 4"]
)
remarks = st.text("abc #:'\"[]{}\té-", min_size=1, max_size=12).filter(str.strip)
lines = st.lists(
    st.tuples(st.just(""), remarks) | st.tuples(keys, st.none() | remarks) | st.just(("", None)), max_size=12
)


@settings(max_examples=40)
@given(lines)
def test_no_comment_is_lost(found: list[tuple[str, str | None]]) -> None:
    text, seen = "model_name_or_path: m\n", set[str]()
    for key, remark in found:
        if key in seen:
            continue
        seen |= {key} - {""}
        text += f"{key} #{remark}\n" if remark is not None else f"{key}\n"
    made = imported(text, "trl").text
    assert made is not None
    said = Counter(each.text.strip() for each in parse_yaml(Source("c", text)).comments)
    for remark, number in said.items():
        assert made.count(remark) >= number
    assert tomllib.loads(made)["job"] == {"model": "m"}


def test_the_text_is_what_init_would_write() -> None:
    text = imported(LEAST["trl"], "trl").text
    assert text is not None
    assert re.findall(r"^\[.*\]$", text, re.MULTILINE) == [
        "[job]",
        "[training]",
        "[training.lora]",
        "[training.checkpoints]",
        "[hyperparameters]",
        "[hyperparameters.parallelism]",
    ]
    assert "\n\n[job]\n" in text
    assert "\n\n\n" not in text


# Whatever the file says.

FIELDS = {
    name: [".".join(key) for key in table.fields if len(key) == 1]
    for name, table in importable(PACKAGED).items()
}
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 9000)
    | st.floats(0, 5)
    | st.sampled_from(["a", "1e-4", "no", ""])
)
anything = (
    scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from("abp"), scalars, max_size=2)
)


@each_trainer
@settings(max_examples=25)
@given(data=st.data())
def test_each_key_is_accounted_for_once_and_the_result_has_no_errors(
    target: str, data: st.DataObject
) -> None:
    names = st.sampled_from([*FIELDS[target], "unheard_of"])
    table = data.draw(st.dictionaries(names, anything, max_size=8))
    text = LEAST[target] + "".join(
        f"{key}: {_flow(each)}\n" for key, each in table.items() if f"{key}:" not in LEAST[target]
    )
    found = imported(text, target)
    document = parse_yaml(Source("c", text))
    assert [each.path for each in found.keys] == [*source_keys(document.values)]
    assert all(each.finding in found.findings for each in found.keys)
    wrong = [each for each in found.findings if each.id == "wrong-value"]
    assert (found.text is None) == bool(wrong)
    if found.text is not None:
        assert [each.message for each in lint(Source("x.sft.toml", found.text)) if each.is_error] == []


def _flow(value: Any) -> str:
    import json

    return json.dumps(value)


@pytest.mark.parametrize(
    ("target", "line", "words"),
    [
        ("trl", "learning_rate: fast", "must be a number, not `fast`"),
        ("trl", "bf16: maybe", "must be true or false"),
        ("trl", "num_train_epochs: three", "must be a number"),
        ("trl", "save_steps: often", "must be a number"),
        ("trl", "lora_r: [8]", "must be a number"),
        ("trl", "gradient_accumulation_steps: {a: 1}", "must be a number"),
        ("axolotl", "micro_batch_size: two", "must be a number"),
        ("llamafactory", "cutoff_len: long", "must be a number"),
    ],
)
def test_a_value_of_the_wrong_type_stops_the_import(target: str, line: str, words: str) -> None:
    found = imported(f"{LEAST[target]}{line}\n", target)
    [said] = [each for each in found.findings if each.id == "wrong-value"]
    assert words in said.message
    assert said.path[0] == line.split(":", maxsplit=1)[0]
    assert found.text is None


def test_a_config_without_a_model_means_no_run() -> None:
    found = imported("learning_rate: 1e-4\nuse_peft: true\n", "trl")
    [said] = [each for each in found.findings if each.id == "wrong-value"]
    assert "job.model" in said.message
    assert found.text is None
