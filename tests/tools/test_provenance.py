"""Where a job comes from: the revision that git says, the texts, the findings and the origins."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from sftc.contract.versions import PACKAGED
from sftc.document.overrides import Override
from sftc.document.reading import read_source
from sftc.pipeline import compile, run
from sftc.tools.git_revision import git_revision
from sftc.tools.provenance import provenance
from support.golden import cases

Git = Callable[..., str]

CONFIG = 'schema_version = 2\n[job]\nmodel = "m"\n[hyperparameters]\nlearning_rate = 1e-4\n'
SCHEMA = json.loads(PACKAGED.read("wire/openapi.json"))["components"]["schemas"]["provenance"]


@pytest.fixture
def git(own_folder: Path) -> Git:
    """Return a function that runs git in a new repository, whose folder is the current one."""

    def call(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(
            command, cwd=own_folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    call("init", "--quiet")
    return call


def commit(git: Git, **files: str) -> str:
    """Write files with the suffix `.toml`, commit them, and return the commit."""
    for name, text in files.items():
        Path(f"{name}.toml").write_text(text, encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "--message", "a")
    return git("rev-parse", "HEAD")


def test_the_revision_is_the_commit_and_says_if_a_config_differs(git: Git) -> None:
    assert git_revision(["job.toml"]) is None  # nothing is committed yet
    first = commit(git, job=CONFIG, base=CONFIG)
    Path("other.toml").write_text(CONFIG, encoding="utf-8")  # not asked about
    assert git_revision(["job.toml", "base.toml"]) == first
    assert git_revision(["other.toml"]) == f"{first}-dirty"  # the commit does not have it
    Path(".git/info/exclude").write_text("other.toml\n", encoding="utf-8")
    assert git_revision(["other.toml"]) == f"{first}-dirty"
    Path("base.toml").write_text(f"{CONFIG}n_epochs = 2\n", encoding="utf-8")
    assert git_revision(["job.toml", "base.toml"]) == f"{first}-dirty"
    assert git_revision(["job.toml"]) == first


@pytest.mark.parametrize("name", ["*.toml", ":(top)a.toml", "--help.toml", "a b\n.toml", "é.toml"])
def test_odd_names_of_files_are_names(git: Git, name: str) -> None:
    Path(name).write_text(CONFIG, encoding="utf-8")
    first = commit(git, other=CONFIG)
    Path("other.toml").write_text("", encoding="utf-8")
    assert git_revision([name]) == first


def test_a_linked_config_has_the_revision_of_its_file(git: Git, tmp_path: Path) -> None:
    first = commit(git, job=CONFIG)
    link = tmp_path / "linked.toml"
    link.symlink_to(Path("job.toml").absolute())
    assert git_revision([str(link)]) == first


def test_without_a_repository_or_git_there_is_no_revision(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("job.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(own_folder.parent))
    assert git_revision(["job.toml"]) is None
    monkeypatch.setenv("PATH", "")
    assert git_revision(["job.toml"]) is None


def described(path: str, *overrides: Override) -> dict[str, Any]:
    found = provenance(run(lambda: read_source(path), overrides))
    Draft7Validator(SCHEMA).validate(found)
    return found


def test_files_findings_and_origins_name_their_lines(git: Git) -> None:
    first = commit(git, base=CONFIG, job='schema_version = 2\nextends = "base.toml"\n[tags]\na = "b"\n')
    found = described("job.toml", Override.of("hyperparameters.n_epochs", 2))
    assert found["git_revision"] == first
    assert [each["path"] for each in found["files"]] == ["job.toml", "base.toml"]
    assert found["files"][1]["text"] == CONFIG
    places = {
        each.get("key"): (each["kind"], each.get("path"), each.get("line"))
        for each in found["origins"].values()
    }
    assert places["tags.a"] == ("config", "job.toml", 4)
    assert places["hyperparameters.learning_rate"] == ("config", "base.toml", 5)
    assert places["hyperparameters.n_epochs"] == ("flag", "--set", None)
    assert places[None] == ("constant", None, None)
    assert [(each["id"], each["path"], each["line"]) for each in found["findings"]] == [
        ("missing-gpu-type", "job.toml", 1)
    ]


@pytest.mark.parametrize("case", cases("accept"), ids=lambda case: case.name)
def test_every_config_has_a_provenance_that_the_service_takes(case: Path) -> None:
    found = described(str(case / "config.toml"))
    assert found["files"]
    assert found["origins"]


def test_a_text_without_a_file_has_no_revision() -> None:
    found = provenance(compile(CONFIG))
    assert "git_revision" not in found
    assert found["files"] == [{"path": "<text>", "text": CONFIG}]


def test_secrets_are_masked() -> None:
    secret = "hf_" + "a" * 34
    found = json.dumps(provenance(compile(f"{CONFIG}# {secret}\n")))
    assert "# hf_a" in found
    assert secret not in found
