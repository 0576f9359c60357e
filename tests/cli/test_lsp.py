"""`sftc lsp`: how it starts and ends, and what a project and an editor tell it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.language_server import LanguageServer
from support.program import Program

pytestmark = pytest.mark.measured

JOB = '[job]\nmodel = "m"\ndata_path = "x"\n\n[compute]\ngpu_type = "H100"\ngpu_cout = 1\n'


def codes(program: str, folder: Path) -> set[str]:
    """Return the findings of a config in a folder as an editor shows them that was opened there."""
    config = folder / "job.sft.toml"
    config.write_text(JOB, encoding="utf-8")
    with LanguageServer([program, "lsp"], folder) as server:
        server.initialize()
        return {found["code"] for found in server.wait_for_diagnostics(server.open(config))}


def test_the_project_of_the_editor_counts(sftc_program: str, tmp_path: Path) -> None:
    assert codes(sftc_program, tmp_path) == {"older-name", "unknown-key"}
    (tmp_path / "pyproject.toml").write_text('[tool.sftc]\nignore = ["older-name"]\n', encoding="utf-8")
    assert codes(sftc_program, tmp_path) == {"unknown-key"}


def test_a_wrong_project_is_a_message_and_no_reason_to_end(sftc_program: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.sftc]\nnonsense = 1\n", encoding="utf-8")
    assert codes(sftc_program, tmp_path) == {"older-name", "unknown-key"}


def test_an_unknown_target_is_wrong_usage(sftc_program: str) -> None:
    code, _, errors = Program(sftc_program)("lsp", "--target", "trll")
    assert code == 2
    assert "did you mean 'trl'?" in errors


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    block = "import sys; sys.modules['pygls'] = None; sys.modules['lsprotocol'] = None\n"
    start = "from sftc.__main__ import main; sys.argv = ['sftc', 'lsp']; main()"
    run = subprocess.run(
        [sys.executable, "-c", block + start], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 1
    assert "pip install 'sftc[lsp]'" in run.stderr


def test_nothing_but_the_server_imports_its_library(sftc_program: str, tmp_path: Path) -> None:
    script = "import sys, sftc.cli.lint_command, sftc.cli.main; print('pygls' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.lower()) is False
