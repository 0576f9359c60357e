"""An editor's side of the language server: pytest-lsp over standard input and output."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.workspace import PositionCodec
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

TOML: Any = "toml"  # a name that the enumeration of the library lacks
PROGRAM = os.path.join(os.path.dirname(sys.executable), "sftc")
SERVER = ClientServerConfig(server_command=[PROGRAM, "lsp"])


class EditorClient:
    """An editor that has one document open."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.text = ""
        self.uri = ""
        self._version = 0

    async def initialize(
        self, options: dict[str, Any] | None = None, capabilities: str = "visual_studio_code"
    ) -> None:
        """Begin the session as an editor with these capabilities, whose folder this is."""
        await self.client.initialize_session(
            types.InitializeParams(
                client_capabilities(capabilities),
                root_uri=self.folder.as_uri(),
                initialization_options=options,
            )
        )

    async def open(self, text: str, name: str = "job.sft.toml") -> Sequence[types.Diagnostic]:
        """Open a document, and return its findings."""
        self.uri, self.text, self._version = (self.folder / name).as_uri(), text, 0
        item = types.TextDocumentItem(self.uri, TOML, 0, text)
        self.client.diagnostics.pop(self.uri, None)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self._findings()

    async def change(self, text: str) -> Sequence[types.Diagnostic]:
        """Replace the text of the document, and return its findings."""
        self.client.diagnostics.pop(self.uri, None)
        self.send(text)
        return await self._findings()

    def send(self, text: str) -> None:
        """Replace the text of the document, and do not wait."""
        self._version += 1
        self.text = text
        document = types.VersionedTextDocumentIdentifier(self._version, self.uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def choose(self, target: str) -> Sequence[types.Diagnostic]:
        """Set the target in the settings of the editor, and return the findings of the document."""
        self.client.diagnostics.pop(self.uri, None)
        settings = {"sftc": {"target": target}}
        self.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        return await self._findings()

    async def save(self, path: Path) -> Sequence[types.Diagnostic]:
        """Say that a file was saved, and return the findings of the document."""
        self.client.diagnostics.pop(self.uri, None)
        saved = types.TextDocumentIdentifier(path.as_uri())
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(saved))
        return await self._findings()

    async def close(self) -> Sequence[types.Diagnostic]:
        """Close the document, and return the findings that the editor still shows."""
        self.client.diagnostics.pop(self.uri, None)
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(self.document))
        return await self._findings()

    async def _findings(self) -> Sequence[types.Diagnostic]:
        while self.uri not in self.client.diagnostics:
            await self.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return list(self.client.diagnostics[self.uri])

    @property
    def document(self) -> types.TextDocumentIdentifier:
        """The document that is open."""
        return types.TextDocumentIdentifier(self.uri)

    async def hover(self, place: types.Position) -> str:
        """Return what a hover shows, without markup for the editor."""
        found = await self.client.text_document_hover_async(types.HoverParams(self.document, place))
        return found.contents.value if found and isinstance(found.contents, types.MarkupContent) else ""

    async def completions(self, place: types.Position) -> dict[str, types.CompletionItem]:
        """Return what can be written at a place, by its label."""
        asked = types.CompletionParams(self.document, place)
        found = await self.client.text_document_completion_async(asked)
        assert isinstance(found, Sequence)
        return {each.label: each for each in found}

    async def actions(self, place: types.Position, *only: str) -> dict[str, types.CodeAction]:
        """Return the actions that are offered at a place, by their titles."""
        context = types.CodeActionContext([], only=only or None)
        asked = types.CodeActionParams(self.document, types.Range(place, place), context)
        found = await self.client.text_document_code_action_async(asked)
        return {each.title: each for each in found or () if isinstance(each, types.CodeAction)}

    async def hints(self) -> dict[int, str]:
        """Return the hints in the document, by line."""
        everything = types.Range(types.Position(0, 0), types.Position(10_000, 0))
        asked = types.InlayHintParams(self.document, everything)
        found = await self.client.text_document_inlay_hint_async(asked)
        return {each.position.line: str(each.label) for each in found or ()}

    async def definition(self, uri: str, place: types.Position) -> types.Location | None:
        """Return where the definition of what is at a place is."""
        asked = types.DefinitionParams(types.TextDocumentIdentifier(uri), place)
        found = await self.client.text_document_definition_async(asked)
        assert found is None or isinstance(found, types.Location)
        return found

    async def lens(self) -> types.Command | None:
        """Return the command that a code lens offers."""
        found = await self.client.text_document_code_lens_async(types.CodeLensParams(self.document))
        return next((each.command for each in found or ()), None)

    def edited(self, edit: types.WorkspaceEdit | None) -> str:
        """Return the text of the document with an edit."""
        assert edit
        assert edit.changes
        return applied(self.text, edit.changes[self.uri])


def at(text: str) -> tuple[str, types.Position]:
    """Return a text without its `|`, and where that is, in UTF-16."""
    before, _, after = text.partition("|")
    last = before.rpartition("\n")[2]
    return before + after, types.Position(before.count("\n"), len(last.encode("utf-16-le")) // 2)


def applied(text: str, edits: Iterable[types.TextEdit]) -> str:
    """Return a text with edits, whose positions are in UTF-16."""
    lines, codec = text.split("\n"), PositionCodec()

    def offset(position: types.Position) -> int:
        place = codec.position_from_client_units(lines, position)
        return sum(len(line) + 1 for line in lines[: place.line]) + place.character

    for edit in sorted(edits, key=lambda edit: offset(edit.range.start), reverse=True):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text
