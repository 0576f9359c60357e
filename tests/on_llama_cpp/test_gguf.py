"""GGUF files by the converter of llama.cpp, read back, and run in llama.cpp.

The source package of llama-cpp-python has the converter, and xllamacpp a llama.cpp that runs files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from peft import PeftModel
from transformers import AutoModelForCausalLM

from support.adapters import write_adapter
from support.environment import isolate
from support.gguf_models import byte_fallback_tokenizer, write_llama
from support.program import Program

pytestmark = pytest.mark.filterwarnings("ignore:::peft", "ignore:::transformers")

PACKAGE = "llama-cpp-python==0.3.36"
PARTS = ("convert_hf_to_gguf.py", "conversion/", "gguf-py/")
PROMPTS = ["hello there", "3 + 4?", "name a river"]
COUNT = 16
END = 2


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the converter, as in a checkout of llama.cpp."""
    folder = tmp_path_factory.mktemp("llama.cpp")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", PACKAGE]
    subprocess.run(command, cwd=folder, check=True)
    [package] = folder.glob("*.tar.gz")
    with tarfile.open(package) as archive:
        for member in archive:
            name = member.name.partition("/vendor/llama.cpp/")[2]
            if name.startswith(PARTS):
                member.name = name
                archive.extract(member, folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an adapter whose answers end at `<|im_end|>`."""
    folder = tmp_path_factory.mktemp("trained")
    base = write_llama(folder / "base")
    adapter = write_adapter(base, folder / "adapter")
    shutil.copy(base / "generation_config.json", adapter)
    return adapter


@pytest.fixture
def sftc(sftc_program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> Program:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFTC_LLAMA_CPP", str(checkout))
    return Program(sftc_program)


def in_llama_cpp(file: str, prompts: list[list[int]]) -> list[list[int]]:
    """Return the greedy tokens of a GGUF file in llama.cpp."""
    program = Path(__file__).parent / "run_llama_cpp.py"
    done = subprocess.run(
        [sys.executable, program, file, json.dumps(prompts), str(COUNT)],
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[list[int]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_a_gguf_file_answers_in_llama_cpp_like_base_plus_adapter(sftc: Program, trained: Path) -> None:
    code, out, said = sftc("export", str(trained), "--gguf", "deep/sums.gguf")
    assert (code, out) == (0, "deep/sums.gguf\n"), said
    assert sorted(os.listdir()) == ["deep"]
    assert sorted(os.listdir("deep")) == ["sums.gguf", "sums.md"]
    assert "GGUF in fp32, compared with the same" in Path("deep/sums.md").read_text(encoding="utf-8")

    base = AutoModelForCausalLM.from_pretrained(trained.parent / "base", dtype=torch.float32)
    model: Any = PeftModel.from_pretrained(base, trained).eval()
    tokenizer = byte_fallback_tokenizer()
    prompts = [tokenizer(each).input_ids for each in PROMPTS]
    expected = []
    for prompt in prompts:
        with torch.no_grad():
            whole = model.generate(input_ids=torch.tensor([prompt]), max_new_tokens=COUNT, do_sample=False)
        answer = whole[0, len(prompt) :].tolist()
        end = answer.index(END) + 1 if END in answer else COUNT  # llama.cpp ends every answer there
        expected.append(answer[:end])
    assert in_llama_cpp("deep/sums.gguf", prompts) == expected


@pytest.mark.parametrize(("quantisation", "kind"), [("q8_0", "Q8_0"), (None, "BF16")])
def test_quantised(quantisation: str | None, kind: str, sftc: Program, trained: Path) -> None:
    options = ["--quantize", quantisation] if quantisation else []
    code, _, said = sftc("export", str(trained), "--gguf", "sums.gguf", "--dtype", "bf16", *options)
    assert code == 0, said
    figures = re.findall(r"logits is (\S+), and (\w+) explains up to (\S+)", said)
    assert [name for _, name, _ in figures] == ["bf16", quantisation or "bf16"]
    assert all(0 < float(difference) < float(explained) for difference, _, explained in figures)
    tensors = {each.tensor_type.name for each in GGUFReader("sums.gguf").tensors}
    assert tensors == {kind, "F32"}


def test_rows_are_shown_with_the_tokens_of_a_gguf_file(sftc: Program, trained: Path) -> None:
    for output in (["--gguf", "made/sums.gguf"], ["--merge", "--output", "merged"]):
        code, _, said = sftc("export", str(trained), *output)
        assert code == 0, said
    messages = [{"role": "user", "content": "3 + 4?"}, {"role": "assistant", "content": "a river"}]
    Path("rows.jsonl").write_text(json.dumps({"messages": messages}), encoding="utf-8")
    shown = [sftc("dataset", "preview", "rows.jsonl", "--model", model) for model in ("made", "merged")]
    assert shown[0][0] == 0, shown[0][2]
    assert shown[0][1].replace("model: made", "model: merged") == shown[1][1]


def test_a_folder_for_ollama(sftc: Program, trained: Path) -> None:
    code, out, said = sftc("export", str(trained), "--ollama", "sums", "--output", "made")
    assert (code, out) == (0, "made\n"), said
    assert "to create it: cd made && ollama create sums -f Modelfile" in said
    assert sorted(os.listdir("made")) == ["Modelfile", "README.md", "model.gguf"]
    text = Path("made/Modelfile").read_text(encoding="utf-8")
    assert "FROM ./model.gguf\nTEMPLATE" in text
    assert text.endswith('PARAMETER stop "<|im_end|>"\n')


def test_a_model_is_created_in_ollama(
    sftc: Program, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/ollama"  # no registry has Ollama: this one says what it is called with
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = list ] && exit\necho "$@"\nls\nexit "${OLLAMA_STATUS:-0}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    code, out, said = sftc("export", str(trained), "--ollama", "me/sums:1b")
    assert (code, out) == (0, "me/sums:1b\n"), said
    assert said.endswith("create me/sums:1b -f Modelfile\nModelfile\nREADME.md\nmodel.gguf\n")
    monkeypatch.setenv("OLLAMA_STATUS", "3")
    code, out, said = sftc("export", str(trained), "--ollama", "sums")
    assert (code, out) == (1, "")
    assert said.endswith("Error: `ollama create sums -f Modelfile` failed.\n")
    assert os.listdir() == ["bin"]


def test_a_model_that_the_converter_refuses(sftc: Program, models: Path, tmp_path: Path) -> None:
    trained = write_adapter(
        models / "tiny", tmp_path / "trained"
    )  # its tokenizer is that of no released model
    code, out, said = sftc("export", str(trained), "--gguf", "sums.gguf")
    assert (code, out) == (1, "")
    assert "convert_hf_to_gguf.py failed: " in said
    assert "NotImplementedError" in said
    assert os.listdir() == ["trained"]
