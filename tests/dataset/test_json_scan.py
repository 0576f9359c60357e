"""The scanner follows RFC 8259 exactly, and so do the findings of the checker."""

import json
import tracemalloc
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.dataset.examine_row import remarks
from sftc.dataset.json_scan import NotJsonError, Scan
from sftc.text.keys import Path

ROW = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "metadata": '


def cases(text: str, separator: str | None = None) -> list[str]:
    return text.split(separator)


ACCEPTED = [
    *cases(r"""
0 -0 7 -7 10 1234567890 0.0 -0.0 0.5 10.25 1e5 1E5 1e+5 1E-05 -1.5e-3 0e0 0E+00 1e00 20e-400 1e400 -1e400
1.0e999999 9007199254740993 18446744073709551616 -9223372036854775809 true false null [] {} [[]] [{}] {"":0}
[1,2] [null,true,false] [-0,0e1] [[[[1]]]] [{"a":[{}]}] {"a":1} {"a":1,"a":2} {"a":{"a":1}}
{"a":1,"\u0061":2} {"null":null} {"\"":1} {"a":1,"b":2} {"é":1} "" "a" "\"" "\\" "\/" "/" "\b\f\n\r\t"
"\u0041" "\u00e9" "\uABCD" "\uabcd" "\u0000" "\u001f" "\ud83d\ude00" "\uD83D\uDE00" "\uffff" "\ufdd0"
"\\u12" "\\\\" "\\\"" "\\\/" "\"\"" "\ud83d" "\ude00" "\ude00\ud83d" "\ud83d\ud83d" "\ud83dx" "\ud83d\u0041"
{"\ud800":1} ["\udfff"] "{}[],:" "é" "日本語" "😀" "//" "/**/" "#"
"""),
    *cases('"\x7f" "\x80" "\ufeff" "\U0010ffff" "\ue000" "\ufffe"'),
    *cases(' 1|1 |\t1|1\t|\n1\n|\r1\r| [ 1 , 2 ] |{ "a" : 1 }|\n{\r"a"\t:\n1 ,"b":2\r}|[ ]|{\n}|"a b"', "|"),
    *cases('"\u00a0"|"it\'s"|" "|"\u2028\u2029"|"\x85"|"\u3000"|{" ":" "}', "|"),
    *("9" * 400, "1" * 5000, "0." + "0" * 400 + "1", "1" + "0" * 400 + "." + "5" * 400),
    *("[" * 498 + "]" * 498, '{"a":' * 498 + "1" + "}" * 498, "[" + "1," * 999 + "1]"),
]

REJECTED = [
    *cases(r"""
01 -01 00 -00 1. .5 -.5 +1 ++1 -+1 --1 - + . 1.e5 1e 1e+ 1E- 1.5e 1e1.5 1e+-1 1..5 1.5.5 1e5e5 0x1F 0b1 0o7
1_000 1,000 1/2 1n 1f 1.0f 1L 2+2 1- 0e 0.e1 ½ ∞ 1é NaN nan -NaN Infinity -Infinity inf -inf undefined None
True False TRUE Null nil yes tru nul truex true1 true_ true.5 nullnull falsetrue a word $ @ ` ~ _ \ / // # ;
: , = () <a> (1) 'a' 'a" "a' `a` “a” «a» {'a':1} {"a":'b'} ['a'] '' " "a a" "a"" ""a "a"b "a""b" "\" "\\\"
"a\ "\a" "\v" "\0" "\1" "\x41" "\e" "\u" "\u1" "\u12" "\u123" "\u12g4" "\u+123" "\u{41}" "\U0041" "\'"
"\u00_1" "\u-001" "\n\" "\N{DASH}" "\é" [ ] [[] []] [1, [,] [1,] [,1] [1,,2] [1;2] [1:2] [} {] [1}] ["a":1]
[1,2]] [1]2 [1][2] { } {{} {}} {"a"} {"a":} {"a":1,} {,} {,"a":1} {"a":1,,"b":2} {:1} {"a"1} {"a"::1}
{"a":1:2} {"a",1} {"a"=1} {"a"=>1} {a:1} {1:1} {null:1} {true:1} {[]:1} {{}:1} {"a":1;"b":2} {"a":1"b":2}
{"a":1]} {"a":1}} {"a":1}{ {"a":1},{"b":2} {"a":1},1 1,2 ... [...] {...} {"a":[} [{"a":1] &nbsp; <?xml?> --
"""),
    *cases('\u0661 1\u0661 \u22121 1e\uff15 1\x7f \x1b[0m1 \x08 "\\u\uff10\uff10\uff14\uff11"'),
    *cases('| |\n|\t\r\n |\r|1 2|"a" "b"|1\n2|[1] [2]|{} {}|true false|nu ll|- 1|[1 2]|["a" "b"]', "|"),
    *cases('{"a" 1}|{"a": 1 "b": 2}|1 .5|1 e5|"\\u 041"|"\\ n"|{"a" "b": 1}|1 // one|// one\n1', "|"),
    *cases('/* one */ 1|1 # one|[1, /* two */ 2]|{"a": 1 // one\n}|key: value|- item|a = 1', "|"),
    *cases('\ufeff1|1\ufeff|\ufeff|\ufeff{}|[\ufeff1]|\0|1\0|\0001|[\0]|{"a"\0:1}|\0\0\0\0', "|"),
    *("[" * 10_000, '{"a":' * 10_000, "[" * 10_000 + "]" * 9_999, "[" * 600 + "x" + "]" * 600, "]" * 10_000),
]

SPACES = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2000\u2003\u2009\u200b\u2028\u2029\u202f\u205f\u3000"

# Bytes in hexadecimal: 22 is a quote.
NOT_UTF8 = [
    *cases("228022 22bf22 22ff22 22fe22 22c0af22 22c1bf22 22e080af22 22eda08022 22edbfbf22 22f08080af22"),
    *cases("22f490808022 22f580808022 22e922 22c322 22e38122 22f09f9822 7b22e9223a317d 31ff a031 2261c3"),
    *cases("eda0bdedb880 22eda0bdedb88022 fffe3100 ff"),
]


@pytest.mark.parametrize("text", ACCEPTED, ids=lambda text: ascii(text)[:40])
def test_valid_json_is_accepted(text: str) -> None:
    assert Scan(text).places[()] == (len(text) - len(text.lstrip()), len(text.rstrip()))
    found = {remark.rule.id for remark in remarks((ROW + '{"value": ' + text + "}}").encode())}
    assert found <= {"lone-surrogate", "number-beyond-range", "duplicate-name", "nul-in-text"}


def refused(text: str) -> NotJsonError:
    with pytest.raises(NotJsonError) as caught:
        Scan(text)
    assert 0 <= caught.value.at <= len(text)
    assert str(caught.value)
    return caught.value


@pytest.mark.parametrize("text", REJECTED, ids=lambda text: ascii(text)[:40])
def test_invalid_json_is_refused(text: str) -> None:
    refused(text)
    assert [remark.rule.id for remark in remarks(text.encode())] == ["row-not-json"]


@pytest.mark.parametrize("char", [chr(code) for code in range(0x20)], ids=ascii)
def test_an_unescaped_control_character_is_refused_at_its_position(char: str) -> None:
    for text, at in ((f'"{char}"', 1), (f'["a", "b{char}c"]', 8), (f'{{"a\\n{char}": 1}}', 5)):
        assert refused(text).at == at
        [remark] = remarks(text.encode())
        assert (remark.rule.id, remark.at) == ("row-not-json", (at, at + 1))


@pytest.mark.parametrize("char", SPACES, ids=ascii)
def test_unicode_spaces_between_tokens_are_refused(char: str) -> None:
    for text in (f"{char}1", f"1{char}", f"[1,{char}2]", f'{{"a"{char}:1}}', f"[{char}]"):
        refused(text)
        assert [remark.rule.id for remark in remarks(text.encode())] == ["row-not-json"]


@pytest.mark.parametrize("data", NOT_UTF8)
def test_invalid_utf8_is_refused(data: str) -> None:
    assert [remark.rule.id for remark in remarks(bytes.fromhex(data))] == ["row-not-utf8"]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_ten_thousand_levels_are_too_deep_and_take_little_memory(opening: str, closing: str) -> None:
    text = opening * 10_000 + "1" + closing * 10_000
    tracemalloc.start()
    try:
        assert Scan(text).depth == 10_000
        assert [remark.rule.id for remark in remarks(text.encode())] == ["row-too-deep"]
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


names = st.text(max_size=4) | st.sampled_from(["", "a", "é", '"', "\\", "\n", "😀", "a.b"])
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
)
spacings: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "indent": st.sampled_from([None, None, 0, 1, "\t", " \r\n"]),
        "separators": st.sampled_from([None, (",", ":"), (" , ", " : "), ("\n,\t", "\r:"), (",  ", ":\n")]),
    }
)


def paths(value: Any, path: Path = ()) -> dict[Path, Any]:
    found = {path: value}
    parts = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for part in parts:
        found |= paths(value[part], (*path, part))
    return found


@given(values, spacings, st.text(" \t\r\n", max_size=3))
def test_the_scanner_finds_the_place_of_every_value(value: Any, spacing: dict[str, Any], around: str) -> None:
    text = around + json.dumps(value, **spacing) + around
    scan, expected = Scan(text), paths(value)
    assert scan.places.keys() == expected.keys()
    for path, (start, end) in scan.places.items():
        assert repr(json.loads(text[start:end])) == repr(expected[path])
        assert text[start:end] == text[start:end].strip(" \t\r\n")
    assert not scan.repeated
    assert not scan.surrogates
    nested = [len(path) + isinstance(each, list | dict) for path, each in expected.items()]
    assert scan.depth == max(nested)


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def by_the_parser(text: str) -> bool:
    """Return whether json.loads accepts `text`, adjusted to follow RFC 8259."""
    try:
        # json.loads accepts NaN and Infinity, which are not JSON. It refuses integers of over
        # 4,300 digits, which are JSON, so they stay text. There is no deep nesting here.
        json.loads(text, parse_constant=_refuse, parse_int=str)
    except ValueError:
        return False
    return True


PIECES = [
    *'{}[]",:\\/ \t\n\r0123456789-+.eEabfnrtu\0\x0b\x1f\x7f\xa0é\ufeff',
    *cases("\\u \\ud83d true null NaN"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = json.dumps(draw(values), **draw(spacings))
    for _ in range(draw(st.integers(0, 3))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        kind = draw(st.sampled_from(["cut", "put", "change", "repeat"]))
        piece = draw(st.sampled_from(PIECES))
        if kind == "put":
            text = text[:first] + piece + text[first:]
        elif kind == "change":
            text = text[:first] + piece + text[first + 1 :]
        elif kind == "repeat":
            text = text[:last] + text[first:]
        else:
            text = text[:first] + text[last:]
    return text


@given(mutated() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_the_scanner_agrees_with_the_parser(text: str) -> None:
    said = [remark.rule.id for remark in remarks(text.encode())]
    if by_the_parser(text):
        Scan(text)
        assert "row-not-json" not in said
    else:
        refused(text)
        assert said == ["row-not-json"]


UNITS = cases(r"a é \\ \n \/ \\u \u0041 \ufffd \u00e9 \ud83d \uDBFF \ude00 \uDC00")
units = st.lists(st.sampled_from(UNITS), max_size=6)


def halves(tokens: list[str], start: int) -> list[tuple[int, int]]:
    """Return the positions of lone surrogates, if `tokens` are written at `start`."""
    found: list[tuple[int, int]] = []
    at, open_ = start, False
    for token in tokens:
        high, low = token[:4].lower() in {"\\ud8", "\\udb"}, token[:4].lower() in {"\\udc", "\\ude"}
        if low and open_:
            found.pop()
        elif high or low:
            found.append((at, at + len(token)))
        open_, at = high, at + len(token)
    return found


@given(st.lists(st.tuples(units, units), max_size=4))
def test_lone_surrogates_are_found_at_their_positions(
    pairs: list[tuple[list[str], list[str]]],
) -> None:
    text, expected = "{", []
    for number, (name, value) in enumerate(pairs):
        text += f'{"," if number else ""}"{number}'
        expected += halves(name, len(text))
        text += "".join(name) + '" : "'
        expected += halves(value, len(text))
        text += "".join(value) + '"'
    text += "}"
    assert Scan(text).surrogates == expected
    said = [remark.at for remark in remarks(text.encode()) if remark.rule.id == "lone-surrogate"]
    assert said == expected


SPELLED = cases(r"""a:"a" a:"\u0061" /:"/" /:"\/" /:"\u002f" /:"\u002F" b:"b" é:"é" é:"\u00E9" """)
spelled = st.sampled_from([each.partition(":")[::2] for each in SPELLED])
trees = st.recursive(
    st.integers(0, 9).map(lambda value: ("value", value)),
    lambda inner: (
        st.tuples(st.just("list"), st.lists(inner, max_size=3))
        | st.tuples(st.just("object"), st.lists(st.tuples(spelled, inner), max_size=4))
    ),
    max_leaves=12,
)


def written(tree: Any, path: Path, at: int, repeated: list[tuple[Path, int, int]]) -> str:
    """Return `tree` as JSON that starts at `at`, and append duplicate names to `repeated`."""
    kind, value = tree
    if kind == "value":
        return str(value)
    text = "{" if kind == "object" else "["
    seen: set[str] = set()
    for number, child in enumerate(value):
        text += ", " if number else ""
        if kind == "list":
            text += written(child, (*path, number), at + len(text), repeated)
            continue
        (name, token), inner = child
        if name in seen:
            repeated.append(((*path, name), at + len(text), at + len(text) + len(token)))
        seen.add(name)
        text += f"{token}: "
        text += written(inner, (*path, name), at + len(text), repeated)
    return text + ("}" if kind == "object" else "]")


@given(trees)
def test_duplicate_names_are_found_at_their_positions(tree: Any) -> None:
    expected: list[tuple[Path, int, int]] = []
    text = written(tree, (), 0, expected)
    assert [tuple(name) for name in Scan(text).repeated] == expected
    said = [remark.at for remark in remarks(text.encode()) if remark.rule.id == "duplicate-name"]
    assert said == [name[1:] for name in expected]
