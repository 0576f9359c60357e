"""Rules about strings that are sent, or that name a file: characters one does not see, placeholders, keys."""

from collections.abc import Iterator
from typing import Final

from sftc.checks.config import Config
from sftc.checks.rules.model import MODEL
from sftc.document.edits import rewrite
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.characters import character_name, hidden_places, is_control, is_invisible
from sftc.text.keys import Path, dotted, key, quoted
from sftc.text.placeholders import placeholder_in
from sftc.text.secrets import find_secret

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'

_ESCAPES: Final = {
    "\t": ("\\t", "a tab"),
    "\n": ("\\n", "a line break"),
    "\r": ("\\r", "a carriage return"),
    "\b": ("\\b", "a backspace"),
    "\f": ("\\f", "a form feed"),
    "\x1b": ("\\e", "an escape character"),
}
_LAYOUT: Final = "\t\n\r"
_JOINERS: Final = "\u200c\u200d"
_SHORTEST_SECRET: Final = 8


def _names_file(config: Config, path: Path) -> bool:
    files = (row.path for row in config.contract.mapping.unsent if row.used_by == "submission")
    return any(path[: len(file)] == file for file in files)


def _is_used(config: Config, path: Path, text: str) -> bool:
    """Return whether the string at `path` is sent, or names a file; not one that is an error as it is."""
    if not (config.contract.is_sent(path) or _names_file(config, path)):
        return False
    return path not in config.contract.properties or config.contract.allows(path, text.strip())


def _unseen(config: Config) -> Iterator[Finding]:
    for path, written in config.strings:
        if written.isascii() and written.isprintable() and written == written.strip():
            continue
        # The schema's own finding is about white space around such a string.
        is_told = not written.strip() or "not" in config.contract.properties.get(path, {})
        text = written.strip() if is_told else written
        if not _is_used(config, path, text):
            continue
        is_prose = _is_prose(config, path)
        at = next(_unseen_places(text, is_prose=is_prose), None)
        if at is not None:
            yield _unseen_at(config, path, text, at)
        elif text.strip() != text and not is_prose:
            message = f"`{dotted(path)}` begins or ends with white space"
            yield _unseen_finding(config, path, message, text.strip())


def _unseen_names(config: Config) -> Iterator[Finding]:
    for path, _ in config.strings:
        name = str(path[-1])
        if name.isascii() and name.isprintable():
            continue
        at = next(_unseen_places(name), None)
        if at is not None and config.contract.is_sent(path):
            char = name[at]
            what = character_name(char) if is_invisible(char) else f"a control character (U+{ord(char):04X})"
            message = f"the key `{dotted(path)}` contains {what}, which is hard to see"
            help = f"write `{key(_clean(name))}`"
            yield UNSEEN_CHARACTER.finding(config.document.span(path, "key"), message, path=path, help=help)


def _is_prose(config: Config, path: Path) -> bool:
    """Return whether the string at `path` is text that a person writes: it may have lines, and blanks around."""
    schemas = (config.contract.properties.get(path[:length], {}) for length in range(1, len(path) + 1))
    return any(schema.get("x-sftc", {}).get("prose") for schema in schemas)


def _unseen_places(text: str, *, is_prose: bool = False) -> Iterator[int]:
    """Yield where `text` has characters that are hard to see and do nothing for those beside them."""
    for at in hidden_places(text):
        if is_prose and text[at] in _LAYOUT:
            continue
        is_inside = 0 < at < len(text) - 1 and not (text[at - 1].isascii() or text[at + 1].isascii())
        if text[at] not in _JOINERS or not is_inside:  # emoji and some scripts join characters with them
            yield at


def _unseen_at(config: Config, path: Path, text: str, at: int) -> Finding:
    char, written, name = text[at], config.document.span(path).text, dotted(path)
    clean = _clean(text, is_prose=_is_prose(config, path))
    if is_invisible(char):
        message = f"`{name}` contains {character_name(char)}, which is hard to see"
        return _unseen_finding(config, path, message, clean)
    escape, what = _ESCAPES.get(char, (None, "a control character"))
    code = f"U+{ord(char):04X}"
    if not (escape and escape in written and written.startswith('"')):
        return _unseen_finding(config, path, f"`{name}` contains {what} ({code})", clean)
    message = f"`{escape}` in `{name}` is {what} ({code}): in double quotes a backslash starts an escape"
    if not (_names_file(config, path) or path == MODEL.path):  # a model may be a folder
        return _unseen_finding(config, path, message, clean)
    slashes = _clean(written.strip('"').replace("\\\\", "/").replace("\\", "/"))
    return _unseen_finding(config, path, message, slashes, "or single quotes, in which it is a backslash")


def _clean(text: str, *, is_prose: bool = False) -> str:
    """Return `text` with spaces for tabs and the like, without characters that show as nothing."""
    unseen = {*_unseen_places(text, is_prose=is_prose)}
    kept = (
        (" " if char.isspace() or is_control(char) else "") if at in unseen else char
        for at, char in enumerate(text)
    )
    return "".join(kept) if is_prose else "".join(kept).strip()


def _unseen_finding(config: Config, path: Path, message: str, clean: str, more: str = "") -> Finding:
    help, fix = "write it without", None
    if clean.strip():
        help = ", ".join(filter(None, [f"write `{quoted(clean)}`", more]))
        fix = rewrite(config.document, path, quoted(clean), safe=False)
    return UNSEEN_CHARACTER.finding(config.document.span(path), message, path=path, help=help, fix=fix)


def _placeholder(config: Config) -> Iterator[Finding]:
    for path, text in config.strings:
        # Other strings, such as tags and notes, may have words in braces for the person's own programs.
        is_name = path in config.contract.properties or _names_file(config, path)
        found = placeholder_in(text, is_name=is_name, is_prose=_is_prose(config, path))
        if found and _is_used(config, path, text):
            message = f"`{found}` in `{dotted(path)}` is not replaced by anything: the text is used as it is"
            help = instead_of_placeholder(path)
            yield PLACEHOLDER.finding(config.document.span(path), message, path=path, help=help)


def instead_of_placeholder(path: Path) -> str:
    """Return what to do about a placeholder at `path`."""
    flag = f", or pass it on the command line: `--set {dotted(path)}=...`"
    return "write the value" + flag * all(isinstance(part, str) for part in path)


def _secret(config: Config) -> Iterator[Finding]:
    for path, text in config.strings:
        if len(text) < _SHORTEST_SECRET:
            continue
        names = [part for part in path if isinstance(part, str)]
        if secret := find_secret(text, names[-1] if names else ""):
            what, start = secret
            is_sent = _is_forwarded_whole(config, path)
            fate = "forwarded with the payload" if is_sent else "kept in the config"
            message = f"`{dotted(path)}` looks like {what} (`{start}…`), and is {fate}"
            help = "remove it, and revoke it if the file was shared; give secrets to programs in environment variables"
            found = SECRET.finding(config.document.span(path), message, path=path, help=help)
            yield found._replace(severity=Severity.ERROR) if is_sent else found


def _is_forwarded_whole(config: Config, path: Path) -> bool:
    """Return whether the value at `path` is sent in a table that is forwarded; its unknown keys may not be."""
    rows = (row for row in config.contract.mapping.rows if row.op == "verbatim")
    row = next((each for each in rows if path[: len(each.path)] == each.path), None)
    known = path[: len(row.path) + 1] if row else path
    return row is not None and (not row.closed or known in config.contract.properties)


UNSEEN_CHARACTER = Rule(
    id="unseen-character",
    severity=Severity.WARNING,
    title="a string has characters that one does not see",
    why="A tab, a no-break space or a space at the end makes another name of it: the file is not found, or the service does not know the word. They come from escapes such as `\\t` in a path, and from copied text.",
    act="Write the string without them. A path has slashes, or single quotes around it.",
    invalid=_JOB + 'data = "data\\train.jsonl"\n',
    valid=_JOB + 'data = "data/train.jsonl"\n',
)

PLACEHOLDER = Rule(
    id="placeholder",
    severity=Severity.WARNING,
    title="a placeholder is not replaced",
    why="Nothing expands variables, `~` or templates in a config. The text is sent, or used as a path, as it is.",
    act="Write the value, or pass it with `--set`.",
    invalid='[job]\nmodel = "${BASE_MODEL}"\n',
    valid=_JOB,
)

SECRET = Rule(
    id="secret",
    severity=Severity.WARNING,
    title="a string looks like a secret",
    why="Configs are committed, and payloads are stored and shown by services. In a table that is forwarded unchanged it is an error, since the secret would be sent.",
    act="Remove it from the config, and revoke it if the file was shared. Programs read secrets from environment variables.",
    invalid=_JOB + f'\n[algorithm]\ntoken = "{"hf_" + "a1B2" * 9}"\n',
    valid=_JOB,
)

RULES = (UNSEEN_CHARACTER, PLACEHOLDER, SECRET)
CHECKS = (_unseen, _unseen_names, _placeholder, _secret)
