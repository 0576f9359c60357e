"""The project passes its checkers, and its documents are correct."""

import doctest
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import sftc
from sftc.cli import exits

CHECKERS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports"],
}


@pytest.mark.parametrize("command", CHECKERS.values(), ids=CHECKERS)
def test_the_project_passes_its_checkers(command: list[str], root: Path) -> None:
    program = Path(sys.executable).parent / command[0]
    run = subprocess.run([program, *command[1:]], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def code_blocks(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_readme_begins_with_its_two_commands(root: Path) -> None:
    blocks = code_blocks((root / "README.md").read_text(encoding="utf-8"))
    for _, block in blocks[:2]:
        assert len(block.splitlines()) == 1
    assert "sftc compile examples/lora.toml" in blocks[0][1]
    assert "pytest" in blocks[1][1]


def test_examples_in_docstrings_are_true(root: Path) -> None:
    source = root / "compiler"
    files = [file for file in source.rglob("*.py") if ">>> " in file.read_text(encoding="utf-8")]
    names = [".".join(file.relative_to(source).with_suffix("").parts) for file in files]
    results = {name: doctest.testmod(import_module(name)) for name in names}
    assert results
    assert {name: each for name, each in results.items() if each.failed or not each.attempted} == {}


def test_console_sessions_in_the_docs_match_the_output(root: Path, sftc_program: str) -> None:
    sessions = 0
    for document in [root / "README.md", *root.glob("docs/**/*.md")]:
        for language, block in code_blocks(document.read_text(encoding="utf-8")):
            if language == "console":
                sessions += 1
                command, _, expected = block.partition("\n")
                assert command.startswith("$ sftc ")
                arguments = shlex.split(command.removeprefix("$ sftc "))
                run = subprocess.run(
                    [sftc_program, *arguments],
                    cwd=root,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                assert run.stdout == expected
    assert sessions


def test_the_reference_lists_every_exit_code(root: Path) -> None:
    text = (root / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    assert named == {0, 2} | codes


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_files_that_a_document_names_exist(document: str, root: Path) -> None:
    folders = ("compiler", "schemas", "tests", "golden", "docs", "benchmarks")
    paths = [*root.glob("*.*"), *(path for folder in folders for path in (root / folder).rglob("*.*"))]
    files = [path.as_posix() for path in paths]
    text = (root / document).read_text(encoding="utf-8")
    named = {
        name for name in re.findall(r"`([\w./-]+\.(?:c|js|json|md|py|toml))`", text) if "NAME" not in name
    }
    assert len(named) > 20
    missing = {name for name in named if not any(file.endswith(f"/{name}") for file in files)}
    assert missing <= {"cli/NAME_command.py", "docs/targets/NAME.md"}


def test_targets_of_the_makefile_leave_the_checkout_editable(root: Path) -> None:
    installs = re.findall(r"pip install .*'\.\[.*", (root / "Makefile").read_text(encoding="utf-8"))
    assert installs
    assert [line for line in installs if "--editable" not in line] == []


def test_the_readme_is_short(root: Path) -> None:
    assert len((root / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_changelog_lists_the_version(root: Path) -> None:
    assert f"## {sftc.__version__}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
