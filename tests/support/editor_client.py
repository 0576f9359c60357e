"""A real editor's side of the language server: pytest-lsp over standard input and output."""

import os
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

PROGRAM = os.path.join(os.path.dirname(sys.executable), "sftc")
SERVER = ClientServerConfig(server_command=[PROGRAM, "lsp"])


class EditorClient:
    """An editor with one config open; `|` in a text of a test is where its cursor is."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.uri = ""
        self._version = 0

    async def initialize(self, options: dict[str, Any] | None = None, client: str = "neovim") -> Any:
        """Begin the session, as an editor whose folder this is."""
        capabilities = client_capabilities(client)
        return await self.client.initialize_session(
            types.InitializeParams(
                capabilities=capabilities, root_uri=self.folder.as_uri(), initialization_options=options
            )
        )

    async def open(self, text: str, name: str = "job.sft.toml") -> list[types.Diagnostic]:
        """Open a document, and return what the server finds in it."""
        self.uri = (self.folder / name).as_uri()
        item = types.TextDocumentItem(self.uri, "toml", 0, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self.findings(0)

    async def change(self, text: str) -> list[types.Diagnostic]:
        """Replace the text of the document, and return what the server finds in it."""
        self._version += 1
        document = types.VersionedTextDocumentIdentifier(self._version, self.uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        return await self.findings(self._version)

    async def findings(self, version: int) -> list[types.Diagnostic]:
        """Wait for the findings of a version of the document."""
        while True:
            found = await self.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
            if found.uri == self.uri and found.version == version:
                return list(found.diagnostics)

    @property
    def document(self) -> types.TextDocumentIdentifier:
        """The document that is open."""
        return types.TextDocumentIdentifier(self.uri)


def at(text: str) -> tuple[str, types.Position]:
    """Return a text without its `|`, and where that is, in UTF-16."""
    before, _, after = text.partition("|")
    last = before.rpartition("\n")[2]
    return before + after, types.Position(before.count("\n"), len(last.encode("utf-16-le")) // 2)
