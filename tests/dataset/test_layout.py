"""Rows that a sieve passes have no findings from `examine_row`: `layout` and `skeletons`."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sftc.dataset import skeletons
from sftc.dataset.advice import TOKENS
from sftc.dataset.chunks import Chunk
from sftc.dataset.examine_row import remarks
from sftc.dataset.inspect_chunk import Inspector, Limits
from sftc.dataset.layout import Layouts, learn
from sftc.dataset.skeletons import fastest_sieve
from sftc.findings.stage_rules.conversations import SPECIAL_TOKEN
from sftc.text.characters import is_blank

BLANK = b" \t\r\n"
SIEVES = (Layouts, fastest_sieve)
"""The slower one, and the faster one if it was compiled."""


def words(text: str) -> list[str]:
    return text.split()


def row(
    contents: list[str],
    extra: str = "",
    *,
    roles: tuple[str, ...] = ('"user"', '"assistant"'),
    signs: str = ",|:",
    turned: bool = False,
) -> bytes:
    """Return a row made of JSON tokens. `signs` are the comma and the colon, with their spaces."""
    comma, colon = signs.split("|")
    messages = []
    for role, content in zip(roles, contents, strict=True):
        pair = [f'"role"{colon}{role}', f'"content"{colon}{content}']
        messages.append("{" + comma.join(reversed(pair) if turned else pair) + "}")
    fields = [f'"messages"{colon}[{comma.join(messages)}]', *([extra.replace("=", colon)] if extra else [])]
    return ("{" + comma.join(reversed(fields) if turned else fields) + "}").encode()


def passed(lines: list[bytes], first: int = 0) -> set[int]:
    """Return the numbers of the `lines` that pass by the layout of line `first`."""
    layout = learn(lines[first])
    if layout is None:
        return set()
    data = b"".join(line + b"\n" for line in lines)
    count = data.count(b"\n")
    doubtful = layout.doubtful(data)
    assert list(doubtful) == sorted({*doubtful} & {*range(count)})
    return {*range(count)} - {*doubtful}


NOT_ROWS = {"row-not-json", "row-not-utf8"}
"""The findings on lines that are no rows, and so never repeat one."""


def check(chunk: list[bytes]) -> None:
    """Compare both checks on a chunk, with the layout of each of its lines."""
    lines = b"\n".join(chunk).split(b"\n")
    said = [[remark.rule.id for remark in remarks(line.strip(BLANK))] for line in lines]
    for first in range(len(lines)):
        for number in passed(lines, first):
            # a passed line is hashed unstripped, except for a final \r
            assert lines[number].removesuffix(b"\r") == lines[number].strip(BLANK)
            assert lines[number]
            assert not said[number], (lines[first], lines[number])
    full = [number for number, line in enumerate(lines) if line.strip(BLANK)]
    data = b"\n".join(lines) + b"\n"
    for sieve in SIEVES:
        look = Inspector(Limits(keep=0), sieve).look("a.jsonl", Chunk(data, len(lines), line=1, byte=9))
        assert look.counts == Counter(id for number in full for id in said[number])
        assert [*look.numbers] == [number + 1 for number in full]
        equal = Counter(
            (text, number if {*said[number]} & NOT_ROWS or not text.startswith(b"{") else None)
            for number in full
            for text in [lines[number].strip(BLANK)]
        )
        assert sorted(Counter(look.digests).values()) == sorted(equal.values())


CONTENTS = [
    *words(r"""
"a" "Hi!" "" "\u0020" "\u00a0" "\u00A0" "\u3000" "\n" "\t\r\f" "\b" "\u2003" "\u0009" "x\u00a0" "\"\"" a
\u0061 "<|im_end|>" "\u003c|a|>" "\u003C|a|>" "<\u007ca|>" "<|a\u007c\u003e" "<|\u0061|>" "<|" "|>" "<||>"
"a<b" "<a>" "</s>" "<\/s>" "\u003c/s>" "<\u002fs>" "</s\u003e" "</s>x" "<s>" "<\u0073>" "x<s>" "<strong>"
"</SYS>>" "[INST]" "[/INST]" "[\/INST]" "\u005bINST]" "[INST\u005d" "[\u0049NST]" "<<SYS>>" "<<\/SYS>>"
"<<\/SYS\u003e>" "[a]" "<｜a｜>" "<\uff5ca\uff5c>" "<\uFF5Ca｜>" "<｜a\uff5c>" "\u003c｜a｜>" "<｜"
"<\uff5cend\u2581of\u2581sentence\uff5c>" "<bos>" "<eos>" "<\u0062os>" "<start_of_turn>"
"<end_of_turn\u003e" "<end\u005fof_turn>" "<unk>" "<think>" "\u0000" "\\u0000" "\\\u0000" "\u0001" "\u00e9"
"\u3164" "\u2800" "\ufe0f" "\u200b" "\ud83d\ude00" "\udb40\udc41" "\ud834\udd73" "\ud834\udd1e"
"\ud83d" "\ude00" "\ud83d\ud83d" "\\" "\"" "\/" "\x" "\u12" "\" "a"b" "\"content\":\""
"\"content\":\"\"," "\\\"content\":" "a"} "a", "a "a","name":"b" "a","content":"b" "a","tool_calls":[]
"a"},{"role":"user","content":"b" null 5 1e5 01 1e400 NaN true [] ["a"] [1] [null] [[]]
["a",{"content":"b"}] [1,{"content":"b"}] [ {} {"text":"a"} {"text":"<s>"} {"a":1,"a":2} {"content":"a"}
{"content":"a","content":"b"} {"content":""} [{"type":"text","text":"a"}]
{"text":"a","content":"b","text":""} [{"type":"image"},{"content":"b"}] [{"type":"image"}]
"""),
    *(
        '" "',
        '"  \\n "',
        '"\u00a0"',
        '"\u3000 "',
        '"\u2003"',
        '"\u3164"',
        '"\u2800\u200b"',
        '"\U000e0041"',
        '"\U0001d173"',
        '"\U0001d11e"',
        '" a"',
        '"\u00a0a "',
        '"\\u3000\u00a0\\n\\u0020"',
    ),
    *('"a\tb"', '"\x00"', '"\x1f"', '"\x7f"', '"\u2028"', '"\ufeff"', '"é"', '"\U0001f600"', '"a\n"', '"a" '),
    *('{"content": "a", "content": "b"}', '[1, {"content": "a"}]', '["a",\n"b"]', '[{"content":"a"},\n"b"]'),
    *('"a"}]}\n{"messages":[{"role":"user","content":"b"', '"a",\n"name":"b"', "", "[\n]", ' "a"'),
]
ROLES = words(r"""
"user" "assistant" "system" "developer" "tool" "function" "human" "" "\u0075ser" "\u0020" "User"
"user\u0000" null 1 "user","role":"assistant" "\ud800" "<|im_end|>"
""")
EXTRAS = [
    *words(r"""
"id"=1 "id"=1.0 "id"=1e5 "id"=01 "id"=-0 "id"=-0.0 "id"=1E5 "id"=0.1 "id"=1e400 "id"=NaN "id"=1,"id"=1
"id"=1.10 "id"=18446744073709551616 "id"=123456789012345678901234567890 "id"=1e16 "id"=5e-324 "id"=+1
"id"=-1 "id"=.5 "id"=1. "s"="a" "s"="é" "s"="\u00e9" "s"="\/" "s"="\u0000" "s"="\ud800" "s"="<s>" "s"=""
"s"=null "s"=true "s"="a\tb" "s"={} "s"=[] "s"={"a":1,"a":2} "tools"=null "tools"=5 "tools"=[]
"tool_choice"=5 "metadata"=5 "text"="a" "content"="x" "content"="" "content"=5 "role"="x" "messages"=[]
"messages"=5 "mess\u0061ges"=5 ""=1 "é"=1 "a\"b"=1 "a\\b"=1 "\n"=1 "\u0000"=1 "\u00e9"=1 "\"content"=""
"f0"=1 "__class__"=1 "if"=1 5 "s" "id"="content" "image"="a.png" "images"=[] "content"="x","id"=1
"id"=1,"content"="x" "prompt"="a","messages"="b"
"""),
    *('"s"="a\tb"', '"s"="\u3000"', '"s"="\u2028"', '"a" :1', '"a": 1', '"a":\n1', '"a"=1 '),
]
SIGNS = [",|:", ", |: ", ",|: ", ",|\t:", ",\t|:", " ,|:", ",\r|:"]
PLAIN, SPACED = row(['"a"', '"b"']), row(['"a"', '"b"'], signs=", |: ")

texts = st.text(max_size=5).map(orjson.dumps).map(bytes.decode)
some_contents = st.just('"a"') | st.sampled_from(CONTENTS) | texts


@st.composite
def rows(draw: st.DrawFn) -> bytes:
    """Draw a row with few or many odd parts."""
    count = draw(st.sampled_from([2, 2, 2, 1, 3, 4, 0]))
    roles = ['"user"', '"assistant"'] * 2
    if draw(st.booleans()):
        roles = draw(st.lists(st.sampled_from(ROLES), min_size=count, max_size=count))
    contents = draw(st.lists(some_contents, min_size=count, max_size=count))
    return row(
        contents,
        draw(st.just("") | st.sampled_from(EXTRAS)),
        roles=tuple(roles[:count]),
        signs=draw(st.sampled_from(SIGNS[:2]) | st.sampled_from(SIGNS)),
        turned=draw(st.booleans()),
    )


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Draw a row in which bytes are inserted, changed, removed or repeated."""
    line = draw(rows())
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    piece = bytes([draw(st.sampled_from(b' ,:{}[]"\\0aeu<\n\r\t\x00\x0b\x0c\x7f\xc2\xa0\xff'))])
    end, rest = draw(st.sampled_from([(first, first), (first, first + 1), (first, last), (last, first)]))
    return line[:end] + draw(st.sampled_from([b"", piece])) + line[rest:]


edges = st.sampled_from([b"", b"", b"", b"\r", b" ", b"\t", b"\x0c", b"\xc2\xa0", b"\xef\xbb\xbf", b","])
lines = st.one_of(
    rows(),
    spoiled(),
    st.tuples(edges, rows(), edges).map(b"".join),
    st.tuples(rows(), st.sampled_from([b"", b" ", b", ", b","]), rows()).map(b"".join),
    st.sampled_from([b"", b" ", b"\r", b"\t", b"\xc2\xa0", b"\x0c", b"\x00", b"\xff", b"[" * 600]),
    st.sampled_from(words('null [] {} 5 [{}] {\'a\':1} {"messages":[]} {"messages":[5]}')).map(str.encode),
    st.sampled_from([PLAIN, SPACED]),
)


@pytest.mark.parametrize("text", ["{}", "{} ", "\u3164{}\u200b"])
@given(st.characters(exclude_categories=["Cs"]))
def test_a_character_is_blank_for_both_or_for_neither(text: str, char: str) -> None:
    plain = row(['"a"', '"b"'])
    for content in (char, text.format(char)):
        for written in (orjson.dumps(content).decode(), json.dumps(content)):
            other = row(['"a"', written])
            check([plain, other])
            if is_blank(content):
                assert "blank-assistant" in {remark.rule.id for remark in remarks(other)}


@given(st.lists(lines, min_size=1, max_size=6))
def test_no_line_with_a_finding_is_passed(chunk: list[bytes]) -> None:
    check(chunk)


@given(
    st.lists(some_contents, min_size=2, max_size=2),
    st.sampled_from(EXTRAS),
    st.fixed_dictionaries({"turned": st.booleans(), "signs": st.sampled_from(SIGNS[:2])}),
)
@example(["5", '"a"'], '"content"="x"', {})
def test_random_odd_content_is_seen_among_plain_rows(
    contents: list[str], extra: str, style: dict[str, Any]
) -> None:
    plain = row(['"a"', '"b"'], extra, **style)
    check([plain, row(contents, extra, **style), plain])


@pytest.mark.parametrize("signs", SIGNS[:2])
@pytest.mark.parametrize("content", CONTENTS, ids=ascii)
def test_each_odd_content_is_seen_among_plain_rows(content: str, signs: str) -> None:
    plain = row(['"a"', '"b"'], signs=signs)
    check([plain, row(['"a"', content], signs=signs), row([content, '"a"'], signs=signs), plain])


@pytest.mark.parametrize("signs", SIGNS[:2])
@pytest.mark.parametrize("extra", EXTRAS, ids=ascii)
def test_each_odd_value_next_to_the_messages_is_seen(extra: str, signs: str) -> None:
    plain = row(['"a"', '"b"'], signs=signs)
    check([plain, row(['"a"', '"b"'], extra, signs=signs), plain])
    check([row(['"a"', '"b"'], extra, signs=signs), row(["null", '"b"'], extra, signs=signs)])


def is_json(content: str) -> bool:
    try:
        json.loads(row([content, '"a"']))
    except ValueError:
        return False
    return True


def text_within(value: Any) -> list[str]:
    """Return all strings in a value."""
    inner = [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] if isinstance(value, str) else [text for each in inner for text in text_within(each)]


@pytest.mark.parametrize("content", [*filter(is_json, CONTENTS)], ids=ascii)
def test_special_tokens_are_found_in_every_spelling(content: str) -> None:
    line = row([content, '"a"'])
    value = json.loads(line)["messages"][0]["content"]
    told = any(each.rule is SPECIAL_TOKEN for each in remarks(line))
    assert told == any(map(TOKENS.search, text_within(value)))


def test_without_compiled_code_rows_have_layouts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for content in (None, b"", b"no library"):
        library = tmp_path / "libskeletons.so"
        if content is not None:
            library.write_bytes(content)
        monkeypatch.setattr(skeletons, "LIBRARY", str(library))
        assert isinstance(fastest_sieve(100), Layouts)


@given(st.binary(max_size=40) | spoiled())
def test_learning_a_layout_from_any_bytes_does_not_raise(line: bytes) -> None:
    learn(line)


def is_plain(text: str) -> bool:
    """Return whether `text` has nothing that could be a special token."""
    return "INST]" not in text and "\\u00" not in text


signs = st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="<[")
letters = signs | st.sampled_from("\n\t ")
contents = st.text(letters, max_size=30).map(lambda text: f"Say {text}").filter(is_plain)
short = st.text(
    st.characters(max_codepoint=0x7E, exclude_categories=["C"], exclude_characters="<["), max_size=8
)
numbers = st.integers(-(2**53), 2**53) | st.sampled_from([0.5, 1.25, -3.0, 0.1])
scalars = short.filter(is_plain) | numbers | st.booleans() | st.none()


@st.composite
def plain_files(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the rows of a file: the same keys in the same order, with text in any script."""
    names = draw(st.lists(st.sampled_from(["id", "source", "score", "note"]), unique=True))
    first, turned = draw(st.booleans()), draw(st.booleans())

    def message(role: str) -> dict[str, str]:
        pairs = [("role", role), ("content", draw(contents))]
        return dict(reversed(pairs) if turned else pairs)

    rows: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 5))):
        roles = draw(st.sampled_from([[], ["system"], ["developer"]]))
        roles = [*roles, *["user", "assistant"] * draw(st.integers(1, 3))]
        talk = {"messages": [message(role) for role in roles]}
        values = {name: draw(scalars) for name in names}
        rows.append(talk | values if first else values | talk)
    return rows


WRITERS: dict[str, Callable[[Any], bytes]] = {
    "json": lambda row: json.dumps(row).encode(),
    "json, not ascii": lambda row: json.dumps(row, ensure_ascii=False).encode(),
    "orjson": orjson.dumps,
    "Windows": lambda row: orjson.dumps(row) + b"\r",
}


@pytest.mark.parametrize("writer", WRITERS)
@given(rows=plain_files())
def test_no_row_of_a_plain_file_is_doubtful(writer: str, rows: list[dict[str, Any]]) -> None:
    lines = [WRITERS[writer](row) for row in rows]
    assert passed(lines) == {*range(len(lines))}
    assert not any(remarks(line) for line in lines)
