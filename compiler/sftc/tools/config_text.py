"""The values of a config as the text of one: sections, each key on a line, with comments."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tomlkit

from sftc.text.keys import Path, dotted


class LineComments(NamedTuple):
    """The comments of a key: lines `before` it, and the text `behind` it, without their `#`."""

    before: Sequence[str] = ()
    behind: str = ""


CommentsOf = Callable[[Path], LineComments]


def config_lines(table: Mapping[str, Any], comments: CommentsOf, path: Path = ()) -> Iterator[str]:
    """Yield the lines of the table at `path`: its keys, then each of its tables below a header.

    `comments` returns the comments of the key, or of the header, at a path.
    """
    if path:
        yield ""
        yield from _with_comments(f"[{dotted(path)}]", comments(path))
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    for name, value in plain.items():
        line = f"{dotted((name,))} = {_value(value)}"
        yield from _with_comments(line, comments((*path, name)))
    for name, value in table.items():
        if name not in plain:
            yield from config_lines(value, comments, (*path, name))


def _value(value: Any) -> str:
    if isinstance(value, list):  # tomlkit takes a time that grows with the square of its length
        return f"[{', '.join(map(_value, value))}]"
    text: str = tomlkit.item(value).as_string()
    return text


def _with_comments(line: str, comments: LineComments) -> Iterator[str]:
    yield from map(comment_line, comments.before)
    yield f"{line} {comment_line(comments.behind)}" if comments.behind else line


def comment_line(text: str) -> str:
    """Return a comment; characters that TOML does not allow in one are left out."""
    allowed = "".join(char for char in text if char in "\t " or char.isprintable() or char >= "\xa0").rstrip()
    return f"#{allowed}" if not allowed or allowed[0] in "# \t" else f"# {allowed}"
