"""The scanner finds the same keys and values as the parser, and their positions."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.document.places import Scanner, TooDeep
from sftc.text.keys import MAX_DEPTH
from support.configs import anything, names, toml
from support.golden import cases


def paths(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    found = {path: value} if path else {}
    for part, child in children:
        found |= paths(child, (*path, part))
    return found


def check(text: str) -> None:
    values = paths(tomllib.loads(text))
    scanner = Scanner(text)
    assert scanner.complete
    assert not scanner.repeats
    assert scanner.places.keys() == values.keys()
    for path, place in scanner.places.items():
        name = text[slice(*place.key)]
        if isinstance(path[-1], str):
            assert tomllib.loads(f"{name} = 0") == {path[-1]: 0}
        if place.value:
            assert repr(tomllib.loads(f"x = {text[slice(*place.value)]}")["x"]) == repr(values[path])


@given(st.dictionaries(names, anything, max_size=4))
def test_the_scanner_finds_the_place_of_every_key_and_value(config: dict[str, Any]) -> None:
    check(toml(config))


TEXTS = [
    "a.b.c = 1\na.b.d = 2\n[e.f]\ng = 3\n[e]\nh = 4",
    "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\nf = 4\n[[a.e]]\n[[a]]\n[[a.e]]\ng = 5",
    "a = [ # one\n  1, 2, # two\n  [3, {x = 4, y.z = [5]}],\n]\nb = 6",
    'a = """x"""\nb = """"quoted""""\nc = """\nmany\n\\"""\n"""\nd = ""\ne = """"""',
    "a = '''x'''\nb = ''''quoted''''\nc = '''\nmany '\n'''\nd = ''\ne = ''''''",
    '"a b" . \'c.d\' . e = 1\n["f \\" g"]\n"\\u00e9" = 2',
    "a = 1979-05-27 07:32:00\nb = 07:32:00 # time\nc = +inf\nd = 0xff\ne = { f = nan }",
    "a = 1\r\n[b]\r\nc = [\r\n1,\r\n]\r\n",
    "  # only a comment\n\n",
    "a = {}\nb = []\nc = {d = {}, e = [[], {}]}",
    "[a]\n[a.b.c]\n[a.b]\nd = 1",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_handwritten_configs(text: str) -> None:
    check(text)


@pytest.mark.parametrize("case", cases("accept"), ids=lambda case: case.name)
def test_golden_configs(case: Path) -> None:
    check((case / "config.toml").read_bytes().decode())


@given(st.text(st.sampled_from("ab.=[]{}\"'#, \n\\1"), max_size=40))
def test_invalid_toml_does_not_crash_the_scanner(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        Scanner(text)
    else:
        check(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a = 1\nb = 2\na = 3", ("a",)),
        ("[a]\n[b]\n[a]", ("a",)),
        ("a = {b = 1, b = 2}", ("a", "b")),
        ("a = 1\n[a]", ("a",)),
        ("a.b = 1\na = 2", ("a",)),
        ("a = [{b = 1, b = 2}]", ("a", 0, "b")),
    ],
)
def test_repeated_keys_are_found(text: str, path: tuple[str | int, ...]) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    [(found, first, again)] = Scanner(text).repeats
    assert found == path
    assert text[slice(*first.key)] == text[slice(*again.key)]
    assert first.key < again.key


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1])
@pytest.mark.parametrize(
    "nest",
    [
        lambda n: f"a = {'[' * (n - 1)}1{']' * (n - 1)}",
        lambda n: f"a = {'{a=' * (n - 1)}1{'}' * (n - 1)}",
        lambda n: ".".join("a" * n) + " = 1",
        lambda n: f"[{'.'.join('a' * (n - 20))}]\n{'.'.join('a' * 20)} = 1",
        lambda n: f"[{'.'.join('a' * n)}]",
    ],
)
def test_nesting_beyond_the_limit_raises(nest: Any, levels: int) -> None:
    if levels > MAX_DEPTH:
        with pytest.raises(TooDeep):
            Scanner(nest(levels))
    else:
        check(nest(levels))
