"""Rows with the same skeleton have the same verdict, whatever the texts in them."""

import json
import os
import string
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.dataset.advice import SIGNS
from sftc.dataset.chunks import Chunk
from sftc.dataset.examine_row import remarks
from sftc.dataset.inspect_chunk import Inspector, Limits
from sftc.dataset.layout import Layouts
from sftc.dataset.skeletons import LIBRARY, Skeletons
from sftc.text.characters import BLANKS, is_blank

pytestmark = pytest.mark.skipif(not os.path.exists(LIBRARY), reason="there was no C compiler")

ROWS = sorted(Path(__file__, "../../../golden/dataset").resolve().glob("*/*.jsonl"))
LONGEST = 1 << 20


def skeletons(*lines: bytes) -> list[bytes | None]:
    """Return the skeleton of each line, or `None` if it has none."""
    data = b"".join(line + b"\n" for line in lines)
    _, kinds, found = Skeletons(LONGEST).scan(data, data.count(b"\n"))
    return [found[kind] if 0 < kind < len(found) else None for kind in kinds]


def skeleton(row: Any) -> str | None:
    found = skeletons(json.dumps(row).encode())[0]
    return None if found is None else found.decode()


def talk(*messages: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"messages": messages, **columns}


def call(id: Any = "a", name: Any = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


USER = {"role": "user", "content": "a"}
ANSWER = {"role": "assistant", "content": "b"}
PLAIN = talk(USER, ANSWER)

seen: dict[bytes, tuple[bool, bytes]] = {}
"""The verdict on each skeleton of this run, and the row it is about."""


def check(*lines: bytes) -> None:
    """Compare the verdicts on rows with those on all earlier rows with the same skeleton."""
    for line, found in zip(lines, skeletons(*lines), strict=True):
        if found is not None:
            verdict = not remarks(line.strip(b" \t\r"))
            before, other = seen.setdefault(found, (verdict, line))
            assert verdict == before, (found, line, other)


TEXTS = [
    "a",
    "b",
    "",
    " ",
    "\u3164",
    "\u200b ",
    "é",
    "<s>",
    "x<s>",
    "<|a|>",
    "[INST]",
    "\0",
    "\ud800",
    "\U0001f600",
]
IDS = ["a", "b", "", " ", "  ", "\u200b", "é", "x" * 70, "a b", None, 1]
VALUES = [*TEXTS, None, True, False, 0, 1, -0.0, 1e-300, 0.5, [], {}, [0], {"a": 1}, {"id": "a"}]
ARGUMENTS: list[Any] = [
    *(
        "{}",
        ' {"a": 1}',
        '{"a": "\\u00e9"}',
        '{"a": "\n"}',
        '{\n"a": 1\n}',
        '{"a": 1, "a": 2}',
        '{"a": 1e400}',
    ),
    *(
        "",
        "5",
        "[]",
        "{",
        "{}}",
        "null",
        '{"a": "\0"}',
        '{"a": "\\ud800"}',
        '{"a": "<|a|>"}',
        "{'a': 1}",
        '{"é": 1}',
    ),
    *({}, {"a": 1}, [], None, 5),
]
PARTS = [
    *("a", "", " ", {}, {"type": "text", "text": "a"}, {"type": "text", "text": " "}, {"text": ""}),
    *(
        {"type": "image"},
        {"type": "image", "image": "a.png"},
        {"type": "image_url", "image_url": {"url": ""}},
    ),
    *({"type": "image", "data": 0}, {"type": "image", "data": 1}, {"type": "image", "file": {"id": "a"}}),
    *({"type": "image", "file": {"id": ""}}, {"type": "image", "file": {"id": 0}}, {"type": "audio"}),
]

texts = st.sampled_from(TEXTS) | st.text(max_size=4)
ids = st.sampled_from(IDS)
calls = st.builds(call, ids, ids, st.sampled_from(ARGUMENTS))
named = st.builds(lambda name: {"type": "function", "function": {"name": name, "parameters": {}}}, ids)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "human", " "])},
    optional={
        "content": texts | st.lists(st.sampled_from(PARTS), max_size=2) | st.sampled_from(VALUES),
        "weight": st.sampled_from([0, 1, None, 0.0, 2, "1", True, 1.5]),
        "train": st.sampled_from([False, True, None, 0, "false"]),
        "name": st.none() | ids,
        "tool_calls": st.none() | st.lists(calls, max_size=2),
        "tool_call_id": ids,
        "function_call": st.none() | st.just({"name": "f", "arguments": "{}"}),
        "refusal": st.none(),
    },
)
some = st.lists(messages, min_size=1, max_size=4) | st.lists(messages, min_size=1, max_size=3).map(
    lambda drawn: [USER, {"role": "assistant", "tool_calls": [call()]}, *drawn, ANSWER]
)
rows = st.fixed_dictionaries(
    {"messages": some},
    optional={
        "tools": st.none() | st.lists(named, max_size=2),
        "metadata": st.sampled_from([None, {}, {"a": "<|a|>"}, {"a": {"b": 1}}, [], "a"]),
        "images": st.sampled_from(VALUES),
        "functions": st.sampled_from(VALUES),
        "id": st.sampled_from(VALUES),
    },
)


@given(drawn=st.lists(rows, min_size=1, max_size=4), ascii=st.booleans())
def test_the_verdict_depends_on_the_skeleton_only(drawn: list[Any], *, ascii: bool) -> None:
    check(*(json.dumps(row, ensure_ascii=ascii).encode("utf-8", "surrogatepass") for row in drawn))


@given(rows, st.data())
def test_a_spoiled_row_has_no_skeleton_of_a_clean_row(row: Any, data: st.DataObject) -> None:
    line = json.dumps(row, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    at = data.draw(st.integers(0, len(line)))
    piece = data.draw(
        st.sampled_from([b"", *(bytes([each]) for each in b' ,:{}[]"\\0aeu<\r\t\x00\x1f\x7f\xc2\xa0\xff')])
    )
    spoiled = line[:at] + piece + line[at + data.draw(st.integers(0, 2)) :]
    check(line, spoiled)


@given(st.binary(max_size=60) | st.text(max_size=20, alphabet='{}[]":,\\ut0e-. ').map(str.encode))
def test_any_bytes_are_scanned(data: bytes) -> None:
    check(*data.split(b"\n"))


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.parent.name)
def test_the_verdict_on_each_row_of_the_examples_is_that_of_its_skeleton(path: Path) -> None:
    check(*path.read_bytes().split(b"\n"))


def test_values_are_told_apart_where_rules_look() -> None:
    for each in VALUES:
        image = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image", "data": each}]}
        for row in (
            talk(image, ANSWER),
            talk(image, ANSWER, images=each),
            talk({"role": "user", "content": each}, ANSWER),
            talk(USER, {**ANSWER, "weight": each}),
            talk(USER, {**ANSWER, "loss": each}),
            talk(USER, {"role": each, "content": "a"}),
            talk(USER, ANSWER, functions=each),
        ):
            check(json.dumps(row).encode())


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
def test_arguments_that_are_no_object_are_seen(arguments: Any) -> None:
    result = {"role": "tool", "tool_call_id": "a", "content": "c"}
    for each in ("{}", arguments):
        check(
            json.dumps(
                talk(USER, {"role": "assistant", "tool_calls": [call("a", "f", each)]}, result, ANSWER)
            ).encode()
        )


@pytest.mark.parametrize("ids", [*product(IDS, repeat=2)], ids=repr)
def test_ids_and_names_are_compared(ids: tuple[Any, Any]) -> None:
    for one, other in (ids, ids[::-1]):
        calls = {"role": "assistant", "tool_calls": [call(one), call("y")]}
        results = [{"role": "tool", "tool_call_id": each, "content": "c"} for each in (other, "y")]
        tools = [{"type": "function", "function": {"name": other}}]
        check(json.dumps(talk(USER, calls, *results, ANSWER)).encode())
        check(
            json.dumps(
                talk(USER, {"role": "assistant", "tool_calls": [call("a", one)]}, tools=tools)
            ).encode()
        )


def test_a_skeleton_has_the_structure_and_no_text() -> None:
    assert (
        skeleton(PLAIN) == '{"messages":[{"role":"user","content":"t"},{"role":"assistant","content":"t"}]}'
    )
    weighed = {**ANSWER, "weight": 0, "score": -2.5, "note": "", "tags": [" ", None, 0.0]}
    assert skeleton(talk(weighed)) == (
        '{"messages":[{"role":"assistant","content":"t","weight":0,"score":1,"note":"","tags":[" ",null,0]}]}'
    )


def test_rows_with_tool_calls_have_skeletons() -> None:
    def row(text: str, id: str, name: str, arguments: str) -> dict[str, Any]:
        tools = [{"type": "function", "function": {"name": name, "parameters": {"type": text}}}]
        result = {"role": "tool", "tool_call_id": id, "content": text}
        calls = {"role": "assistant", "content": None, "tool_calls": [call(id, name, arguments)]}
        return talk({"role": "user", "content": text}, calls, result, ANSWER, tools=tools)

    one, other = row("a", "x", "f", '{"a": 1}'), row("b", "y1", "g_2", ' {\n"q": ["\\"ü\\""]}')
    assert (
        skeleton(one)
        == skeleton(other)
        == (
            '{"messages":[{"role":"user","content":"t"},'
            '{"role":"assistant","content":null,"tool_calls":'
            '[{"id":"#0","type":"function","function":{"name":"#1","arguments":"{}"}}]},'
            '{"role":"tool","tool_call_id":"#0","content":"t"},{"role":"assistant","content":"t"}],'
            '"tools":[{"type":"function","function":{"name":"#1","parameters":{.}}}]}'
        )
    )
    assert not remarks(json.dumps(one).encode())


@pytest.mark.parametrize("text", ["{}", " {}\n", "\u3164{}\u200b"])
@given(st.characters(exclude_categories=["Cs"]))
def test_a_text_is_blank_for_both_or_for_neither(text: str, char: str) -> None:
    content = text.format(char)
    for ascii in (True, False):
        line = json.dumps(talk(USER, {"role": "assistant", "content": content}), ensure_ascii=ascii).encode()
        if found := skeletons(line)[0]:
            assert (b'"content":"t"}]' not in found) == is_blank(content)


def test_the_ends_of_all_ranges_of_blanks_are_blank() -> None:
    for char in {
        chr(ord(end) + step) for pair in BLANKS for end in pair for step in (-1, 0, 1) if ord(end) + step > 0
    }:
        found = skeleton(talk({"role": "user", "content": char}))
        assert found is None or ('"content":"t"' not in found) == is_blank(char), ascii(char)


def test_a_text_with_a_sign_has_no_skeleton() -> None:
    for sign in SIGNS:
        assert sign.startswith(b"<") or sign[-1:] in {b">", b"]"}, "skeletons.c looks for signs at these only"
        for before, after in product([b"", b"a", b"<", b"x" * 40], repeat=2):
            text = before + sign.replace(b"\xef", "\uff5c".encode()).replace(b"\\", b"\\u007c") + after
            assert skeletons(json.dumps(PLAIN).encode().replace(b'"a"', b'"' + text + b'"')) == [None], text


@pytest.mark.parametrize("char", [*map(chr, range(0x80))], ids=ascii)
def test_escaped_characters_of_special_tokens_have_no_skeleton(char: str) -> None:
    has_none = skeletons(json.dumps(PLAIN).replace('"a"', f'"a\\u{ord(char):04x}"').encode()) == [None]
    assert has_none or char not in "\0<>|/[]｜" + string.ascii_letters
    if char in "\n\t&'":
        assert not has_none


@pytest.mark.parametrize(
    "deep",
    [
        talk(USER, ANSWER, a=[[[[[[[[[[]]]]]]]]]]),
        {**PLAIN, **{f"c{number}": number for number in range(100)}},
        talk(*[USER, ANSWER] * 100),
        talk({"role": "user", "content": "a" * LONGEST}, ANSWER),
    ],
    ids=["deep", "wide", "turns", "long"],
)
def test_large_rows_are_scanned_within_limits(deep: dict[str, Any]) -> None:
    line = json.dumps(deep).encode()
    assert (skeletons(line) == [None]) == (len(line) > LONGEST)


@pytest.mark.parametrize("levels", [1, 60, 70, 600, 100_000])
def test_deep_rows_end_the_scan_early(levels: int) -> None:
    check(b'{"a":' * levels + b"1" + b"}" * levels, b"[" * levels, b"[" * levels + b"]" * levels)


def test_many_skeletons_ids_and_names_are_within_limits() -> None:
    many = [json.dumps({**PLAIN, f"k{number}": 1}).encode() for number in range(1000)]
    check(*many)
    assert skeletons(*many)[0] is not None
    check(json.dumps(talk(USER, ANSWER, **{f"k{number}": number for number in range(5000)})).encode())
    tagged = [{"id": f"x{number}"} for number in range(100)]
    check(json.dumps(talk(USER, ANSWER, tags=tagged)).encode())
    check(
        json.dumps(
            talk(USER, {"role": "assistant", "tool_calls": [call("a", "f", json.dumps({"a": "b" * 70_000}))]})
        ).encode()
    )


some_lines = rows.map(lambda row: json.dumps(row).encode()) | st.sampled_from([b"", b" ", b"{", b"5", b"{} "])


@given(st.lists(some_lines, min_size=1, max_size=8), st.sampled_from([None, 1, 100]))
def test_both_sieves_lead_to_the_same_findings(drawn: list[bytes], tokens: int | None) -> None:
    data = b"".join(line + b"\n" for line in drawn * 2)
    chunk = Chunk(data, data.count(b"\n"), 1, 9)
    one, other = (Inspector(Limits(0, tokens), make).look("a", chunk) for make in (Layouts, Skeletons))
    assert one.counts == other.counts
    assert one.numbers == other.numbers
    assert [str(each.message) for each in one.findings] == [str(each.message) for each in other.findings]
    assert [one.digests.index(each) for each in one.digests] == [
        other.digests.index(each) for each in other.digests
    ]
