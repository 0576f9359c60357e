"""The numbers of base models: those in files, and those in the table of models."""

import json
from pathlib import Path

import pytest

from sftc.estimate.base_numbers import known_models, known_numbers, numbers_in
from sftc.estimate.shapes import shape_of

PUBLISHED = {
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M": 361_821_120,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen2.5-72B": 72_706_203_648,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-30B-A3B": 30_532_122_624,
    "meta-llama/Llama-2-7b-hf": 6_738_415_616,
    "meta-llama/Llama-2-70b-hf": 68_976_648_192,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.2-3B": 3_212_749_824,
    "meta-llama/Llama-3.3-70B-Instruct": 70_553_706_496,
    "mistralai/Mistral-7B-v0.1": 7_241_732_096,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "mistralai/Mixtral-8x7B-v0.1": 46_702_792_704,
    "google/gemma-2b": 2_506_172_416,
    "google/gemma-2-2b-it": 2_614_341_888,
    "google/gemma-2-9b": 9_241_705_984,
    "google/gemma-3-1b-it": 999_885_952,
    "microsoft/phi-2": 2_779_683_840,
    "microsoft/Phi-3-mini-4k-instruct": 3_821_079_552,
    "microsoft/phi-4": 14_659_507_200,
    "allenai/OLMo-2-1124-7B": 7_298_617_344,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1_100_048_384,
}
"""The parameters that the hub prints beside a model, from the headers of its files."""


def test_the_table_has_at_least_40_models_and_each_has_a_shape_and_a_source() -> None:
    assert len(known_models()) >= 40
    for name in known_models():
        found = known_numbers(name)
        assert found
        assert shape_of(found.config).longest > 1000
        assert f"huggingface.co/{name}" in found.source
        assert found.is_known


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_a_model_has_the_parameters_that_the_hub_prints(name: str, parameters: int) -> None:
    found = known_numbers(name)
    assert found
    assert shape_of(found.config).parameters == parameters


def test_names_may_be_in_any_case_and_others_are_not_known() -> None:
    assert known_numbers("qwen/qwen3-4b") == known_numbers("Qwen/Qwen3-4B")
    assert known_numbers("Qwen/Qwen3-4C") is None


def write(folder: Path, parts: int) -> None:
    (folder / "config.json").write_text('{"model_type": "llama"}')
    names = [f"part-{at}.safetensors" for at in range(parts)] or ["model.safetensors"]
    for name in names:
        header = json.dumps({"__metadata__": {}, "a.weight": {"shape": [3, 5]}, "b": {"shape": []}}).encode()
        (folder / name).write_bytes(len(header).to_bytes(8, "little") + header)
    if parts:
        index = {"weight_map": {str(at): name for at, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_parameters_are_counted_in_the_headers_of_all_files(tmp_path: Path, parts: int) -> None:
    write(tmp_path, parts)
    found = numbers_in(str(tmp_path))
    assert found.config == {"model_type": "llama"}
    assert found.parameters == 16 * max(parts, 1)
    assert found.source == str(tmp_path / "config.json")


def test_weights_that_are_not_there_are_not_counted(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (tmp_path / "part-1.safetensors").unlink()
    assert numbers_in(str(tmp_path)).parameters == 0
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": 3}')
    assert numbers_in(str(tmp_path)).parameters == 0


def test_a_config_alone_has_no_parameters(tmp_path: Path) -> None:
    write(tmp_path, 0)
    assert numbers_in(str(tmp_path / "config.json")).parameters == 0


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("config.json", b"[]"),
        ("config.json", b"{"),
        ("model.safetensors", b"\x00"),
        ("model.safetensors", b"\xff" * 20),
        ("model.safetensors", b"\x02" + bytes(7) + b"[]"),
        ("model.safetensors", b"\x08" + bytes(7) + b'{"a": 3}'),
        ("model.safetensors", b"\x1b" + bytes(7) + b'{"a": {"shape": ["x", "y"]}}'),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, file: str, data: bytes) -> None:
    write(tmp_path, 0)
    (tmp_path / file).write_bytes(data)
    with pytest.raises(ValueError, match=file):
        numbers_in(str(tmp_path))
