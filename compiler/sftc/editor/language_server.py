"""The server: the configs that are open in an editor, and their findings."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import perf_counter
from typing import Any, Final
from urllib.parse import unquote

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.uris import from_fs_path, to_fs_path

from sftc.checks.catalogue import CONFIG_RULES
from sftc.checks.rules.renamed import OLDER_NAME
from sftc.editor.client_positions import ClientPositions, Encoding, LinePosition
from sftc.editor.open_config import LintChoices, OpenConfig
from sftc.editor.payload_preview import PreviewFolder
from sftc.findings.finding import Edit, Finding, Severity
from sftc.report.rule_pages import page_url
from sftc.report.terminal import printable
from sftc.text.source import Span
from sftc.tools.lint import SUFFIX, names_our_schema
from sftc.version import __version__

Project = Callable[[str | None], LintChoices]
"""Returns what the project in the working directory wants, for the target that the editor names.

It raises `ValueError` with a text for the person if the project or the name is wrong.
"""

NAME: Final = "sftc"
_log = logging.getLogger(__name__)
_SHORT: Final = 0.05
"""The seconds that a check may take for each keystroke to be checked."""

_ENCODINGS: Final[dict[str, Encoding]] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}
_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


class _Protocol(LanguageServerProtocol):
    """The protocol, with an answer to each request, and no effect of what is not a message.

    That of pygls has no answer to what it cannot read, and takes whatever comes before `initialize`.
    """

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        super().__init__(server, converter)
        for method in [each for each in self.fm.builtin_features if each.startswith("notebookDocument/")]:
            del self.fm.builtin_features[method]  # no config is in a notebook

    @property
    def is_shut_down(self) -> bool:
        """Whether the editor has ended the session."""
        return self._shutdown

    def structure_message(self, data: Any) -> Any:
        """Return `data` as it is: it may be an object inside of a message."""
        return data

    def handle_message(self, message: Any) -> None:
        """Handle what an editor has sent, which is any value of JSON."""
        match message:
            case {"jsonrpc": "2.0", "method": str(method)} if _is_id(message.get("id", "none")):
                try:
                    read = self._read(method, message)
                except JsonRpcException as error:
                    if "id" in message:
                        self._send_response(message["id"], error=error.to_response_error())
                    elif isinstance(error, JsonRpcInvalidParams):
                        _log.warning("sftc: the parameters of %s cannot be used", printable(method))
                else:
                    super().handle_message(read)
            case {"jsonrpc": "2.0", "id": id, "result": _} | {"jsonrpc": "2.0", "id": id, "error": _}:
                with suppress(JsonRpcException):
                    if _is_id(id):
                        super().handle_message(super().structure_message(message))
            case _:
                self.refuse(JsonRpcInvalidRequest())

    def refuse(self, error: JsonRpcException) -> None:
        """Answer data that is not a message, and so has no id. pygls leaves out an id that is null."""
        self._send_data({"jsonrpc": "2.0", "id": None, "error": error.to_response_error()})

    def _read(self, method: str, message: dict[str, Any]) -> Any:
        """Return a request or a notification as the objects that pygls hands to functions.

        Raises:
            JsonRpcException: it comes at the wrong time, is unknown, or has parameters that cannot be used.
        """
        if method != types.EXIT:
            self._check_time(method)
        self._get_handler(method)
        try:
            read = super().structure_message({"params": None, **message})
            document = getattr(read.params, "text_document", None)
            uri = document.uri if document else getattr(read.params, "root_uri", None)
            if uri is not None:
                to_fs_path(uri)
            if method == types.TEXT_DOCUMENT_DID_CHANGE:
                self.workspace.text_documents[unquote(uri or "")]
        except (JsonRpcException, LookupError, ValueError) as error:
            raise JsonRpcInvalidParams from error
        return read

    def _check_time(self, method: str) -> None:
        if self._shutdown:
            raise JsonRpcInvalidRequest("the session has ended: only `exit` may follow")
        if self._workspace is None and method != types.INITIALIZE:
            raise JsonRpcServerNotInitialized("the session has not begun: `initialize` comes first")
        if self._workspace is not None and method == types.INITIALIZE:
            raise JsonRpcInvalidRequest("the session has begun before")


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


class ConfigServer(LanguageServer):
    """The configs that are open in an editor, by their URIs, and what the project wants of them."""

    protocol: _Protocol

    def __init__(self, project: Project, choices: LintChoices) -> None:
        super().__init__(
            NAME,
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            protocol_cls=_Protocol,
        )
        self._project = project
        self.choices = choices
        self._configs: dict[str, OpenConfig] = {}
        self._seconds: dict[str, float] = {}
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self.previews = PreviewFolder()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Answer what is not JSON, and report a bug of this server. Other errors were answered before."""
        if isinstance(error, JsonRpcInternalError):
            lines = "".join((error.data or {}).get("traceback", ()))
            _log.error(
                "%s%s\nThis is a bug in sftc %s. Please report it, with the lines above.",
                lines,
                error.message,
                __version__,
            )
            super().report_server_error(error, source)
        elif not isinstance(error, JsonRpcException):
            self.protocol.refuse(JsonRpcParseError())

    def begin(self, root: str | None, settings: Any) -> None:
        """Take the folder of the editor, as if a person ran commands there, and its settings."""
        if folder := to_fs_path(root or ""):
            with suppress(OSError, ValueError):
                os.chdir(folder)
        self.choose(settings)

    def choose(self, settings: Any) -> None:
        """Take the settings of the editor: an object with the name of a target, or anything else for none."""
        target = settings.get("target") if isinstance(settings, dict) else None
        try:
            self.choices = self._project(str(target) if target else None)
        except ValueError as error:
            self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"sftc: {error}"))

    def check(self, uri: str) -> None:
        """Check the text of a document as it is now, if it is a config, and publish its findings."""
        self._cancel(uri)
        document = self.workspace.get_text_document(uri)
        text = document.source
        if not (document.path.endswith(SUFFIX) or names_our_schema(text)):
            self.forget(uri)
            return
        start = perf_counter()
        config = self._configs[uri] = OpenConfig(document.path, text, self.choices, self._configs.get(uri))
        self._seconds[uri] = perf_counter() - start
        self.previews.update(uri, config)
        findings = [*config.findings, *config.kept_findings]
        shown = [self.diagnostic(config, found) for found in findings]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, shown, version=document.version)
        )

    def check_soon(self, uri: str) -> None:
        """Check a document that was changed: at once, or, if that takes long, after a pause as long."""
        seconds = self._seconds.get(uri, 0.0)
        if seconds < _SHORT:
            self.check(uri)
            return
        self._cancel(uri)
        self._waiting[uri] = asyncio.get_running_loop().call_later(seconds, self.check, uri)

    def check_all(self) -> None:
        """Check all configs again."""
        for uri in [*self._configs]:
            self.check(uri)

    def config(self, uri: str) -> OpenConfig | None:
        """Return the config at `uri` with the text as it is now; `None` if that is not a config."""
        if uri in self._waiting:
            self.check(uri)
        return self._configs.get(uri)

    def forget(self, uri: str) -> None:
        """Remove the findings of a document that is closed, or is not a config any more."""
        self._cancel(uri)
        if self._configs.pop(uri, None):
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def _cancel(self, uri: str) -> None:
        if waiting := self._waiting.pop(uri, None):
            waiting.cancel()

    def offset(self, config: OpenConfig, position: types.Position) -> int:
        """Return the offset in a config of a position of the editor."""
        return self._positions(config).offset(LinePosition(position.line, position.character))

    def position(self, config: OpenConfig, offset: int) -> types.Position:
        """Return the position of an offset in a config."""
        return types.Position(*self._positions(config).position(offset))

    def range(self, config: OpenConfig, span: Span) -> types.Range:
        """Return the range of a span; one in a config that this one extends is where it extends it."""
        here = config.moved(span) or config.extends
        return types.Range(self.position(config, here.start), self.position(config, here.end))

    def location(self, uri: str, config: OpenConfig, span: Span) -> types.Location:
        """Return where a span is: in the config, which is at `uri`, or in one that it extends."""
        if not span.source.depth:
            return types.Location(uri, self.range(config, span))
        positions = ClientPositions(span.source.text, self._encoding)
        start, end = (types.Position(*positions.position(each)) for each in (span.start, span.end))
        base = from_fs_path(os.path.abspath(span.source.name)) or ""
        return types.Location(base, types.Range(start, end))

    def edits(self, uri: str, config: OpenConfig, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        """Return the edit of a document that makes `edits`."""
        changes = [types.TextEdit(self.range(config, each.span), each.text) for each in edits]
        return types.WorkspaceEdit(changes={uri: changes})

    def diagnostic(self, config: OpenConfig, found: Finding) -> types.Diagnostic:
        """Return a finding as the protocol has it, with a link to the page of its rule.

        One in a config that this one extends names that file and the line, and links to them.
        """
        rule = CONFIG_RULES.get(found.id)
        schema = config.contract.properties.get(found.path, {})
        is_older = found.id == OLDER_NAME.id or schema.get("deprecated")
        message = f"{found.message}\n{found.help}" if found.help else found.message
        related = None
        if found.span.source.depth:
            base = self.location("", config, found.span)
            related = [types.DiagnosticRelatedInformation(base, "it is in this file")]
            name = printable(os.path.basename(found.span.source.name))
            message = f"{name}:{found.span.line}: {message}"
        return types.Diagnostic(
            range=self.range(config, found.span),
            message=message,
            severity=_SEVERITIES[found.severity],
            code=found.id,
            code_description=rule and types.CodeDescription(page_url(rule)),
            source=NAME,
            tags=[types.DiagnosticTag.Deprecated] if is_older else None,
            related_information=related,
        )

    @property
    def _encoding(self) -> Encoding:
        return _ENCODINGS[self.workspace.position_encoding or "utf-16"]

    def _positions(self, config: OpenConfig) -> ClientPositions:
        return config.positions(self._encoding)
