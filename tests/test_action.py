"""The GitHub Action: its lint step, run by bash as a runner does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

GOOD = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'


@pytest.fixture(scope="module")
def action(root: Path) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(root / "action.yml")
    return read


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """Return a folder like that of a runner: sftc is where the install step puts it, and two configs."""
    program = tmp_path / "temp/sftc/bin"
    program.mkdir(parents=True)
    (program / "sftc").symlink_to(Path(sys.executable).with_name("sftc"))
    (tmp_path / "a b.sft.toml").write_text(GOOD)
    (tmp_path / "bad.sft.toml").write_text(GOOD + "gpu_count = 0\n")
    return tmp_path


def lint(action: dict[str, Any], runner: Path, **inputs: str) -> tuple[int, str]:
    """Run the lint step with `inputs`, and return its exit code and output."""
    [step] = [each for each in action["runs"]["steps"] if each.get("name") == "Lint"]
    given = {name: inputs.get(name, each["default"]) for name, each in action["inputs"].items()}
    variables = {name: _filled(value, given) for name, value in step["env"].items()}
    assert "${{" not in step["run"]  # what an input says must not become code
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={"PATH": os.environ["PATH"], "RUNNER_TEMP": str(runner / "temp"), **variables},
        cwd=runner,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def _filled(value: str, inputs: dict[str, str]) -> str:
    name = value.removeprefix("${{ inputs.").removesuffix(" }}")
    assert value == f"${{{{ inputs.{name} }}}}"
    return inputs[name]


def test_findings_annotate_and_are_reported(action: dict[str, Any], runner: Path) -> None:
    code, out = lint(action, runner)
    assert code == 1
    assert "::error file=bad.sft.toml,line=6," in out
    [run] = json.loads((runner / "sftc.sarif").read_bytes())["runs"]
    assert [each["ruleId"] for each in run["results"]] == ["out-of-range"]


def test_a_good_config_passes_and_targets_are_asked(action: dict[str, Any], runner: Path) -> None:
    (runner / "bad.sft.toml").unlink()
    assert lint(action, runner)[0] == 0
    assert json.loads((runner / "sftc.sarif").read_bytes())["runs"][0]["results"] == []
    code, out = lint(action, runner, target="trl,axolotl")
    assert (code, "for the target `trl`" in out) == (1, True)


@pytest.mark.parametrize("paths", ["$(touch made)", "`touch made`", "; touch made", "--fix", "' touch made"])
def test_an_input_is_never_code_or_an_option(action: dict[str, Any], runner: Path, paths: str) -> None:
    before = {path.name: path.read_bytes() for path in runner.iterdir() if path.is_file()}
    code, _ = lint(action, runner, paths=paths)
    assert code == 1
    (runner / "sftc.sarif").unlink()
    assert {path.name: path.read_bytes() for path in runner.iterdir() if path.is_file()} == before


def test_the_report_is_uploaded_whatever_lint_says(action: dict[str, Any]) -> None:
    *_, last = action["runs"]["steps"]
    assert last["uses"].startswith("github/codeql-action/upload-sarif@")
    assert last["if"] == "${{ !cancelled() && inputs.upload == 'true' }}"
    assert last["with"]["sarif_file"] == "${{ inputs.sarif }}"
