"""The hooks of `.pre-commit-hooks.yaml`, installed and run by pre-commit."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

GOOD = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'
BAD = GOOD + "gpu_count = 0\n"
FIXABLE = GOOD.replace('"m"', '"m "')
PLAIN = {
    name: value for name, value in os.environ.items() if not name.startswith(("COV", "GIT_", "PRE_COMMIT"))
}
PRE_COMMIT = Path(sys.executable).parent / "pre-commit"


class Hooks:
    """A repository of hooks at one commit, and the environment for pre-commit."""

    def __init__(self, files: Path, home: Path) -> None:
        self.files = files
        self.environment = PLAIN | {
            "HOME": str(home),
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.rev = self.commit(files)

    def git(self, folder: Path, *arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *identity, *arguments]
        run = subprocess.run(
            command, cwd=folder, env=self.environment, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    def commit(self, folder: Path) -> str:
        """Make `folder` a repository with one commit, and return the commit id."""
        self.git(folder, "init", "--quiet")
        self.git(folder, "add", "--all")
        self.git(folder, "commit", "--quiet", "--message", "all")
        return self.git(folder, "rev-parse", "HEAD")

    def configure(self, folder: Path) -> None:
        """Configure the repository `folder` to use all hooks."""
        uses = {"repo": str(self.files), "rev": self.rev, "hooks": [{"id": "sftc-lint"}, {"id": "sftc-fix"}]}
        # JSON is valid YAML.
        (folder / ".pre-commit-config.yaml").write_text(json.dumps({"repos": [uses]}))
        self.commit(folder)

    def pre_commit(self, folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run pre-commit in the repository `folder`; return its exit code and output."""
        run = subprocess.run(
            [PRE_COMMIT, *arguments],
            cwd=folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return run.returncode, run.stdout


@pytest.fixture(scope="module")
def hooks(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    """Install and return the hooks of the working tree. Only this step needs a network."""
    hooks = Hooks(snapshot(root, tmp_path_factory.mktemp("hooks")), tmp_path_factory.mktemp("home"))
    scratch = tmp_path_factory.mktemp("scratch")
    hooks.configure(scratch)
    code, said = hooks.pre_commit(scratch, "install-hooks")
    assert code == 0, said
    return hooks


def snapshot(root: Path, to: Path) -> Path:
    """Copy the files of the checkout `root` that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        if (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, to / name)
    return to


@pytest.fixture
def offline() -> Iterator[dict[str, str]]:
    """Return an environment whose proxy is a port where nothing listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        proxies = {spelling: proxy for name in names for spelling in (name, name.upper())}
        yield proxies | {"no_proxy": "", "NO_PROXY": "", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}


class Scratch:
    """A repository that uses the hooks, without a network."""

    def __init__(self, folder: Path, hooks: Hooks, offline: dict[str, str]) -> None:
        self.folder = folder
        self.hooks = hooks
        self.offline = offline
        hooks.configure(folder)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text)
        self.hooks.git(self.folder, "add", name)
        return self.folder / name

    def run(self, hook: str) -> tuple[int, str]:
        return self.hooks.pre_commit(self.folder, "run", hook, "--color=never", **self.offline)


@pytest.fixture
def scratch(tmp_path: Path, hooks: Hooks, offline: dict[str, str]) -> Scratch:
    return Scratch(tmp_path, hooks, offline)


def test_a_good_config_passes(scratch: Scratch) -> None:
    scratch.write("good.sft.toml", GOOD)
    for hook in ("sftc-lint", "sftc-fix"):
        code, said = scratch.run(hook)
        assert code == 0, said
        assert "Passed" in said


def test_a_bad_config_fails_and_its_finding_is_shown(scratch: Scratch) -> None:
    scratch.write("good.sft.toml", GOOD)
    (scratch.folder / "deep folder").mkdir()
    scratch.write("deep folder/bad.sft.toml", BAD)
    code, said = scratch.run("sftc-lint")
    assert code == 1
    assert "deep folder/bad.sft.toml:6:13: error[out-of-range]" in said
    assert "1 error in 2 files" in said
    assert "modified" not in said


def test_other_toml_files_are_left_alone(scratch: Scratch) -> None:
    scratch.write("other.toml", BAD)
    scratch.write("sft.toml.txt", BAD)
    for hook in ("sftc-lint", "sftc-fix"):
        code, said = scratch.run(hook)
        assert code == 0, said
        assert "(no files to check)Skipped" in said


def test_a_fixable_config_is_fixed_and_then_passes(scratch: Scratch) -> None:
    config = scratch.write("fixable.sft.toml", FIXABLE)
    assert scratch.run("sftc-lint")[0] == 1
    assert config.read_text() == FIXABLE
    code, said = scratch.run("sftc-fix")
    assert code == 1
    assert "files were modified by this hook" in said
    assert config.read_text() == GOOD
    scratch.write("fixable.sft.toml", config.read_text())
    for hook in ("sftc-fix", "sftc-lint"):
        code, said = scratch.run(hook)
        assert code == 0, said


def test_a_config_without_a_safe_fix_still_fails(scratch: Scratch) -> None:
    config = scratch.write("bad.sft.toml", BAD)
    code, said = scratch.run("sftc-fix")
    assert code == 1
    assert "bad.sft.toml:6:13: error[out-of-range]" in said
    assert config.read_text() == BAD


def test_a_commit_runs_the_hooks(scratch: Scratch) -> None:
    assert scratch.hooks.pre_commit(scratch.folder, "install")[0] == 0
    scratch.write("bad.sft.toml", BAD)
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        scratch.hooks.git(scratch.folder, "commit", "--message", "bad")
    assert "bad.sft.toml:6:13: error[out-of-range]" in stopped.value.stderr
    scratch.write("bad.sft.toml", GOOD)
    scratch.hooks.git(scratch.folder, "commit", "--message", "good")


def test_without_a_network_nothing_can_be_installed(scratch: Scratch) -> None:
    empty = scratch.folder / "empty"
    code, said = scratch.hooks.pre_commit(
        scratch.folder, "install-hooks", **scratch.offline, PRE_COMMIT_HOME=str(empty)
    )
    assert code != 0
    assert "hatchling" in said


def test_the_hooks_of_the_project_itself_run_without_a_network(root: Path, tmp_path: Path) -> None:
    config = root / ".pre-commit-config.yaml"
    command = [str(PRE_COMMIT), "validate-config", str(config)]
    valid = subprocess.run(command, capture_output=True, text=True, check=False)
    assert valid.returncode == 0, valid.stdout + valid.stderr
    folder = tmp_path / "project"
    (folder / "examples").mkdir(parents=True)
    shutil.copy(config, folder)
    (folder / "examples/good.toml").write_text(GOOD)
    environment = PLAIN | {
        "PATH": f"{PRE_COMMIT.parent}:{PLAIN['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def lint() -> subprocess.CompletedProcess[str]:
        subprocess.run(["git", "add", "--all"], cwd=folder, env=environment, check=True)
        run = [str(PRE_COMMIT), "run", "--all-files", "sftc-lint"]
        return subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    subprocess.run(["git", "init", "--quiet"], cwd=folder, env=environment, check=True)
    passed = lint()
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (folder / "examples/good.toml").write_text(BAD)
    failed = lint()
    assert failed.returncode == 1
    assert "out-of-range" in failed.stdout
