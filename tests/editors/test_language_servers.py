"""The schema in editors, tested with the language servers that editors use."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sftc.contract.versions import PACKAGED
from support.language_server import LanguageServer

TOML = """\
#:schema ./sftc.schema.json
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
    name, *arguments = SERVERS[request.param]
    program = Path(sys.executable).parent / name
    schema = PACKAGED.newest.bundle(PACKAGED.newest.config_schema)
    (tmp_path / "sftc.schema.json").write_bytes(schema)
    config = tmp_path / "config.toml"
    config.write_text(TOML, encoding="utf-8")
    with LanguageServer([program, *arguments], tmp_path) as server:
        yield Editor(server, config)


def test_completion_offers_the_keys_of_the_section(editor: Editor) -> None:
    offered = editor.completions(LINES.index("[training]") + 1)
    assert {"mode", "use_qlora"} <= offered
    assert "gpu_type" not in offered


def test_hover_shows_the_description_of_a_key(editor: Editor) -> None:
    description = PACKAGED.version(1).properties["compute", "gpu_type"]["description"]
    assert description in editor.ask("hover", LINES.index('gpu_type = "H100"'), 2)


def test_a_misspelt_key_is_marked_on_its_line(editor: Editor) -> None:
    [mark] = editor.marks
    assert "gpu_cout" in mark["message"]
    assert mark["range"]["start"]["line"] == LINES.index("gpu_cout = 2")
