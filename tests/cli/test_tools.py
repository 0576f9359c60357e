"""The commands `explain`, `diff`, `init`, `schema` and `migrate`."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from support.program import Program

A = """[job]
model = "m"
data = "a.jsonl"
lora_rank = 8

[compute]
gpu_type = "H100"
gpu_count = 2

[hyperparameters]
per_device_batch = 2
gradient_accumulation_steps = 4
"""
B = (
    A.replace("a.jsonl", "b.jsonl")
    .replace("gpu_count = 2", "gpu_count = 8 # more")
    .replace("steps = 4", "steps = 1")
)


pytestmark = pytest.mark.measured
FILES = {"a.toml": A, "b.toml": B, "wrong.toml": '[job]\nmodel = ""\n'}


def test_explain_lists_keys_and_values(sftc: Program) -> None:
    code, table, errors = sftc("explain", "a.toml")
    assert (code, errors) == (0, "")
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert "2 job.model sent /model" in lines
    assert "3 job.data submission It names the training file, which submission uploads." in lines
    assert "4 job.lora_rank dropped the contract has no such key" in lines
    assert "/hyperparameters/n_epochs 1 default epochs" in lines
    assert '/training_type "sft_offline" constant training-type' in lines
    assert "/metadata/effective_config/compute/gpu_count 2 a.toml:8 gpu-count" in lines


def test_explain_accepts_a_key_or_a_pointer(sftc: Program) -> None:
    for what in ("compute", "/metadata/effective_config/compute"):
        report = json.loads(sftc("explain", "a.toml", what, "--format", "json")[1])
        assert [key["path"] for key in report["keys"]] == ["compute.gpu_type", "compute.gpu_count"]
        assert [value["value"] for value in report["values"]] == [2, "H100"]
    [value] = json.loads(sftc("explain", "a.toml", "/hyperparameters/n_epochs", "--format", "json")[1])[
        "values"
    ]
    assert value["from"] == "default"
    assert value["why"].startswith("The service wants")
    assert sftc("explain", "a.toml", "no.such.key")[0] == 2
    code, table, errors = sftc("explain", "wrong.toml")
    assert (code, table) == (1, "")
    assert "wrong.toml:2:9: error[blank-string]" in errors


def test_diff_has_the_exit_codes_of_kubectl(sftc: Program) -> None:
    Path("same.toml").write_text(
        "# the same\n" + A.replace("2\n\n[hyper", "2\n\n\n[hyper").replace(" = ", "=")
    )
    assert sftc("diff", "a.toml", "same.toml") == (0, "", "")
    assert sftc("diff", "a.toml", "b.toml")[0] == 1
    for pair in (("a.toml", "wrong.toml"), ("a.toml", "absent.toml"), ("a.toml", "HEAD:a.toml"), ("a.toml",)):
        code, table, errors = sftc("diff", *pair)
        assert (code, table) == (2, "")
        assert errors


def test_diff_prints_changes_and_consequences(sftc: Program) -> None:
    table = sftc("diff", "a.toml", "b.toml")[1]
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert lines == [
        "what before from after from",
        "/hyperparameters/gradient_accumulation_steps 4 a.toml:12 1 b.toml:12",
        "/metadata/effective_config/compute/gpu_count 2 a.toml:8 8 b.toml:8",
        'job.data "a.jsonl" a.toml:3 "b.jsonl" b.toml:3',
        "",
        "GPUs: 2 (gpu_count) -> 8 (gpu_count)",
    ]
    Path("c.toml").write_text(B.replace("steps = 1", "steps = 2"))
    report = json.loads(sftc("diff", "a.toml", "c.toml", "--format", "json")[1])
    assert report["consequences"][1] == {
        "name": "effective batch",
        "before": "16 = 2 (per_device_batch) x 4 (gradient_accumulation_steps) x 2 (gpu_count)",
        "after": "32 = 2 (per_device_batch) x 2 (gradient_accumulation_steps) x 8 (gpu_count)",
    }


def test_diff_shows_what_is_new_and_has_no_effect(sftc: Program) -> None:
    Path("typo.toml").write_text(A.replace("lora_rank = 8", "lora_rank = 8\nweight_deca = 0.1"))
    code, out, errors = sftc("diff", "a.toml", "typo.toml")
    assert (code, out) == (0, "")
    assert "typo.toml:5:1: warning[" in errors
    assert errors.endswith("1 warning\n")
    assert sftc("diff", "typo.toml", "typo.toml") == (0, "", "")


def test_diff_reads_git_revisions(sftc: Program) -> None:
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@localhost"]
    for command in (["init", "-q"], ["add", "a.toml"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    Path("a.toml").write_text(B)
    code, table, _ = sftc("diff", "HEAD:a.toml", "a.toml")
    assert code == 1
    assert "HEAD:a.toml:8" in table
    assert sftc("diff", "HEAD:b.toml", "a.toml")[0] == 2


def test_only_the_name_of_a_file_reaches_git(sftc: Program) -> None:
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@localhost"]
    Path("folder").mkdir()
    Path("folder/b.toml").write_text(B)
    for command in (["init", "-q"], ["add", "a.toml", "folder"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    before = sorted(Path().iterdir())
    options = ("--output=stolen:a.toml", "--output=stolen HEAD:a.toml", "-pHEAD:a.toml", "--batch:a.toml")
    for name in (*options, "^HEAD:a.toml", "HEAD:a.toml..HEAD:a.toml", "HEAD:folder", ":"):
        code, out, errors = sftc("diff", "--", name, "a.toml")
        assert (code, out) == (2, "")
        assert errors.startswith("Error: fatal: ")
        assert "must come before" not in errors
    assert sorted(Path().iterdir()) == before


def test_diff_ignores_changes_without_meaning(sftc: Program) -> None:
    meaning = A + "learning_rate = 1\n"
    Path("one.toml").write_text(meaning)
    for text in (
        meaning.replace("data =", "data_path ="),
        meaning.replace("data =", 'data_path = "other.jsonl"\ndata ='),
        meaning.replace("rate = 1", "rate = 1.0"),
    ):
        Path("other.toml").write_text(text)
        assert sftc("diff", "one.toml", "other.toml")[:2] == (0, "")


def test_errors_of_diff_have_their_own_exit_code(sftc: Program) -> None:
    for line in (
        f"PATH= {sftc.path} diff HEAD:x a.toml",
        f"{sftc.path} diff a.toml b.toml > /dev/full",
    ):
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert run.returncode == 2
        assert "Traceback" not in run.stderr


def test_explain_covers_flags_and_unset_keys(sftc: Program) -> None:
    table = sftc("explain", "a.toml", "hyperparameters.n_epochs", "--set", "hyperparameters.n_epochs=7")[1]
    assert "/hyperparameters/n_epochs  7      --set  epochs" in table
    code, text, _ = sftc("explain", "a.toml", "training.use_qlora")
    assert code == 0
    assert text.startswith("training.use_qlora is not set, and is not sent.\n\n`true` trains")


@pytest.mark.parametrize("path", ["-", "", "new/"])
def test_init_needs_a_file_name(sftc: Program, path: str) -> None:
    before = sorted(Path().iterdir())
    assert sftc("init", path)[0] == 2
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("template", ["lora", "full", "multi-gpu", "minimal"])
def test_init_writes_a_config_that_lints_clean(sftc: Program, template: str) -> None:
    code, _, said = sftc("init", "new/job.sft.toml", "--template", template)
    assert (code, said) == (
        0,
        "Wrote new/job.sft.toml and new/sftc.schema.json. Next: sftc lint new/job.sft.toml\n",
    )
    text = Path("new/job.sft.toml").read_text()
    assert text.startswith("#:schema ./sftc.schema.json\nschema_version = 2\n\n")
    assert sftc("lint", "new") == (0, "no findings in 1 file\n", "")
    schema = json.loads(Path("new/sftc.schema.json").read_text())
    Draft7Validator(schema).validate(tomllib.loads(text))
    assert tomllib.loads(text)["training"]["mode"] == ("full" if template == "full" else "lora")


def test_init_overwrites_nothing(sftc: Program) -> None:
    code, _, errors = sftc("init", "a.toml")
    assert (code, "a.toml exists" in errors) == (2, True)
    assert Path("a.toml").read_text() == A
    Path("sftc.schema.json").write_text("mine")
    assert sftc("init")[0] == 0
    assert Path("sftc.schema.json").read_text() == "mine"
    assert Path("job.sft.toml").exists()


def test_schemas_are_listed_and_printed(sftc: Program) -> None:
    names = sftc("schema", "--list")[1].split()
    assert names[0] == "config"
    assert "hyperparameters.parallelism" in names
    assert names[-5:] == ["payload", "report", "preview", "estimate", "dry-run"]
    references: list[str] = []
    for name in names:
        for flags in ([], ["--bundle"]):
            code, text, errors = sftc("schema", name, *flags)
            assert (code, errors) == (0, "")
            Draft7Validator.check_schema(json.loads(text))
            references += re.findall(r'"\$ref": *"([^"]*)"', text) if flags else []
    assert references
    assert {reference[0] for reference in references} == {"#"}
    assert sftc("schema", "no-such")[0] == 2
    assert sftc("schema", "--bundle", "-o", "out.json") == (0, "", "")
    assert Path("out.json").read_text() == sftc("schema", "--bundle")[1]


def test_the_bundled_schema_accepts_the_same_configs(sftc: Program) -> None:
    old = Draft7Validator(json.loads(sftc("schema", "--bundle", "--version", "1")[1]))
    new = Draft7Validator(json.loads(sftc("schema", "--bundle")[1]))
    text = A.replace("lora_rank = 8\n", "")
    assert old.is_valid(tomllib.loads(text))
    assert not old.is_valid(tomllib.loads(A))
    assert not new.is_valid(tomllib.loads(text))
    Path("new.toml").write_text(text)
    assert sftc("migrate", "new.toml")[0] == 0
    assert new.is_valid(tomllib.loads(Path("new.toml").read_text()))
    for version, config in (("1", "a.toml"), ("2", "new.toml")):
        payload = Draft7Validator(json.loads(sftc("schema", "payload", "--bundle", "--version", version)[1]))
        assert payload.is_valid(json.loads(sftc("compile", config)[1]))


def test_migrate_rewrites_files_and_reports_each_change(sftc: Program) -> None:
    text = A.replace("[job]", "[training]\nuse_qlora = true\n[job]", 1)
    Path("a.toml").write_text(text)
    code, out, said = sftc("migrate", "a.toml", "--diff")
    assert (code, Path("a.toml").read_text()) == (0, text)
    assert "+schema_version = 2\n" in out
    assert "`job.lora_rank` is now `training.lora.r`." in said
    assert sftc("migrate", "a.toml") == (0, "", said)


def test_migrate_says_what_is_left_and_exits_with_1(sftc: Program) -> None:
    Path("a.toml").write_text(A)
    code, out, said = sftc("migrate", "a.toml")
    assert (code, out) == (1, "")
    assert "Left in a.toml, by the lines of the changed file:" in said
    assert "warning[unused-adapter]" in said
    assert sftc("migrate", "a.toml") == (0, "", "Nothing to do: version 2 is the newest.\n")
    assert tomllib.loads(Path("a.toml").read_text())["training"]["lora"] == {"r": 8}
    assert sftc("migrate", "a.toml") == (0, "", "Nothing to do: version 2 is the newest.\n")


def test_migrate_leaves_what_only_a_person_can_decide(sftc: Program) -> None:
    text = '[job]\nmodel = "m"\n[training]\nmode = "lora"\n'
    Path("undecided.toml").write_text(text)
    code, out, said = sftc("migrate", "undecided.toml", "a.toml")
    assert (code, out) == (1, "")
    assert "undecided.toml:4:8: error[migrate-by-hand]" in said
    assert Path("undecided.toml").read_text() == text
    assert Path("a.toml").read_text() != A


def test_migrate_needs_files_that_are_toml(sftc: Program) -> None:
    Path("empty").mkdir()
    assert sftc("migrate", "empty")[0] == sftc("migrate", "-")[0] == 2
    Path("bad.toml").write_text("a =")
    code, _, errors = sftc("migrate", "bad.toml")
    assert (code, "toml-syntax" in errors) == (1, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_the_commands(sftc: Program, shell: str) -> None:
    run = subprocess.run(
        [sftc.path], capture_output=True, text=True, check=False, env={"_SFTC_COMPLETE": f"{shell}_source"}
    )
    assert "_SFTC_COMPLETE" in run.stdout
    words = {"COMP_WORDS": "sftc li", "COMP_CWORD": "1" if shell != "fish" else "li"}
    complete = {"_SFTC_COMPLETE": f"{shell}_complete", **words}
    run = subprocess.run([sftc.path], capture_output=True, text=True, check=False, env=complete)
    assert "lint" in run.stdout
