"""Edits change what they say, in every form that TOML has, and lose no comment."""

import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sftc.document.edits import apply_fixes, move, remove
from sftc.document.toml import parse
from sftc.text.source import Source

names = st.sampled_from("abcd")
tables: Any = st.recursive(
    st.integers(0, 9), lambda child: st.dictionaries(names, child, min_size=1, max_size=3), max_leaves=8
)
Path = tuple[str, ...]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a TOML text whose tables are headers, dotted keys or inline, with a comment on most lines."""
    numbers = iter(range(10**6))
    newline = draw(st.sampled_from(["\n", "\r\n"]))

    def comment() -> str:
        return f" # c{next(numbers)}" if draw(st.booleans()) else ""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            inside = ", ".join(f"{name} = {inline(child)}" for name, child in value.items())
            return f"{{ {inside} }}"
        return str(value)

    def section(path: Path, table: dict[str, Any]) -> Iterator[str]:
        below: list[tuple[Path, dict[str, Any]]] = []
        for name, value in table.items():
            form = (
                draw(st.sampled_from(["header", "inline", "dotted"])) if isinstance(value, dict) else "inline"
            )
            if form == "header":
                below.append(((*path, name), value))
            elif form == "dotted":
                yield from (f"{name}.{inner} = {inline(child)}{comment()}" for inner, child in value.items())
            else:
                if draw(st.booleans()):
                    yield f"# c{next(numbers)}"
                yield f"{name} = {inline(value)}{comment()}"
        for inner, child in below:
            yield from ["", f"[{'.'.join(inner)}]{comment()}", *section(inner, child)]

    values = draw(st.dictionaries(names, tables, min_size=1, max_size=4))
    return newline.join(section((), values)) + draw(st.sampled_from(["", newline]))


def paths(table: dict[str, Any], around: Path = ()) -> Iterator[Path]:
    for name, value in table.items():
        yield (*around, name)
        if isinstance(value, dict):
            yield from paths(value, (*around, name))


def without_empty(table: dict[str, Any]) -> dict[str, Any]:
    """Return the values without empty tables: a table of dotted keys ends with its last key."""
    inner = {name: without_empty(each) if isinstance(each, dict) else each for name, each in table.items()}
    return {name: each for name, each in inner.items() if each != {}}


def popped(table: dict[str, Any], path: Path) -> tuple[dict[str, Any], Any]:
    left = deepcopy(table)
    around = left
    for name in path[:-1]:
        around = around[name]
    return left, around.pop(path[-1])


def comments(text: str) -> list[str]:
    return sorted(re.findall("# c[0-9]+", text))


@given(texts(), st.data())
def test_a_moved_key_is_at_its_new_place_and_nothing_else_changes(text: str, data: st.DataObject) -> None:
    values = tomllib.loads(text)
    path = data.draw(st.sampled_from([*paths(values)]))
    to = tuple(data.draw(st.lists(names, min_size=1, max_size=3)))
    document = parse(Source("c", text))
    if to[: len(path)] == path or not (fix := move(document, path, to, safe=True)):
        return
    after = apply_fixes(document.source, [fix]).text
    expected, value = popped(values, path)
    around = expected
    for name in to[:-1]:
        around = around.setdefault(name, {})
    around[to[-1]] = value
    assert without_empty(tomllib.loads(after)) == without_empty(expected)
    assert comments(after) == comments(text)
    assert ("\r\n" in after) == ("\r\n" in text) or "\n" not in text


@given(texts(), st.data())
def test_a_removed_key_is_gone_and_nothing_else_changes(text: str, data: st.DataObject) -> None:
    values = tomllib.loads(text)
    path = data.draw(st.sampled_from([*paths(values)]))
    document = parse(Source("c", text))
    if fix := remove(document, path, safe=True):
        after = apply_fixes(document.source, [fix]).text
        assert without_empty(tomllib.loads(after)) == without_empty(popped(values, path)[0])
        assert comments(after) == comments(text)


def test_most_keys_of_any_form_can_be_moved() -> None:
    for text in ("a.b = 1\n", "a = { b = 1 }\n", "[a]\nb = 1\n", "[ a ]\nb = 1", "['a']\nb = 1\n"):
        document = parse(Source("c", text))
        assert move(document, ("a", "b"), ("c", "d"), safe=True), text
        assert remove(document, ("a", "b"), safe=True), text
