"""Configs that extend another one, as every command reads them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import xmlschema

from support.program import Program

pytestmark = pytest.mark.measured

FILES = {
    "configs/job.sft.toml": """schema_version = 2
extends = "../base.toml"

[hyperparameters]
n_epochs = 1.0
""",
    "configs/other.sft.toml": 'schema_version = 2\nextends = "../base.toml"\n',
    "base.toml": """schema_version = 2

[job]
model = "m"
data = "rows.jsonl"

[compute]
gpu_type = "H100"

[hyperparameters]
warmupsteps = 10
""",
    "rows.jsonl": '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n',
}


@pytest.fixture
def run(own_folder: Path, sftc_program: str) -> Program:
    return Program(sftc_program)


def test_a_finding_about_a_base_is_there_once(run: Program) -> None:
    _, out, _ = run("lint", "configs", "base.toml")
    assert out.count("warning[unknown-key]") == 1
    assert "base.toml:11:1: warning[unknown-key]" in out
    assert out.endswith(
        "1 error, 1 warning in 3 files; sftc can fix 1 with --fix and 1 with --fix --unsafe-fixes\n"
    )


@pytest.mark.parametrize("format", ["json", "github", "gitlab", "junit", "sarif"])
def test_every_format_names_the_file_that_a_finding_is_in(run: Program, format: str) -> None:
    _, out, _ = run("lint", "configs", "--format", format)
    assert sorted(places(format, out)) == [
        ("base.toml", "unknown-key"),
        ("configs/job.sft.toml", "float-for-integer"),
    ]


def places(format: str, report: str) -> Iterator[tuple[str, str]]:
    """Yield the file and the rule of each finding of a report."""
    if format == "github":
        for command in report.splitlines():
            yield re.findall(r"file=(.*?),.*title=sftc%3A (.*?)::", command)[0]
    elif format == "junit":
        for case in xmlschema.XMLResource(report).root.iter("testcase"):
            for failure in case:
                yield str(case.get("name")), re.findall(r"\[(.*?)\]", str(failure.text))[0]
    elif format == "json":
        for file in json.loads(report)["files"]:
            yield from ((file["path"], found["id"]) for found in file["findings"])
    elif format == "gitlab":
        yield from ((each["location"]["path"], each["check_name"]) for each in json.loads(report))
    else:
        for found in json.loads(report)["runs"][0]["results"]:
            [location] = found["locations"]
            yield location["physicalLocation"]["artifactLocation"]["uri"], found["ruleId"]


def test_fixing_changes_the_named_files_only(run: Program, own_folder: Path) -> None:
    base = (own_folder / "base.toml").read_text()
    code, out, said = run("lint", "--fix", "--unsafe-fixes", "configs/job.sft.toml")
    assert (code, said) == (1, "Fixed configs/job.sft.toml.\n")
    assert "did you mean `hyperparameters.warmup_steps`?" in out
    assert "n_epochs = 1\n" in (own_folder / "configs/job.sft.toml").read_text()
    assert (own_folder / "base.toml").read_text() == base
    assert run("lint", "--fix", "--unsafe-fixes", "base.toml")[0] == 0
    assert "warmup_steps = 10" in (own_folder / "base.toml").read_text()
    assert run("lint", "configs/job.sft.toml")[0] == 0


def test_explain_says_which_file_a_value_is_in(run: Program) -> None:
    _, out, _ = run("explain", "configs/other.sft.toml")
    assert "base.toml:4   job.model" in out
    assert any(line.split() == ["/model", '"m"', "base.toml:4", "model"] for line in out.splitlines())
    keys = json.loads(run("explain", "configs/other.sft.toml", "--format", "json")[1])["keys"]
    assert {each["path"]: each["span"]["file"] for each in keys}["job.model"] == "base.toml"


def test_a_revision_is_extended_at_the_same_revision(run: Program, own_folder: Path) -> None:
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m"],
    ):
        subprocess.run(["git", *command], check=True, cwd=own_folder)
    base = own_folder / "base.toml"
    base.write_text(base.read_text().replace('"m"', '"n"'))
    code, out, _ = run("diff", "HEAD:configs/other.sft.toml", "configs/other.sft.toml")
    assert code == 1
    assert out.splitlines()[1].split() == ["/model", '"m"', "HEAD:base.toml:4", '"n"', "base.toml:4"]


def test_variants_extend_the_same_base(run: Program, own_folder: Path) -> None:
    values = ("--set", "hyperparameters.learning_rate=1e-5,2e-5")
    code, _, said = run("sweep", "configs/other.sft.toml", *values, "--output-dir", "out/here")
    assert code == 0, said
    variant = (own_folder / "out/here/other-2.sft.toml").read_text()
    assert (
        variant
        == """schema_version = 2
extends = "../../base.toml"

[hyperparameters]
learning_rate = 2e-5

[job]
name = "other-2"
"""
    )
    code, _, said = run(
        "sweep", "configs/other.sft.toml", "--set", "extends=../base.toml", "--output-dir", "more"
    )
    assert code == 0, said
    assert 'extends = "../base.toml"' in (own_folder / "more/other-1.sft.toml").read_text()


def test_migrating_leaves_both_files(run: Program) -> None:
    assert run("migrate", "configs/other.sft.toml", "--diff")[:2] == (0, "")


def test_training_files_come_from_the_base(run: Program) -> None:
    code, out, _ = run("dataset", "check", "--config", "configs/other.sft.toml")
    assert code == 0
    assert "rows.jsonl: no findings in 1 row" in out
    code, out, said = run("train", "--config", "configs/other.sft.toml", "--dry-run")
    assert code == 0
    assert json.loads(out)["model"] == "m"
    assert "rows.jsonl" in said


def test_a_config_on_stdin_extends_from_the_working_directory(run: Program) -> None:
    config = 'schema_version = 2\nextends = "base.toml"\n'
    code, out, said = run("compile", "-", stdin=config)
    assert code == 0
    assert json.loads(out)["model"] == "m"
    assert "base.toml:11:1: warning[unknown-key]" in said


def test_without_a_version_only_the_base_is_reported(run: Program, own_folder: Path) -> None:
    """What is missing may be in the base, which version 1 does not read."""
    (own_folder / "old.toml").write_text('extends = "base.toml"\n')
    code, out, said = run("compile", "old.toml")
    assert (code, out) == (1, "")
    assert said.startswith("old.toml:1:1: error[newer-key]: the key `extends` is unknown")
    assert said.endswith("\n1 error; no payload\n")
    assert run("migrate", "old.toml")[2].startswith("old.toml:1: `extends` takes effect. ")
    assert run("compile", "old.toml")[0] == 0


def test_a_base_is_not_a_table(run: Program, own_folder: Path) -> None:
    (own_folder / "table.toml").write_text('schema_version = 2\n[extends]\na = "base.toml"\n')
    assert "must be the path of a config that ends in `.toml`, not a table\n" in run("lint", "table.toml")[1]
