"""Text to values, for a config of another trainer: YAML parsed, and where each key and comment is.

Plain scalars are read as the YAML 1.1 of PyYAML, which the trainers use; numbers such as `1e-4`, which it
takes for strings, are numbers.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sftc.findings.finding import ConfigError
from sftc.findings.stage_rules.imports import YAML_SYNTAX
from sftc.text.characters import character_name, is_invisible
from sftc.text.keys import MAX_DEPTH, Path, dotted
from sftc.text.source import Source, Span

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

MAX_VALUES: Final = 20_000
"""The most values of a config, aliases counted as often as they are used."""

_COMMENT: Final = re.compile("#[^\r\n\x85\u2028\u2029]*")
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset(
    each for word in ("yes", "true", "on") for each in (word, word.title(), word.upper())
)
_FALSE: Final = frozenset(
    each for word in ("no", "false", "off") for each in (word, word.title(), word.upper())
)
_INTEGER: Final = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*)")
_FLOAT: Final = re.compile(
    r"[-+]?(?:(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
_TAG: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset({"str", "int", "float", "bool", "null", "map", "seq", "merge", "timestamp", "value"})
_NO_IMPORT: Final = "TOML is the language of sftc: it needs no import"


class KeyPlace(NamedTuple):
    """Where a key and its value are written."""

    key: Span
    value: Span


class YamlComment(NamedTuple):
    """A comment without its `#`: on a line of its own, or behind the key at `path`.

    `path` of one on a line of its own is the next key; `None` at the top of a file, before a blank line,
    and behind the last key.
    """

    text: str
    path: Path | None
    is_own_line: bool
    is_top: bool = False


class YamlDocument(NamedTuple):
    """A parsed config of another trainer. A key without a value has the value `None`."""

    source: Source
    values: dict[str, Any]
    places: dict[Path, KeyPlace]
    comments: tuple[YamlComment, ...]


def parse_yaml(source: Source) -> YamlDocument:
    """Parse `source` as one YAML document that is a table.

    Raises:
        ConfigError: it is not YAML, is empty, holds several documents or no table, defines a key
            twice, has a tag that makes other values than JSON has, nests more than 64 levels deep, or
            has more values than a config needs.
        ModuleNotFoundError: ruamel.yaml is not installed.
    """
    from ruamel.yaml.nodes import MappingNode

    source = Source(source.name, source.text.removeprefix("\ufeff"))
    root = _composed(source)
    if not isinstance(root, MappingNode):
        message = "is empty" if root is None else "is not a table of keys and values"
        help = _NO_IMPORT if _is_toml(source.text) else "each line has the form `key: value`"
        raise _wrong(source.span(0, 0), f"the config {message}", help)
    reader = _Reader(source)
    values = reader.value(root, ())
    return YamlDocument(source, values, reader.places, tuple(_comments(source, reader)))


def _composed(source: Source) -> "Node | None":
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    end = len(source.text)
    try:
        _check_size(source)
        root: Node | None = YAML(typ="safe", pure=True).compose(source.text)
    except MarkedYAMLError as error:
        at = min(error.problem_mark.index if error.problem_mark else 0, end)
        if (hidden := _hidden_near(source.text, at)) is not None:
            message = f"the config is not YAML: {character_name(source.text[hidden])} is not a plain space"
            help = "delete the character, or write a plain space instead"
            raise _wrong(source.span(hidden, hidden + 1), message, help) from None
        raise _wrong(source.span(at, min(at + 1, end)), *_problem(source, error, at)) from None
    except ReaderError as error:
        at = min(error.position, end)
        raise _wrong(source.span(at, at + 1), "YAML does not allow this character", "remove it") from None
    except (YAMLError, ValueError) as error:
        raise _wrong(source.span(0, 0), f"the config is not YAML: {error}") from None
    return root


def _hidden_near(text: str, at: int) -> int | None:
    """Return where a character that shows as a space is, on the line of an error or on the line before."""
    start = text.rfind("\n", 0, max(text.rfind("\n", 0, at), 0)) + 1
    end = text.find("\n", at) if "\n" in text[at:] else len(text)
    return next((place for place in range(start, end) if is_invisible(text[place])), None)


def _check_size(source: Source) -> None:
    """Make sure that the text has no more values and levels than a config: the parser takes long for them."""
    from ruamel.yaml import YAML
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, NodeEvent

    depth = number = 0
    for event in YAML(typ="safe", pure=True).parse(source.text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        number += isinstance(event, NodeEvent)
        if depth > MAX_DEPTH + 1:
            raise _too_deep(source.span(event.start_mark.index, event.end_mark.index))
        if number > MAX_VALUES:
            raise _too_many(source.span(event.start_mark.index, event.end_mark.index))


def _problem(source: Source, error: Any, at: int) -> tuple[str, str | None]:
    """Return what is wrong, and what to do, for an error of the parser at the offset `at`."""
    problem = re.sub(r"\('(.*?)',\)", r"'\1'", error.problem or error.context or "it cannot be parsed")
    if source.text[at : at + 1] == "\t":
        return "YAML does not allow a tab here", "indent with spaces"
    if "another document" in problem:
        return "the file has several documents", "import one at a time: split the file at the line `---`"
    if "undefined alias" in problem:
        return f"the config is not YAML: {problem}", "an alias `*name` needs an anchor `&name` before it"
    if source.text.lstrip().startswith("[") or _is_toml(source.text):
        return f"the config is not YAML: {problem}", _NO_IMPORT
    return f"the config is not YAML: {problem}", None


def _is_toml(text: str) -> bool:
    import tomllib

    try:
        return bool(tomllib.loads(text))
    except (ValueError, RecursionError):
        return False


def _wrong(span: Span, message: str, help: str | None = None, path: Path = ()) -> ConfigError:
    return ConfigError([YAML_SYNTAX.finding(span, message, path=path, help=help)])


def _too_many(span: Span) -> ConfigError:
    return _wrong(span, f"the config has more than {MAX_VALUES:,} values", "write it without aliases")


def _too_deep(span: Span) -> ConfigError:
    return _wrong(span, f"values are nested more than {MAX_DEPTH} levels deep", "flatten the value")


class _Reader:
    """Makes values of nodes, and keeps where they are."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: dict[Path, KeyPlace] = {}
        self.scalars: list[tuple[int, int]] = []
        self.keys: list[tuple[int, Path]] = []
        self._left = MAX_VALUES

    def value(self, node: "Node", path: Path) -> Any:
        """Return the value of a node."""
        from ruamel.yaml.nodes import MappingNode, ScalarNode

        self._left -= 1
        if self._left < 0:
            raise _too_many(self._span(node))
        if len(path) > MAX_DEPTH:
            raise _too_deep(self._span(node))
        kind = str(node.tag).removeprefix(_TAG)
        if kind not in _TAGS:
            message = f"the tag `{node.tag}` makes a value that no config can have"
            raise _wrong(self._span(node), message, "remove the tag", path)
        if isinstance(node, ScalarNode):
            return self._scalar(node, kind)
        return self._table(node, path) if isinstance(node, MappingNode) else self._list(node, path)

    def _span(self, node: "Node") -> Span:
        return self.source.span(node.start_mark.index, node.end_mark.index)

    def _scalar(self, node: "ScalarNode", kind: str) -> Any:
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in {"|", ">"}:  # a comment may follow the sign
            start = self.source.text.find("\n", start, end) + 1 or end
        self.scalars.append((start, end))
        is_text = kind == "str" and (node.style or self.source.text.startswith("!", start))
        return node.value if is_text else plain_value(node.value)

    def _list(self, node: "Node", path: Path) -> list[Any]:
        found = []
        for number, child in enumerate(node.value):
            self.places.setdefault((*path, number), KeyPlace(self._span(child), self._span(child)))
            found.append(self.value(child, (*path, number)))
        return found

    def _table(self, node: "MappingNode", path: Path) -> dict[str, Any]:
        table: dict[str, Any] = {}
        merged: list[Node] = []
        for key, child in node.value:
            name = self._name(key)
            if name == "<<" and not key.style:
                merged.append(child)
                continue
            if name in table:
                first = self.places[*path, name].key.line
                message = f"`{dotted((*path, name))}` is set twice: line {first} has it, too"
                raise _wrong(self._span(key), message, "keep one of the two", (*path, name))
            self.keys.append((key.start_mark.index, (*path, name)))
            self.places[*path, name] = KeyPlace(self._span(key), self._span(child))
            table[name] = self.value(child, (*path, name))
        for child in merged:
            self._merge(table, child, path)
        return table

    def _merge(self, table: dict[str, Any], node: "Node", path: Path) -> None:
        """Add the keys of a merged table that `table` has not."""
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        nodes = node.value if isinstance(node, SequenceNode) else [node]
        for each in nodes:
            if not isinstance(each, MappingNode):
                raise _wrong(self._span(each), "`<<` merges tables, and this is not one", path=path)
            own, keys = dict(self.places), len(self.keys)
            found = self._table(each, path)
            del self.keys[keys:]
            self.places.update(own)
            for name, value in found.items():
                table.setdefault(name, value)

    def _name(self, key: "Node") -> str:
        from ruamel.yaml.nodes import ScalarNode

        if not isinstance(key, ScalarNode):
            raise _wrong(self._span(key), "a key must be one word or text")
        self.scalars.append((key.start_mark.index, key.end_mark.index))
        return str(key.value)


def plain_value(text: str) -> Any:
    """Return the value of a scalar without quotes.

    >>> plain_value("1e-4"), plain_value("off"), plain_value("~"), plain_value("v1")
    (0.0001, False, None, 'v1')
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(text):
        sign, digits = plain[: plain[0] in "+-"], plain.lstrip("+-")
        return int(sign + digits, 0 if digits[1:2] in {"b", "x", "o"} else 10) if len(plain) < 100 else text
    if _FLOAT.fullmatch(text):
        return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _comments(source: Source, reader: _Reader) -> Iterator[YamlComment]:
    """Yield the comments, in order: what begins with `#` outside of all scalars."""
    from bisect import bisect_right

    text, keys = source.text, sorted(reader.keys)
    starts = [start for start, _ in keys]
    found = list(_marks(text, sorted(reader.scalars)))
    first = starts[0] if starts else len(text)
    top = _end_of_top(text, [match for match in found if match.start() < first], first)
    for match in found:
        at = match.start()
        line = text.rfind("\n", 0, at) + 1
        own = not text[line:at].strip()
        index = bisect_right(starts, at)
        next_key = keys[index][1] if index < len(keys) else None
        behind = keys[index - 1][1] if index else None
        is_top = own and at < top
        path = None if is_top else next_key if own else behind
        yield YamlComment(match[0][1:], path, own, is_top)


def _end_of_top(text: str, before: list[re.Match[str]], first: int) -> int:
    """Return the offset up to which comments are about the file: behind the last one before a blank line."""
    nexts = [*(each.start() for each in before[1:]), first]
    gaps = zip(before, nexts, strict=False)
    return max((each.end() for each, after in gaps if text.count("\n", each.end(), after) > 1), default=0)


def _marks(text: str, scalars: list[tuple[int, int]]) -> Iterator[re.Match[str]]:
    at = 0
    for start, end in (*scalars, (len(text), len(text))):
        while at < start and (match := _COMMENT.search(text, at, start)):
            at = match.end()
            before = text[match.start() - 1 : match.start()]
            if not before.strip(" \t\r\n\x85\u2028\u2029\ufeff"):
                yield match
            else:
                at = match.start() + 1
        at = max(at, end)
