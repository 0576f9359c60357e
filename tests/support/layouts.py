"""TOML texts of drawn values, in all forms of people: headers, dotted keys, inline tables, comments."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import tomlkit
from hypothesis import strategies as st

from sftc.text.keys import dotted, key, quoted

_Path = tuple[str, ...]


@st.composite
def texts(draw: st.DrawFn, values: dict[str, Any], remarks: Sequence[str] = ()) -> str:
    """Return a TOML text of `values`, with a comment on most lines: `# c1`, `# c2`, or one of `remarks`.

    Line ends are those of Unix or Windows, and the last one may be missing.
    """
    lines = [*_section(draw, values, (), _commenting(draw, remarks))]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
    return text.replace("\n", newline)


def _commenting(draw: st.DrawFn, remarks: Sequence[str]) -> Callable[[], str]:
    numbers, drawn = count(1), st.sampled_from([*[""] * 2 * len(remarks), "", "c", *remarks])

    def comment() -> str:
        text = draw(drawn)
        return f"# c{next(numbers)}" if text == "c" else text

    return comment


def _section(
    draw: st.DrawFn, table: dict[str, Any], path: _Path, comment: Callable[[], str]
) -> Iterator[str]:
    below: list[str] = []
    for name, value in table.items():
        form = draw(st.sampled_from(["header", "header", "inline", "dotted"]))
        if isinstance(value, dict) and form == "header":
            inner = [*_section(draw, value, (*path, name), comment)]
            if _needs_header(value, inner) or draw(st.booleans()):
                inner = [*_alone(comment()), f"[{dotted((*path, name))}]{_beside(comment())}", *inner]
            below += ["", *inner]
        elif isinstance(value, dict) and value and form == "dotted":
            for inside, child in value.items():
                yield f"{key(name)}.{key(inside)} = {_value(draw, child, comment)}{_beside(comment())}"
        else:
            yield from _alone(comment())
            written = draw(st.sampled_from([key(name), key(name), quoted(name)]))
            yield f"{written} = {_value(draw, value, comment)}{_beside(comment())}"
    yield from below


def _needs_header(table: dict[str, Any], lines: list[str]) -> bool:
    """Return whether a table has a line of its own, or nothing in it that names it."""
    return not table or not lines or lines[0] != ""


def _alone(comment: str) -> list[str]:
    return [comment] if comment else []


def _beside(comment: str) -> str:
    return f" {comment}" if comment else ""


def _value(draw: st.DrawFn, value: Any, comment: Callable[[], str]) -> str:
    if isinstance(value, list) and value and draw(st.booleans()):
        items = "".join(f"  {_inline(item)},{_beside(comment())}\n" for item in value)
        return f"[\n{items}]"
    return _inline(value)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key(name)} = {_inline(child)}' for name, child in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    written: str = tomlkit.item(value).as_string()
    return written
