"""`sftc import`, from the command line."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.environment import unmeasured
from support.program import Program

pytestmark = pytest.mark.measured

FILES = {
    "config.yaml": """\
# my run
model_name_or_path: Qwen/Qwen3-0.6B
use_peft: true # an adapter
learning_rate: 1e-4
logging_steps: 1
""",
    "lossy.yaml": "model_name_or_path: m\nuse_peft: true\nneftune_noise_alpha: 5\nlearning_rat: 1\n",
    "bad.yaml": "model_name_or_path: m\nmodel_name_or_path: n\n",
    "wrong.yaml": "model_name_or_path: m\nuse_peft: true\nlearning_rate: fast\n",
    "old.toml": "[job]\n",
}


def test_the_config_goes_to_stdout_and_the_account_to_stderr(sftc: Program) -> None:
    code, text, errors = sftc("import", "config.yaml")
    assert code == 0
    assert tomllib.loads(text)["job"]["model"] == "Qwen/Qwen3-0.6B"
    assert text.startswith("schema_version = 2\n\n[job]\n# my run\n")
    assert "4     learning_rate       imported   hyperparameters.learning_rate = 0.0001\n" in errors
    assert "4 keys: 3 imported, 1 no effect\n" in errors
    assert "config.yaml:1:1: note[trainer-detected]: the config is read as one of TRL" in errors


def test_stdin_is_read_and_the_trainer_named(sftc: Program) -> None:
    with_name = sftc("import", "-", "--from", "trl", stdin=FILES["config.yaml"])
    assert with_name[0] == 0
    assert "trainer-detected" not in with_name[2]
    assert with_name[1] == sftc("import", "config.yaml")[1]


def test_a_file_is_written_and_passes_lint(sftc: Program) -> None:
    code, text, errors = sftc("import", "config.yaml", "-o", "job.sft.toml")
    assert (code, text) == (0, "")
    assert errors.endswith("wrote job.sft.toml; next: sftc lint job.sft.toml\n")
    assert "error" not in sftc("lint", "job.sft.toml")[1]
    assert sftc("compile", "job.sft.toml", "--target", "trl")[0] == 0


def test_a_file_is_not_overwritten(sftc: Program) -> None:
    code, text, errors = sftc("import", "config.yaml", "-o", "old.toml")
    assert (code, text) == (2, "")
    assert "old.toml exists; nothing was written." in errors
    assert Path("old.toml").read_text() == "[job]\n"


def test_losses_are_named_and_the_rest_is_written(sftc: Program) -> None:
    code, text, errors = sftc("import", "lossy.yaml", "-o", "out.toml")
    assert (code, text) == (1, "")
    assert Path("out.toml").exists()
    assert "lossy.yaml:3:1: error[cannot-import]: `neftune_noise_alpha: 5` is not imported" in errors
    assert "lossy.yaml:4:1: warning[unknown-source-key]: `learning_rat` is not a key of TRL" in errors
    assert "= help: did you mean `learning_rate`?" in errors


@pytest.mark.parametrize("name", ["bad.yaml", "wrong.yaml", "none.yaml"])
def test_nothing_is_written_for_a_bad_file(sftc: Program, name: str) -> None:
    code, text, errors = sftc("import", name, "-o", "out.toml")
    assert (code, text) == (1, "")
    assert not os.path.exists("out.toml")
    assert f"{name}:" in errors
    assert errors.endswith("nothing was written\n")


@pytest.mark.parametrize("format", ["json", "github", "gitlab", "sarif", "junit"])
def test_the_account_has_the_formats_of_lint(sftc: Program, format: str) -> None:
    code, text, errors = sftc("import", "lossy.yaml", "--format", format)
    assert code == 1
    assert tomllib.loads(text)
    assert "cannot-import" in errors
    if format == "json":
        [file] = json.loads(errors)["files"]
        found = {each["key"]: each for each in file["findings"] if each["id"] != "default-written"}
        assert found["use_peft"]["id"] == "imported"
        assert found["neftune_noise_alpha"]["range"]["start"] == {"line": 3, "column": 1}
    assert "yaml-syntax" in sftc("import", "bad.yaml", "--format", format)[2]


def test_without_the_package_the_extra_is_named() -> None:
    program = (
        "import sys\n"
        "sys.modules['ruamel'] = sys.modules['ruamel.yaml'] = None\n"
        "sys.argv[1:] = ['import', 'config.yaml']\n"
        "from sftc.cli.main import main\n"
        "main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=unmeasured()
    )
    assert ran.returncode == 1
    assert "pip install 'sftc[import]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_help_names_the_trainers(sftc: Program) -> None:
    code, text, _ = sftc("import", "--help")
    assert code == 0
    assert "[auto|axolotl|llamafactory|trl]" in text
