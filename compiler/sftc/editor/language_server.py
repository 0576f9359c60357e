"""The server: requests of an editor answered by the files beside this one. Only this file imports pygls."""

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any, Final

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from sftc.checks.catalogue import CONFIG_RULES
from sftc.editor.client_positions import ClientPositions, LinePosition
from sftc.editor.hover import hover
from sftc.editor.open_config import LintChoices, OpenConfig
from sftc.editor.quick_fixes import fix_all, quick_fixes
from sftc.findings.finding import Edit, Finding, Severity
from sftc.report.rule_pages import page_url
from sftc.text.source import Span
from sftc.tools.lint import SUFFIX, names_our_schema
from sftc.version import __version__

Project = Callable[[str | None], LintChoices]
"""Returns what the project in the working directory wants, for the target that the editor names.

It raises `ValueError` with a text for the person if the project or the name is wrong.
"""

NAME: Final = "sftc"
_FIX_ALL: Final = f"{types.CodeActionKind.SourceFixAll.value}.{NAME}"
_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


class ConfigServer(LanguageServer):
    """The configs that are open in an editor, by their URIs, and what the project wants of them."""

    def __init__(self, project: Project) -> None:
        super().__init__(NAME, __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self._project = project
        self.choices = project(None)
        self.configs: dict[str, OpenConfig] = {}

    def choose(self, settings: Any) -> None:
        """Take the settings of the editor: an object with the name of a target, or anything else for none."""
        target = settings.get("target") if isinstance(settings, dict) else None
        try:
            self.choices = self._project(str(target) if target else None)
        except ValueError as error:
            self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"sftc: {error}"))

    def check(self, uri: str) -> None:
        """Check the text of a document as it is now, if it is a config, and publish its findings."""
        document = self.workspace.get_text_document(uri)
        text = document.source
        if not (document.path.endswith(SUFFIX) or names_our_schema(text)):
            self.forget(uri)
            return
        config = OpenConfig(document.path, text, self.choices, self.configs.get(uri))
        self.configs[uri] = config
        findings = [*config.findings, *config.kept_findings]
        shown = [self.diagnostic(config, found) for found in findings]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, shown, version=document.version)
        )

    def forget(self, uri: str) -> None:
        """Remove the findings of a document that is closed, or is not a config any more."""
        if self.configs.pop(uri, None):
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def positions(self, config: OpenConfig) -> ClientPositions:
        """Return the positions in a config, in the units of this editor."""
        return ClientPositions(config.source.text, types.PositionEncodingKind(self.workspace.position_encoding).value)

    def range(self, config: OpenConfig, span: Span) -> types.Range:
        """Return the range of a span; one of another text, such as a flag, is the start of this one."""
        positions = self.positions(config)
        here = config.moved(span) or config.source.span(0, 0)
        return types.Range(_position(positions, here.start), _position(positions, here.end))

    def edits(self, uri: str, config: OpenConfig, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        """Return the edit of a document that makes `edits`."""
        changes = [types.TextEdit(self.range(config, each.span), each.text) for each in edits]
        return types.WorkspaceEdit(changes={uri: changes})

    def diagnostic(self, config: OpenConfig, found: Finding) -> types.Diagnostic:
        """Return a finding as the protocol has it, with a link to the page of its rule."""
        rule = CONFIG_RULES.get(found.id)
        schema = config.contract.properties.get(found.path, {})
        return types.Diagnostic(
            range=self.range(config, found.span),
            message=f"{found.message}\n{found.help}" if found.help else found.message,
            severity=_SEVERITIES[found.severity],
            code=found.id,
            code_description=rule and types.CodeDescription(page_url(rule)),
            source=NAME,
            tags=[types.DiagnosticTag.Deprecated] if schema.get("deprecated") else None,
        )


def _position(positions: ClientPositions, offset: int) -> types.Position:
    return types.Position(*positions.position(offset))


def _initialize(server: ConfigServer, params: types.InitializeParams) -> None:
    root = to_fs_path(params.root_uri) if params.root_uri else None
    if root and os.path.isdir(root):
        os.chdir(root)  # as a person would, who runs the commands there
    server.choose(params.initialization_options)


def _initialized(server: ConfigServer, params: types.InitializedParams) -> None:
    """Load what the first finding would load, while the person has not typed yet."""
    OpenConfig("", "[job]\nmodel = 1\n", server.choices)


def _configure(server: ConfigServer, params: types.DidChangeConfigurationParams) -> None:
    settings: Any = params.settings
    server.choose(settings.get(NAME) if isinstance(settings, dict) else None)
    for uri in [*server.configs]:
        server.check(uri)


def _open(server: ConfigServer, params: types.DidOpenTextDocumentParams) -> None:
    server.check(params.text_document.uri)


def _change(server: ConfigServer, params: types.DidChangeTextDocumentParams) -> None:
    server.check(params.text_document.uri)


def _close(server: ConfigServer, params: types.DidCloseTextDocumentParams) -> None:
    server.forget(params.text_document.uri)


def _hover(server: ConfigServer, params: types.HoverParams) -> types.Hover | None:
    config = server.configs.get(params.text_document.uri)
    found = config and hover(config, _offset(server, config, params.position))
    if not config or not found:
        return None
    text = types.MarkupContent(types.MarkupKind.Markdown, found.text)
    return types.Hover(text, server.range(config, found.span))


def _offset(server: ConfigServer, config: OpenConfig, position: types.Position) -> int:
    return server.positions(config).offset(LinePosition(position.line, position.character))


def _code_actions(server: ConfigServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri, only = params.text_document.uri, params.context.only
    config = server.configs.get(uri)
    actions: list[types.CodeAction] = []
    if not config:
        return actions
    if _is_asked(types.CodeActionKind.QuickFix.value, only):
        start, end = (_offset(server, config, each) for each in (params.range.start, params.range.end))
        for each in quick_fixes(config, start, end):
            actions.append(
                types.CodeAction(
                    each.title,
                    types.CodeActionKind.QuickFix,
                    [server.diagnostic(config, each.finding)],
                    is_preferred=each.is_preferred,
                    edit=server.edits(uri, config, each.edits),
                )
            )
    if _is_asked(_FIX_ALL, only) and (edit := fix_all(config)):
        title, edits = "Apply all fixes that keep the meaning", server.edits(uri, config, [edit])
        actions.append(types.CodeAction(title, _FIX_ALL, edit=edits))
    return actions


def _is_asked(kind: str, only: Iterable[str] | None) -> bool:
    """Return whether an editor that asks for the kinds `only` wants a `kind`; each includes those below it."""
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in only)


_FEATURES: Final[tuple[tuple[str, Callable[..., Any], Any], ...]] = (
    (types.INITIALIZE, _initialize, None),
    (types.INITIALIZED, _initialized, None),
    (types.WORKSPACE_DID_CHANGE_CONFIGURATION, _configure, None),
    (types.TEXT_DOCUMENT_DID_OPEN, _open, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, _change, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, _close, None),
    (types.TEXT_DOCUMENT_HOVER, _hover, None),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _code_actions,
        types.CodeActionOptions([types.CodeActionKind.QuickFix, _FIX_ALL]),
    ),
)


def serve_editor(project: Project) -> None:
    """Answer an editor over standard input and output until it ends the session."""
    logging.disable(logging.WARNING)
    server = ConfigServer(project)
    for method, handle, options in _FEATURES:
        server.feature(method, options)(handle)
    server.start_io()
