"""Merging adapters of every kind, and the comparison that a merged model has to pass."""

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from sftc.service.executor import FailedError
from sftc.training.base_model import base_of
from sftc.training.export import export_worker, trained_model
from sftc.training.export.export_spec import ROUNDED, ExportSpec
from sftc.training.reporter import Reporter
from support import tiny_model
from support.adapters import write_adapter
from support.training_jobs import rows, uneven

pytestmark = pytest.mark.filterwarnings("ignore:::peft", "ignore:::transformers")

ADAPTERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True, "lora_alpha": 8},
    "dora": {"use_dora": True},
    "output layer saved": {"modules_to_save": ["lm_head"]},
    "embeddings saved": {"modules_to_save": ["embed_tokens"]},
    "both saved": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "norms saved": {"modules_to_save": ["norm"]},
    "embeddings adapted": {"target_modules": ["q_proj", "embed_tokens"]},
    "output layer adapted": {"target_modules": ["q_proj", "lm_head"]},
    "kept tied": {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
    "tokens trained": {"trainable_token_indices": [257, 258]},
}
"""Adapters of a model that shares the weights of its embeddings with its output layer."""


def export(model: Path, into: Path, dtype: str = "", rows: Path | None = None) -> list[str]:
    """Write the merged model, and return the messages."""
    said = io.StringIO()
    spec = ExportSpec(str(model), str(into), dtype, str(rows or ""), four_bit=False)
    export_worker.export_model(spec, Reporter(said))
    return [json.loads(line)["event"][1] for line in said.getvalue().splitlines()]


def logits(model: Any) -> torch.Tensor:
    """Return the logits of a model for a few tokens."""
    with torch.no_grad():
        made: torch.Tensor = model.eval()(torch.arange(40, 80)[None]).logits
    return made


def whole(folder: Path) -> Any:
    """Return the model in a folder as a stranger loads it."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_merged_model_answers_like_base_plus_adapter(kind: str, models: Path, tmp_path: Path) -> None:
    trained = write_adapter(models / "tiny", tmp_path / "adapter", **ADAPTERS[kind])
    expected = logits(PeftModel.from_pretrained(whole(models / "tiny"), trained))
    assert not torch.allclose(logits(whole(models / "tiny")), expected, atol=0.1)
    (tmp_path / "rows.jsonl").write_text(rows(2))  # few, because that is quicker
    export(trained, tmp_path / "merged", rows=tmp_path / "rows.jsonl")
    merged = whole(tmp_path / "merged")
    torch.testing.assert_close(logits(merged), expected, atol=1e-4, rtol=0)
    apart = kind.startswith(("embeddings", "output", "both"))
    assert merged.config.tie_word_embeddings is not apart
    assert not (tmp_path / "merged/adapter_config.json").exists()


def test_a_vocabulary_that_grew(models: Path, tmp_path: Path) -> None:
    trained = write_adapter(models / "tiny", tmp_path / "adapter", 300, ("<|look|>", "<|leap|>"))
    base = whole(models / "tiny")
    base.resize_token_embeddings(300)
    expected = logits(PeftModel.from_pretrained(base, trained))
    export(trained, tmp_path / "merged")
    merged = whole(tmp_path / "merged")
    torch.testing.assert_close(logits(merged), expected, atol=1e-4, rtol=0)
    assert merged.config.vocab_size == 300

    weights = load_file(trained / "adapter_model.safetensors")
    kept = {name: each for name, each in weights.items() if "lora" in name}
    save_file(kept, trained / "adapter_model.safetensors")
    with pytest.raises(FailedError, match="has 261 tokens, but the model has embeddings for 259, and the ad"):
        export(trained, tmp_path / "other")


def test_the_dtype_and_what_it_explains(models: Path, tmp_path: Path) -> None:
    trained = write_adapter(models / "tiny", tmp_path / "adapter")
    differences = []
    for dtype, stored in (("fp32", "F32"), ("fp16", "F16"), ("bf16", "BF16")):
        said = export(trained, tmp_path / dtype, dtype)[-1]
        figures = re.search(r"logits is (\S+), and (\w+) explains up to (\S+)", said)
        assert figures
        with safe_open(tmp_path / dtype / "model.safetensors", "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {stored}  # noqa: SIM118  not a dict
        difference, explained = float(figures[1]), float(figures[3])
        assert explained / 40 < difference < explained
        assert figures[2] == dtype
        assert said in (tmp_path / dtype / "README.md").read_text()
        differences.append(difference)
    assert differences == sorted(differences)
    assert differences[-1] > 100 * differences[0]


def test_the_table_of_dtypes_is_how_far_they_round() -> None:
    weights = torch.randn(512, 512)
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
        moved = (weights.to(dtype).float() - weights).square().mean().sqrt() / weights.square().mean().sqrt()
        assert moved == pytest.approx(ROUNDED[name], rel=0.1)


def test_a_model_that_is_another_one_is_refused(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = write_adapter(models / "tiny", tmp_path / "adapter", **ADAPTERS["embeddings adapted"])
    # This is what PEFT does on its own: the output layer changes with the embeddings that it shares.
    monkeypatch.setattr(trained_model, "_plain_layer", lambda layer: torch.nn.Linear(1, 1))
    with pytest.raises(
        FailedError,
        match=r"not the one that was trained: \d+ of \d+ greedy tokens are the same on 8 prompts; the "
        r"largest difference of logits is [\d.]+, and bf16 explains up to [\d.]+. Nothing was written",
    ):
        export(trained, tmp_path / "merged", "bf16")


def test_rows_are_asked_up_to_their_answers(models: Path, tmp_path: Path) -> None:
    trained = write_adapter(models / "tiny", tmp_path / "adapter")
    (tmp_path / "rows.jsonl").write_text(rows(3))
    assert "asking it 3 prompts" in export(trained, tmp_path / "merged", rows=tmp_path / "rows.jsonl")
    for text, reason in (
        ("{}\n", "rows.jsonl:1: not a valid row"),
        ("[1]\nnope", "rows.jsonl is JSON with all rows in one list, not JSON Lines: run `sftc dataset "),
        (rows(1) + '{"messages": 1}', "rows.jsonl:2: not a valid row"),
        ("", "no row with an answer"),
    ):
        (tmp_path / "rows.jsonl").write_text(text)
        with pytest.raises(FailedError, match=reason):
            export(trained, tmp_path / "other", rows=tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(uneven(30).encode()))
    assert "asking it 8 prompts" in export(trained, tmp_path / "other", rows=tmp_path / "rows.jsonl.gz")
    (tmp_path / "rows.jsonl.gz").write_text(rows(1))
    with pytest.raises(FailedError, match=r"is named `\.gz`, but it is JSON Lines"):
        export(trained, tmp_path / "third", rows=tmp_path / "rows.jsonl.gz")


def test_values_that_a_dtype_cannot_hold(models: Path, tmp_path: Path) -> None:
    base = whole(models / "tiny")
    with torch.no_grad():
        base.model.layers[0].self_attn.v_proj.weight.fill_(70_000.0)
    base.save_pretrained(tmp_path / "base")
    tiny_model.tokenizer().save_pretrained(tmp_path / "base")
    trained = write_adapter(tmp_path / "base", tmp_path / "adapter")
    with pytest.raises(FailedError, match=r"v_proj.weight has values that fp16 cannot hold: choose another"):
        export(trained, tmp_path / "merged", "fp16")


def test_a_whole_model_is_written_in_another_dtype(models: Path, tmp_path: Path) -> None:
    said = export(models / "tiny", tmp_path / "merged", "bf16")
    assert "written in bf16" in said
    assert "bf16 explains" in said[-1]
    assert "compared with the model as it was: " in (tmp_path / "merged/README.md").read_text()
    assert whole(tmp_path / "merged").config.tie_word_embeddings


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"base_model_name_or_path": null}'])
def test_an_adapter_that_does_not_name_its_base_model(tmp_path: Path, text: str) -> None:
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(FailedError, match="does not name the base model"):
        base_of(tmp_path)


def test_bases_that_nothing_can_be_merged_into(models: Path, tmp_path: Path) -> None:
    trained = write_adapter(models / "tiny", tmp_path / "adapter")
    given = json.loads((trained / "adapter_config.json").read_text())
    (trained / "adapter_config.json").write_text(
        json.dumps({**given, "base_model_name_or_path": str(tmp_path)})
    )
    with pytest.raises(FailedError, match=r"the folder .* has no model"):
        export(trained, tmp_path / "merged")
    (trained / "adapter_config.json").write_text(json.dumps(given))
    config = json.loads((models / "tiny/config.json").read_text())
    base = tiny_model.write(tmp_path / "base")
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps(config))
    (trained / "adapter_config.json").write_text(json.dumps({**given, "base_model_name_or_path": str(base)}))
    with pytest.raises(
        FailedError, match="are quantised, and an adapter is merged only into unquantised ones"
    ):
        export(trained, tmp_path / "merged")
    (trained / "adapter_config.json").write_text(json.dumps(given))
    weights = load_file(trained / "adapter_model.safetensors")
    save_file({name: each for name, each in weights.items() if "layers.1" not in name}, trained / "some")
    (trained / "some").replace(trained / "adapter_model.safetensors")
    with pytest.raises(FailedError, match="does not fit its base model: Found missing adapter keys"):
        export(trained, tmp_path / "merged")
    (trained / "adapter_model.safetensors").write_bytes(b"x")
    with pytest.raises(FailedError, match=r"the model in .*adapter cannot be loaded: "):
        export(trained, tmp_path / "merged")
    (trained / "adapter_model.safetensors").rename(trained / "adapter_model.bin")
    with pytest.raises(FailedError, match=r"adapter_model\.safetensors is missing"):
        export(trained, tmp_path / "merged")
    (trained / "adapter_model.bin").unlink()
    with pytest.raises(FailedError, match=r"the adapter in .* has no weights"):
        export(trained, tmp_path / "merged")
    save_file(weights, trained / "adapter_model.safetensors")
    wider = tiny_model.write(tmp_path / "wider", hidden_size=32)
    (trained / "adapter_config.json").write_text(json.dumps({**given, "base_model_name_or_path": str(wider)}))
    with pytest.raises(FailedError, match="does not fit its base model"):
        export(trained, tmp_path / "merged")
