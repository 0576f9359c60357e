"""`--target` and `sftc targets`, from the command line."""

import json
from pathlib import Path

import pytest
import yaml

from sftc.contract.versions import PACKAGED
from support.program import Program

pytestmark = pytest.mark.measured

JOB = 'schema_version = 2\n\n[job]\nmodel = "m"\ndata = "rows.jsonl"\n\n[training]\nmode = "lora"\n'
FACTS = 'title = "Mine"\n\n[[file]]\nname = "{name}.yaml"\nform = "yaml"\n'
TABLE = """
[[rule]]
id = "model"
from = "job.model"
to = "/base"
op = "copy"
why = "The base model, for a trainer of one's own."

[[unsent]]
from = "schema_version"
used_by = "compiler"
why = "It chooses the version of the language."
"""


@pytest.fixture(autouse=True)
def job(own_folder: Path) -> None:
    Path("job.toml").write_text(JOB)


def own_target(table: str = TABLE, facts: str = FACTS, schema: str = '{"type": "object"}') -> None:
    Path("mine").mkdir()
    for name, text in (("target.toml", facts), ("mapping.toml", table), ("payload.schema.json", schema)):
        Path("mine", name).write_text(text)


def test_a_config_is_written_for_another_trainer(sftc: Program) -> None:
    code, text, errors = sftc("compile", "job.toml", "--target", "trl")
    assert (code, errors) == (0, "")
    assert yaml.safe_load(text)["learning_rate"] == 2e-4
    assert sftc("compile", "job.toml", "--target", "trl", "--output-dir", "out")[0] == 0
    assert Path("out/job.yaml").read_text() == text
    assert sftc("compile", "job.toml", "--target", "trl", "-o", "other.yml")[0] == 0
    assert Path("other.yml").read_text() == text


def test_formats_are_those_of_the_target(sftc: Program) -> None:
    code, text, _ = sftc("compile", "job.toml", "--target", "together", "--format", "compact")
    assert code == 0
    assert json.loads(text)["training_type"]["type"] == "Lora"
    code, text, errors = sftc("compile", "job.toml", "--target", "trl", "--format", "jcs")
    assert (code, text) == (2, "")
    assert "the target trl is written as yaml; --format takes yaml" in errors


def test_an_unknown_target_has_a_suggestion(sftc: Program) -> None:
    code, text, errors = sftc("compile", "job.toml", "--target", "togeter")
    assert (code, text) == (2, "")
    assert "no target 'togeter'; did you mean 'together'?" in errors


def test_what_cannot_be_expressed_stops_the_command(sftc: Program) -> None:
    Path("job.toml").write_text(JOB + '\n[hyperparameters]\ntrain_on = "last"\n')
    code, text, errors = sftc("compile", "job.toml", "--target", "trl")
    assert (code, text) == (1, "")
    assert "job.toml:11:12: error[cannot-express]: `hyperparameters.train_on" in errors
    assert sftc("compile", "job.toml")[0] == 0


def test_lint_reports_each_target_among_the_rest(sftc: Program) -> None:
    Path("job.toml").write_text(JOB + '\n[hyperparameters]\ntrain_on = "last"\nlearning_rat = 1\n')
    code, text, _ = sftc("lint", "job.toml", "--target", "trl,together")
    assert code == 1
    assert text.count("error[cannot-express]") == 2
    assert text.count("warning[unknown-key]") == 1
    assert "missing-gpu-type" not in text
    assert "cannot-express" not in sftc("lint", "job.toml")[1]


def test_explain_and_diff_are_about_the_target(sftc: Program) -> None:
    code, text, _ = sftc("explain", "job.toml", "--target", "trl")
    assert code == 0
    assert "job.toml:5" in next(
        line for line in text.splitlines() if line.startswith("/datasets/0/data_files")
    )
    Path("other.toml").write_text(JOB.replace('"lora"', '"full"'))
    code, text, _ = sftc("diff", "job.toml", "other.toml", "--target", "trl")
    assert code == 1
    assert "/use_peft" in text
    assert "/metadata" not in text


def test_targets_are_listed_and_described(sftc: Program) -> None:
    code, text, _ = sftc("targets")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[1:]] == [*PACKAGED.target_names]
    for name in PACKAGED.target_names:
        code, text, _ = sftc("targets", name)
        assert code == 0
        assert "hyperparameters.train_on" in text
    code, text, _ = sftc("targets", "trl", "--format", "json")
    keys = {each["key"]: each for each in json.loads(text)["keys"]}
    assert keys["hyperparameters.train_on"]["verdict"] == "in part"
    assert keys["hyperparameters.train_on"]["limits"][0]["takes"] == {"enum": ["assistant", "all"]}
    assert keys["hyperparameters.learning_rate"]["verdict"] == "written"
    assert len(json.loads(sftc("targets", "--format", "json")[1])["targets"]) == len(PACKAGED.target_names)


def test_a_folder_is_a_target(sftc: Program) -> None:
    own_target()
    code, text, errors = sftc("compile", "job.toml", "--target", "./mine/")
    assert (code, text) == (1, "")
    assert (
        "job.toml:5:1: error[cannot-express]: the table of the target `mine` says nothing about `job.data`"
        in errors
    )
    Path("job.toml").write_text('schema_version = 2\n\n[job]\nmodel = "m"\n')
    assert sftc("compile", "job.toml", "--target", "./mine/") == (0, "base: m\n", "")
    assert "job.model" in sftc("targets", "./mine")[1]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"table": TABLE.replace('"copy"', '"copie"')}, "mine/mapping.toml:6:6: error[bad-target]"),
        ({"table": TABLE.replace('"job.model"', '"job.modle"')}, "did you mean `job.model`?"),
        ({"table": TABLE.replace("[[rule]]", "[[rule]")}, "mine/mapping.toml:2:"),
        ({"facts": FACTS.replace('"yaml"', '"xml"')}, "mine/target.toml:5:8: error[bad-target]"),
        ({"facts": FACTS + 'color = "red"\n'}, "'color' was unexpected"),
        ({"schema": "{"}, "its payload.schema.json cannot be read"),
    ],
)
def test_a_wrong_target_has_findings_in_its_own_files(
    sftc: Program, files: dict[str, str], said: str
) -> None:
    own_target(**files)
    code, text, errors = sftc("compile", "job.toml", "--target", "mine")
    assert (code, text) == (1, "")
    assert said in errors
    assert "Traceback" not in errors


def test_a_folder_without_a_table_is_not_a_target(sftc: Program) -> None:
    Path("mine").mkdir()
    code, text, errors = sftc("compile", "job.toml", "--target", "mine")
    assert (code, text) == (1, "")
    assert "target.toml" in errors
    assert "Traceback" not in errors
