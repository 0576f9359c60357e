"""The requests of editors: each a function between the protocol and a file beside this one."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from lsprotocol import types
from pygls.uris import to_fs_path

from sftc.checks.rules.model import MODEL
from sftc.editor.completion import Kind, complete
from sftc.editor.hover import hover
from sftc.editor.inlay_hints import inlay_hints
from sftc.editor.language_server import NAME, ConfigServer
from sftc.editor.open_config import OpenConfig
from sftc.editor.outline import OutlineNode, outline
from sftc.editor.quick_fixes import fix_all, has_safe_fixes, quick_fixes
from sftc.editor.rename_key import new_name

SHOW_PAYLOAD: Final = f"{NAME}.showPayload"
"""The command that shows the payload of the config whose URI is its argument."""

_FIX_ALL: Final = f"{types.CodeActionKind.SourceFixAll.value}.{NAME}"
_KINDS: Final[dict[Kind, types.CompletionItemKind]] = {
    "table": types.CompletionItemKind.Module,
    "key": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.Value,
    "name": types.CompletionItemKind.Constant,
    "file": types.CompletionItemKind.File,
    "folder": types.CompletionItemKind.Folder,
}


def _initialize(server: ConfigServer, params: types.InitializeParams) -> None:
    server.begin(params.root_uri, params.initialization_options)


def _initialized(server: ConfigServer, params: types.InitializedParams) -> None:
    """Load what the first finding would load, before the person types."""
    OpenConfig("", "[job]\nmodel = 1\n", server.choices)


def _configure(server: ConfigServer, params: types.DidChangeConfigurationParams) -> None:
    settings: Any = params.settings
    server.choose(settings.get(NAME) if isinstance(settings, dict) else None)
    server.check_all()


def _open(server: ConfigServer, params: types.DidOpenTextDocumentParams) -> None:
    server.check(params.text_document.uri)


def _change(server: ConfigServer, params: types.DidChangeTextDocumentParams) -> None:
    server.check_soon(params.text_document.uri)


def _save(server: ConfigServer, params: types.DidSaveTextDocumentParams) -> None:
    """Check all configs again: others may extend the one that was saved."""
    server.check_all()


def _close(server: ConfigServer, params: types.DidCloseTextDocumentParams) -> None:
    server.forget(params.text_document.uri)


def _hover(server: ConfigServer, params: types.HoverParams) -> types.Hover | None:
    if not (config := server.config(params.text_document.uri)):
        return None
    found = hover(config, server.offset(config, params.position))
    if not found:
        return None
    text = types.MarkupContent(types.MarkupKind.Markdown, found.text)
    return types.Hover(text, server.range(config, found.span))


def _code_actions(server: ConfigServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri, only = params.text_document.uri, params.context.only
    actions: list[types.CodeAction] = []
    if not (config := server.config(uri)):
        return actions
    if _is_asked(types.CodeActionKind.QuickFix.value, only):
        start, end = (server.offset(config, each) for each in (params.range.start, params.range.end))
        actions += [
            types.CodeAction(
                each.title,
                types.CodeActionKind.QuickFix,
                [server.diagnostic(config, each.finding)],
                is_preferred=each.is_preferred,
                edit=server.edits(uri, config, each.edits),
            )
            for each in quick_fixes(config, start, end)
        ]
    if _is_asked(_FIX_ALL, only) and has_safe_fixes(config):
        actions.append(types.CodeAction("Apply all fixes that keep the meaning", _FIX_ALL, data=uri))
    return actions


def _resolve_action(server: ConfigServer, action: types.CodeAction) -> types.CodeAction:
    """Add the edit to the action that applies all fixes, which is found only if a person wants it."""
    config = server.config(str(action.data))
    if config and (edit := fix_all(config)):
        action.edit = server.edits(str(action.data), config, [edit])
    return action


def _is_asked(kind: str, only: Iterable[str] | None) -> bool:
    """Return whether an editor that asks for the kinds `only` wants `kind`; each includes those below it."""
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in only)


def _complete(server: ConfigServer, params: types.CompletionParams) -> list[types.CompletionItem]:
    if not (config := server.config(params.text_document.uri)):
        return []
    offset = server.offset(config, params.position)
    return [
        types.CompletionItem(
            each.label,
            kind=_KINDS[each.kind],
            documentation=types.MarkupContent(types.MarkupKind.Markdown, each.about) if each.about else None,
            sort_text=f"{number:04}",
            filter_text=each.text if each.span.text[:1] in {'"', "'"} else each.label,
            text_edit=types.TextEdit(server.range(config, each.span), each.text),
        )
        for number, each in enumerate(complete(config, offset))
    ]


def _hints(server: ConfigServer, params: types.InlayHintParams) -> list[types.InlayHint]:
    if not (config := server.config(params.text_document.uri)):
        return []
    return [
        types.InlayHint(
            server.position(config, each.offset),
            each.text,
            tooltip=types.MarkupContent(types.MarkupKind.Markdown, each.about),
            padding_left=True,
        )
        for each in inlay_hints(config)
    ]


def _definition(server: ConfigServer, params: types.DefinitionParams) -> types.Location | None:
    """Go from a key to its line in the payload preview, or from a line of a preview to the key."""
    uri = params.text_document.uri
    if config := server.config(uri):
        if not config.valid:
            return None
        preview = server.previews.of(uri, config)
        line = preview.line_of(config, server.offset(config, params.position))
        start = types.Position(line or 0, 0)
        return None if line is None else types.Location(preview.path.as_uri(), types.Range(start, start))
    shown = server.previews.config_of(to_fs_path(uri) or "")
    if not shown or not (config := server.config(shown[0])):
        return None
    span = shown[1].origin_of(config, params.position.line)
    return server.location(shown[0], config, span) if span else None


def _symbols(server: ConfigServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    config = server.config(params.text_document.uri)
    return [_symbol(server, config, each) for each in outline(config)] if config else []


def _symbol(server: ConfigServer, config: OpenConfig, node: OutlineNode) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        node.name,
        types.SymbolKind.Module if node.is_table else types.SymbolKind.Property,
        server.range(config, node.span),
        server.range(config, node.name_span),
        node.detail,
        children=[_symbol(server, config, each) for each in node.children],
    )


def _prepare_rename(
    server: ConfigServer, params: types.PrepareRenameParams
) -> types.PrepareRenamePlaceholder | None:
    config = server.config(params.text_document.uri)
    found = config and new_name(config, server.offset(config, params.position))
    if not config or not found:
        return None
    return types.PrepareRenamePlaceholder(server.range(config, found.span), found.name)


def _rename(server: ConfigServer, params: types.RenameParams) -> types.WorkspaceEdit | None:
    uri = params.text_document.uri
    config = server.config(uri)
    found = config and new_name(config, server.offset(config, params.position))
    if not config or not found or params.new_name != found.name:
        return None
    return server.edits(uri, config, found.edits)


def _lenses(server: ConfigServer, params: types.CodeLensParams) -> list[types.CodeLens]:
    """Offer the payload above the table that names the model."""
    uri = params.text_document.uri
    config = server.config(uri)
    place = config and config.places.get(MODEL.path[:-1])
    if not config or not place or not config.valid:
        return []
    title = f"payload for {config.choices.target.name}"
    title += "" if config.compiled.ok else ", as it was before the errors"
    span = config.source.span(*place.key)
    return [types.CodeLens(server.range(config, span), types.Command(title, SHOW_PAYLOAD, arguments=[uri]))]


def show_payload(server: ConfigServer, uri: str = "") -> str | None:
    """Show the payload of a config in the editor, and return the URI of the file with it."""
    config = server.config(uri)
    if not config or not config.valid:
        return None
    path = server.previews.of(uri, config).path
    window = server.client_capabilities.window
    if window and window.show_document and window.show_document.support:
        server.window_show_document(types.ShowDocumentParams(path.as_uri()), None)
    else:
        server.window_show_message(
            types.ShowMessageParams(types.MessageType.Info, f"the payload is in {path}")
        )
    return path.as_uri()


FEATURES: Final[tuple[tuple[str, Callable[..., Any], Any], ...]] = (
    (types.INITIALIZE, _initialize, None),
    (types.INITIALIZED, _initialized, None),
    (types.WORKSPACE_DID_CHANGE_CONFIGURATION, _configure, None),
    (types.TEXT_DOCUMENT_DID_OPEN, _open, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, _change, None),
    (types.TEXT_DOCUMENT_DID_SAVE, _save, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, _close, None),
    (types.TEXT_DOCUMENT_HOVER, _hover, None),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _code_actions,
        types.CodeActionOptions([types.CodeActionKind.QuickFix, _FIX_ALL], resolve_provider=True),
    ),
    (types.CODE_ACTION_RESOLVE, _resolve_action, None),
    (types.TEXT_DOCUMENT_COMPLETION, _complete, types.CompletionOptions(['"', ".", "[", "/", "="])),
    (types.TEXT_DOCUMENT_INLAY_HINT, _hints, None),
    (types.TEXT_DOCUMENT_DEFINITION, _definition, None),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _symbols, None),
    (types.TEXT_DOCUMENT_PREPARE_RENAME, _prepare_rename, None),
    (types.TEXT_DOCUMENT_RENAME, _rename, types.RenameOptions(prepare_provider=True)),
    (types.TEXT_DOCUMENT_CODE_LENS, _lenses, None),
)
"""The methods of the protocol that the server answers, each with its function and options."""
