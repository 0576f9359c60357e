"""`sftc export`: what it refuses, and that it leaves nothing behind."""

import json
import os
import signal
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from support.adapters import write_adapter
from support.backends import Answer, Asked, odd_service
from support.environment import KEY
from support.program import Program, rest, told
from support.small_disk import needs_namespaces, small
from support.training_jobs import contents

pytestmark = pytest.mark.filterwarnings("ignore:::peft", "ignore:::transformers")

FILES = {"full/notes.txt": "", "empty/other.txt": ""}


@pytest.mark.measured
@pytest.mark.parametrize(
    ("arguments", "expected", "reason"),
    [
        (["job-1"], 2, "say what to make: --merge, --gguf, --ollama or --push"),
        (["job-1", "--merge"], 2, "--merge needs --output DIR or --push"),
        (["job-1", "--merge", "--gguf", "x.gguf"], 2, "--merge and --gguf are several forms"),
        (["job-1", "--gguf", "x.gguf", "--output", "new"], 2, "--output goes with --merge or --ollama"),
        (["job-1", "--gguf", "x.gguf", "--push", "me/sums"], 2, "--push goes with --merge, or alone"),
        (["job-1", "--merge", "--output", "new", "--quantize", "q8_0"], 2, "--quantize goes with --gguf"),
        (["job-1", "--push", "me/sums", "--dtype", "bf16"], 2, "--push alone uploads the model as it is"),
        (["job-1", "--push", "sums"], 2, "'sums' is not OWNER/NAME"),
        (["job-1", "--ollama", "-f"], 2, "'-f' is not the name of a model in Ollama"),
        (["job-1", "--ollama", "a.b/sums"], 2, "'a.b/sums' is not the name of a model in Ollama"),
        (["job-1", "--ollama", "a/b/c/sums"], 2, "'a/b/c/sums' is not the name of a model in Ollama"),
        (["full", "--ollama", "localhost:5000/me/sums:1b"], 1, "there is no `ollama` on the PATH"),
        (["full", "--ollama", "sums"], 1, "there is no `ollama` on the PATH: pass --output DIR"),
        (["full", "--gguf", "x.gguf"], 1, "there is no convert_hf_to_gguf.py on the PATH: pass --llama-cpp"),
        (["full", "--gguf", "x.gguf", "--llama-cpp", "full"], 1, "no convert_hf_to_gguf.py in full"),
        (["full", "--gguf", "full/notes.txt"], 1, "notes.txt exists: remove it, or write another file"),
        (["full", "--merge", "--output", "full"], 1, "full is not empty: name a folder that does not exist"),
        (["full", "--merge", "--output", "full/notes.txt"], 1, "a file, but the export writes a folder"),
        (["full", "--merge", "--output", "full/notes.txt/new"], 1, "notes.txt: Not a directory"),
        (
            ["full", "--gguf", "full/notes.txt/x.gguf", "--llama-cpp", "empty"],
            1,
            "notes.txt: Not a directory",
        ),
        (["full", "--merge", "--output", "new/deep"], 1, "no model in full: it has no tokenizer_config.json"),
        (["gone/", "--merge", "--output", "new/deep"], 2, "'gone/' is not the id of a job, and not a folder"),
        (["../job-1", "--merge", "--output", "new/deep"], 2, "'../job-1' is not the id of a job"),
    ],
)
def test_what_cannot_be_exported(
    sftc: Program, folder: Path, arguments: list[str], expected: int, reason: str
) -> None:
    code, out, said = sftc("export", *arguments)
    assert (code, out) == (expected, "")
    assert reason in said
    assert sorted(os.listdir(folder)) == ["empty", "full"]
    assert os.listdir("full") == ["notes.txt"]


def test_an_ollama_that_does_not_run(sftc: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin/ollama"  # no registry has Ollama: this one does what it does without a server
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = list ] && echo could not connect >&2 && exit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    code, out, said = sftc("export", "full", "--ollama", "sums")
    assert (code, out) == (1, "")
    assert said == (
        "Error: `ollama list` failed: could not connect. Start it with `ollama serve`, or pass --output DIR "
        "to write the folder for it.\n"
    )


def test_a_token_that_the_hub_does_not_know(
    sftc: Program, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", KEY)
    refusal = Answer({"error": "Invalid credentials in Authorization header"}, 401)
    with odd_service(lambda asked: refusal) as service:
        monkeypatch.setenv("HF_ENDPOINT", service.root)
        code, out, said = sftc("export", "full", "--merge", "--push", "me/sums")
        assert (code, out) == (1, "")
        assert said.startswith("Error: the Hugging Face Hub cannot be used: ")
        assert service.asked[-1].path == "/api/whoami-v2"
    code, _, said = sftc("export", "full", "--merge", "--push", "me/sums")
    assert (code, said.count("the Hugging Face Hub cannot be used: ")) == (1, 1)


@pytest.mark.slow
def test_rows_are_read_before_the_model_is_loaded(sftc: Program, models: Path) -> None:
    Path("rows.jsonl").write_text("{}\n")
    options = ["--merge", "--output", "new", "--validation-file", "rows.jsonl"]
    code, _, said = sftc("export", str(models / "tiny"), *options)
    assert code == 1
    assert said.startswith("Error: ")
    assert "rows.jsonl:1: not a valid row" in said


@pytest.mark.slow
def test_a_merged_model_is_there_as_a_whole_or_not_at_all(
    sftc: Program, models: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trained = write_adapter(models / "tiny", tmp_path_factory.mktemp("trained") / "adapter")
    write_job(trained.parent, "tiny", "", four_bit=True)
    before = sorted(os.listdir(folder))
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with sftc.started("export", str(trained), "--merge", "--output", "new/merged") as run:
            told(run, "asking it 8 prompts")
            run.send_signal(number)
            assert rest(run)[0] == status
        assert sorted(os.listdir(folder)) == before

    os.remove("empty/other.txt")
    code, out, said = sftc("export", str(trained), "--merge", "--output", "empty", "--dtype", "bf16")
    assert (code, out) == (0, "empty\n"), said
    assert "sftc: merged into the base model, in bf16; it was trained on the base in 4 bits, and is " in said
    assert "and bf16 explains up to" in said
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} < contents(
        Path("empty")
    ).keys()
    assert sorted(os.listdir(folder)) == before


@pytest.mark.slow
def test_what_a_killed_export_left_is_removed_by_the_next_but_not_what_another_one_uses(
    sftc: Program, models: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trained = write_adapter(models / "tiny", tmp_path_factory.mktemp("trained") / "adapter")
    with sftc.started("export", str(trained), "--merge", "--output", "new") as run:
        told(run, "loading")
        [left] = folder.glob(".sftc-export-*")
        assert sftc("export", "full", "--merge", "--output", "other")[0] == 1  # it has no model
        assert (left / "lock").exists()
        run.kill()
        run.wait(60)
    assert left.exists()
    assert sftc("export", "full", "--merge", "--output", "other")[0] == 1
    assert sorted(os.listdir(folder)) == ["empty", "full"]


@needs_namespaces
@pytest.mark.slow
def test_a_full_disk_is_an_error_and_leaves_nothing(
    models: Path, folder: Path, sftc_program: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trained = write_adapter(models / "tiny", tmp_path_factory.mktemp("trained") / "adapter")
    Path("disk").mkdir()
    line = (
        f"mount -t tmpfs -o size=100k none disk && {sftc_program} export {trained} --merge "
        "--output disk/merged; echo status $?; ls -A disk"
    )
    done = small(["bash", "-c", line], folder, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert done.stdout == "status 1\n", done.stderr
    assert "Error: the disk is full: " in done.stderr


def write_job(folder: Path, model: str, rows: str = "", *, four_bit: bool = False) -> None:
    """Write the files of a job that say what it trained, around its model."""
    job = {"payload": {"model": model}, "training": rows, "validation": None}
    (folder / "work.json").write_text(json.dumps(job))
    (folder / "plan.json").write_text(json.dumps({"four_bit": four_bit}))


def hub(asked: Asked) -> Answer:
    """Answer like the Hugging Face Hub, which takes every file within the commit."""
    path = asked.path.partition("?")[0]
    if path == "/api/repos/create":
        if json.loads(asked.body)["name"] == "taken":
            return Answer({"error": "You don't have the rights to create a model"}, 403)
        return Answer({"url": "https://huggingface.co/me/sums", "name": "me/sums", "id": "1"})
    if path == "/api/validate-yaml":
        return Answer({"errors": [], "warnings": []})
    if path.endswith("/preupload/main"):
        files = [each["path"] for each in json.loads(asked.body)["files"]]
        return Answer(
            {"files": [{"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in files]}
        )
    if path.endswith("/commit/main"):
        url = "https://huggingface.co/me/sums/commit/0123456"
        return Answer({"success": True, "commitOid": "0123456", "commitUrl": url})
    return Answer({"error": "not found"}, 404)


@pytest.mark.slow
def test_a_model_is_uploaded_only_when_that_is_asked_for(
    sftc: Program, models: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    trained = write_adapter(models / "tiny", folder / "job/adapter")
    push = ["export", str(trained), "--push"]
    with odd_service(hub) as service:
        monkeypatch.setenv("HF_ENDPOINT", service.root)
        code, out, said = sftc(*push, "me/sums")
        assert (code, out) == (1, "")
        assert "there is no token of the Hugging Face Hub: run `hf auth login`, or set HF_TOKEN" in said
        monkeypatch.setenv("HF_TOKEN", KEY)
        code, out, said = sftc(*push, "me/sums")
        assert (code, out) == (1, "")
        assert "the base model of the adapter is a folder of this machine" in said
        assert service.asked == []

        write_job(folder / "job", "Qwen/Qwen3-4B")
        code, out, said = sftc(*push, "me/sums")
        assert (code, out) == (0, f"{service.root}/me/sums\n"), said
        made = next(each for each in service.asked if each.path == "/api/repos/create")
        assert json.loads(made.body) == {"name": "sums", "organization": "me", "visibility": "private"}
        assert made.headers["authorization"] == f"Bearer {KEY}"
        commit = next(each for each in service.asked if "/commit/" in each.path)
        assert commit.path.startswith("/api/models/me/sums/commit/main")
        files = {
            line["value"]["path"]: b64decode(line["value"]["content"])
            for line in map(json.loads, commit.body.splitlines()[:-1])
            if line["key"] == "file"
        }
        config = json.loads(files["adapter_config.json"])
        assert config["base_model_name_or_path"] == "Qwen/Qwen3-4B"
        assert str(models).encode() not in commit.body
        assert json.loads((trained / "adapter_config.json").read_text())["base_model_name_or_path"]

        code, out, said = sftc(*push, "me/taken")
        assert (code, out) == (1, "")
        assert "the upload to me/taken failed: " in said
    code, out, said = sftc(*push, "me/sums")
    assert (code, out) == (1, "")
    assert "the upload to me/sums failed: " in said
