"""The schema in editors, tested with the language servers that editors use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sftc.contract.versions import PACKAGED
from support.language_server import LanguageServer

TOML = """\
#:schema ./sftc.schema.json
schema_version = 2
[job]
model = "Qwen/Qwen3-4B"

[compute]
gpu_type = "H100"
gpu_cout = 2

[training]

"""
LINES = TOML.splitlines()

# The `taplo` of PyPI is built without its language server; `olpat` is a fork built with it.
SERVERS = {
    "taplo": ("olpat", "lsp", "stdio"),
    "tombi": ("tombi", "lsp", "--offline"),
}


class Editor:
    """An editor with an open config that the language server has checked."""

    def __init__(self, server: LanguageServer, config: Path) -> None:
        self._server = server
        server.initialize()
        self._uri = server.open(config)
        self.marks = server.wait_for_diagnostics(self._uri)

    def ask(self, what: str, line: int, character: int) -> str:
        return str(self._server.ask(what, self._uri, line, character))

    def completions(self, line: int) -> set[str]:
        answer = self._server.ask("completion", self._uri, line, 0)
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"] for item in items}


@pytest.fixture(params=SERVERS)
def editor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Editor]:
    with opened(request.param, tmp_path, TOML) as editor:
        yield editor


@contextmanager
def opened(name: str, folder: Path, text: str) -> Iterator[Editor]:
    """Open a config beside the schema of the newest version."""
    program, *arguments = SERVERS[name]
    schema = PACKAGED.newest.bundle(PACKAGED.newest.config_schema)
    (folder / "sftc.schema.json").write_bytes(schema)
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    with LanguageServer([Path(sys.executable).parent / program, *arguments], folder) as server:
        yield Editor(server, config)


def test_completion_offers_the_keys_of_the_section(editor: Editor) -> None:
    offered = editor.completions(LINES.index("[training]") + 1)
    assert {"mode", "lora", "checkpoints", "validation"} <= offered
    assert "gpu_type" not in offered


def test_hover_shows_the_description_of_a_key(editor: Editor) -> None:
    description = PACKAGED.newest.properties["compute", "gpu_type"]["description"]
    assert description in editor.ask("hover", LINES.index('gpu_type = "H100"'), 2)


def test_a_misspelt_key_is_marked_on_its_line(editor: Editor) -> None:
    [mark] = editor.marks
    assert "gpu_cout" in mark["message"]
    assert mark["range"]["start"]["line"] == LINES.index("gpu_cout = 2")


@pytest.mark.parametrize("line", ["", "schema_version = 1\n"])
@pytest.mark.parametrize("name", SERVERS)
def test_a_config_of_version_1_gets_one_hint_and_no_wall_of_errors(
    name: str, line: str, tmp_path: Path, root: Path
) -> None:
    text = (root / "golden/accept/lora-one-gpu/config.toml").read_text(encoding="utf-8")
    with opened(name, tmp_path, f"#:schema ./sftc.schema.json\n{line}{text}") as editor:
        errors = [mark for mark in editor.marks if mark.get("severity", 1) == 1]
    assert len(errors) == 1, errors
    assert "schema_version" in str(errors) or errors[0]["range"]["start"]["line"] == 1
