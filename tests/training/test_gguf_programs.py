"""The programs of llama.cpp: how they are found, and what is done if they fail."""

from pathlib import Path
from typing import Any

import pytest

from sftc.service.executor import FailedError
from sftc.training.export.gguf_file import check_tokenizer
from sftc.training.export.llama_cpp import convert, find_converter, find_quantiser, quantise
from support import tiny_model


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_programs_on_the_path_and_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for find, name in ((find_converter, "convert_hf_to_gguf.py"), (find_quantiser, "llama-quantize")):
        with pytest.raises(FailedError, match=f"{name}.* on the PATH"):
            find(None)
        program = script(tmp_path / "bin" / name, "")
        assert find(None) == [str(program)]
        with pytest.raises(FailedError, match=f"{name}.*in {tmp_path}"):
            find(tmp_path / "checkout")
    built = script(tmp_path / "checkout/build/bin/llama-quantize", "")
    assert find_quantiser(tmp_path / "checkout") == [str(built)]
    converter = script(tmp_path / "checkout/convert_hf_to_gguf.py", "")
    assert find_converter(tmp_path / "checkout")[1:] == [str(converter)]


def test_a_program_that_fails(tmp_path: Path) -> None:
    failing = [str(script(tmp_path / "convert.py", "echo one; echo no such architecture >&2; exit 3"))]
    with pytest.raises(FailedError, match=r"^convert\.py failed: one no such architecture$"):
        convert(failing, tmp_path, tmp_path / "made.gguf", "bf16")
    silent = [str(script(tmp_path / "silent", ""))]
    with pytest.raises(FailedError, match=r"^silent failed: status 0$"):
        quantise(silent, tmp_path / "whole.gguf", tmp_path / "made.gguf", "q4_k_m")
    works = [str(script(tmp_path / "works", 'echo "$1" "$3" > "$2"'))]
    quantise(works, tmp_path / "whole.gguf", tmp_path / "made.gguf", "q4_k_m")
    assert (tmp_path / "made.gguf").read_text() == f"{tmp_path / 'whole.gguf'} q4_k_m\n"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tokenizer.ggml.tokens": ["x"]}, "has another token 0 than "),
        ({"tokenizer.chat_template": "{{ messages }}"}, "does not have the chat template"),
        ({"tokenizer.ggml.eos_token_id": 1}, r"ends answers at token 1, the model at \[258\]"),
    ],
)
def test_a_gguf_file_with_another_tokenizer(changes: dict[str, Any], reason: str) -> None:
    tokenizer = tiny_model.tokenizer()
    good = {
        "tokenizer.ggml.tokens": tokenizer.convert_ids_to_tokens([*range(len(tokenizer))]),
        "tokenizer.chat_template": tokenizer.chat_template,
        "tokenizer.ggml.eos_token_id": 258,
    }
    check_tokenizer(good, tokenizer, [258])
    with pytest.raises(FailedError, match=reason):
        check_tokenizer(good | changes, tokenizer, [258])
