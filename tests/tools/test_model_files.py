"""A config and the files of its base model: found offline, read without torch, and compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sftc.cli.lint_command import lint_command
from sftc.text.source import Source
from sftc.tools.lint import lint
from sftc.tools.model_files import find_model, read_model

TENSORS = [
    "model.embed_tokens.weight",
    *(f"model.layers.0.self_attn.{name}_proj.weight" for name in "qkvo"),
    "model.layers.0.mlp.gate_proj.weight",
    "model.norm.weight",
]


def write_model(folder: Path, *, template: bool = True, sharded: bool = False, **config: Any) -> Path:
    """Write the files of a model, all but the weights themselves."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 4096, **config}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"} if template else {}))
    tensor = {"dtype": "F32", "shape": [0, 0], "data_offsets": [0, 0]}
    if sharded:
        index = {"weight_map": dict.fromkeys(TENSORS, "model-1.safetensors")}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    else:
        header = json.dumps({"__metadata__": {"format": "pt"}, **dict.fromkeys(TENSORS, tensor)}).encode()
        (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def config(model: object = "m", **settings: str) -> Source:
    lora = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return Source(
        "c.toml",
        f'schema_version = 2\n[job]\nmodel = "{model}"\n[compute]\ngpu_type = "H100"\n'
        f'[training]\nmode = "lora"\n[training.lora]\n{lora}',
    )


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize(
    ("entries", "unknown"),
    [
        (["q_proj", "v_proj"], {}),
        (["self_attn.q_proj", "model.layers.0.mlp.gate_proj"], {}),
        (["lm_head", "embed_tokens"], {}),
        (["q_proj", "v_porj"], {1: 'did you mean "v_proj"?'}),
        (["query_key_value"], {0: None}),
        (["proj", "layers.0.q_proj"], {0: None, 1: None}),
    ],
)
@pytest.mark.parametrize("key", ["target_modules", "modules_to_save"])
def test_an_entry_that_matches_no_module_is_an_error(
    tmp_path: Path, key: str, entries: list[str], unknown: dict[int, str | None], *, sharded: bool
) -> None:
    model = write_model(tmp_path / "model", sharded=sharded)
    found = lint(config(model, **{key: json.dumps(entries)}))
    assert {each.path[-1]: each.help for each in found if each.help and "did you" in each.help} == {
        index: help for index, help in unknown.items() if help
    }
    assert [(each.id, each.severity) for each in found] == [("unknown-module", "error")] * len(unknown)
    assert [each.path for each in found] == [("training", "lora", key, index) for index in unknown]


def test_the_fix_names_the_module_that_was_meant(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    path = tmp_path / "job.sft.toml"
    path.write_text(config("elsewhere/named", target_modules='["q_proj", "v_porj"]').text)
    arguments = [str(path), "--offline-model", str(model)]
    assert CliRunner().invoke(lint_command, arguments).exit_code == 1
    assert CliRunner().invoke(lint_command, [*arguments, "--fix", "--unsafe-fixes"]).exit_code == 0
    assert 'target_modules = ["q_proj", "v_proj"]' in path.read_text()


@pytest.mark.parametrize(
    ("facts", "length", "findings"),
    [
        ({}, 4096, []),
        ({}, 4097, ["sequence-beyond-model"]),
        ({"text_config": {"max_position_embeddings": 8}}, 9, ["sequence-beyond-model"]),
        ({"max_position_embeddings": None, "n_positions": 8}, 9, ["sequence-beyond-model"]),
        ({"max_position_embeddings": None}, 10**6, []),
    ],
)
def test_the_sequence_is_held_against_the_limit_of_the_model(
    tmp_path: Path, facts: dict[str, Any], length: int, findings: list[str]
) -> None:
    model = write_model(tmp_path / "model", **facts)
    text = config(model).text + f"[hyperparameters]\nsequence_length = {length}\n"
    assert [found.id for found in lint(Source("c", text))] == findings


def test_a_model_without_a_chat_template_is_a_warning(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", template=False)
    assert [found.id for found in lint(config(model))] == ["no-chat-template"]
    (model / "chat_template.jinja").write_text("{{ messages }}")
    read_model.cache_clear()
    assert lint(config(model)) == []


def test_a_comment_suppresses_a_finding_about_the_model(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", template=False)
    text = config(model).text.replace(f'"{model}"', f'"{model}" # sftc: ignore[no-chat-template]')
    assert lint(Source("c.toml", text)) == []


@pytest.mark.parametrize(
    ("variable", "value", "cache"),
    [
        ("HF_HOME", "{home}/x", "x/hub"),
        ("HF_HOME", "~/x", "x/hub"),
        ("HF_HUB_CACHE", "{home}/x", "x"),
        ("HF_HUB_CACHE", "$HOME/x", "x"),
        ("HUGGINGFACE_HUB_CACHE", "{home}/x", "x"),
        ("XDG_CACHE_HOME", "{home}/x", "x/huggingface/hub"),
        ("XDG_CACHE_HOME", "", ".cache/huggingface/hub"),
    ],
)
def test_a_model_is_found_in_the_cache_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, cache: str
) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, value.format(home=tmp_path))
    assert find_model("owner/name") is None
    model = tmp_path / cache / "models--owner--name"
    write_model(model / "snapshots" / "abc")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc\n")
    assert find_model("owner/name") == str(model / "snapshots" / "abc")
    found = lint(config("owner/name", target_modules='["c_attn"]'))
    assert [each.id for each in found] == ["unknown-module"]


@pytest.mark.parametrize("damage", ["", "not JSON", "[]", "\x00\xff"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "model.safetensors"])
def test_damaged_files_show_nothing_and_are_an_error_if_they_were_named(
    tmp_path: Path, file: str, damage: str
) -> None:
    model = write_model(tmp_path / "model")
    (model / file).write_text(damage)
    assert lint(config(model, target_modules='["nothing"]')) == []
    path = tmp_path / "job.sft.toml"
    path.write_text(config().text)
    result = CliRunner().invoke(lint_command, [str(path), "--offline-model", str(model)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not the folder of a model" in result.stderr


def test_a_real_model_is_read_as_its_trainer_reads_it(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from support import tiny_model

    folder = tiny_model.write(tmp_path / "model")
    facts = read_model(str(folder))
    model = AutoModelForCausalLM.from_pretrained(folder)
    linear = {name for name, module in model.named_modules() if type(module).__name__ == "Linear"}
    assert linear
    assert {name.removeprefix("model.") for name in linear} <= {
        name.removeprefix("model.") for name in facts.modules
    }
    assert facts.longest == model.config.max_position_embeddings
    assert facts.has_chat_template
    names = sorted({name.rpartition(".")[2] for name in linear} - {"lm_head"})
    assert lint(config(folder, target_modules=json.dumps(names))) == []
