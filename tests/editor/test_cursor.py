"""What is being written at a place, in text that need not be TOML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.editor.cursor import cursor_at

CASES = [
    ("|", "key", ()),
    ("[|", "header", ()),
    ("[training.|", "header", ("training",)),
    ("[ training . lo|", "header", ("training",)),
    ("[training]\n|", "key", ("training",)),
    ("[training]\nlora.|", "key", ("training", "lora")),
    ('[training]\n"lora".r|', "key", ("training", "lora")),
    ("[training\nmo|", "key", ("training",)),
    ("[[runs]]\nx = 1\ny|", "key", ("runs",)),
    ("[training]\nmode = |", "value", ("training", "mode")),
    ('[training]\nmode = "l|ora"', "value", ("training", "mode")),
    ("mode=|", "value", ("mode",)),
    ("mode = 'x' |", "end", ("mode",)),
    ("mode = 1.5|", "end", ("mode",)),
    ("to = [|", "value", ("to",)),
    ('to = ["a", |', "value", ("to",)),
    ('to = ["a" |', "end", ("to",)),
    ('to = [\n  "a", # ]\n  "|', "value", ("to",)),
    ('to = ["a"]\n|', "key", ()),
    ('to = ["a",\nmode = |', "value", ("mode",)),
    ('to = ["a",\n[training]\n|', "key", ("training",)),
    ("lora = { |", "key", ("lora",)),
    ("lora = { r = |", "value", ("lora", "r")),
    ("lora = { r = 1, al|", "key", ("lora",)),
    ("lora = { r = 1 }\n|", "key", ()),
    ('a = """\n[x]\n"""\n|', "key", ()),
    ('a = "x\nb = |', "value", ("b",)),
    ("# [training]\n|", "key", ()),
    ("# |", "end", ()),
    ("job |", "end", ()),
    ("job x|", "end", ()),
    ('"job"|', "end", ()),
    ("[ job |", "end", ()),
    ("[job]|", "end", ()),
    ("[job] |", "end", ()),
    ("[[runs]]|", "end", ()),
    ("job. |", "key", ("job",)),
    ("mode = |[1]", "end", ()),
    ('mode = "a\\"|', "value", ("mode",)),
    ('a = """\nb|\nc"""', "end", ()),
    ('a = "|""\nb"""', "end", ()),
]


@pytest.mark.parametrize(("text", "part", "key"), CASES)
def test_what_is_being_written(text: str, part: str, key: tuple[str, ...]) -> None:
    before, _, after = text.partition("|")
    cursor = cursor_at(before + after, len(before))
    assert cursor.part == part
    if part != "end":
        assert cursor.key == key


@pytest.mark.parametrize(
    ("text", "typed", "replaced"),
    [
        ('mode = "lo|ra" # x', '"lo', '"lora"'),
        ('mode = "lo|', '"lo', '"lo'),
        ("mode = lo|ra", "lo", "lora"),
        ("mo|de = 1", "mo", "mode"),
        ("[hyper|params.x]", "hyper", "hyperparams"),
        ("mode = |", "", ""),
        ("mode = |\r\n", "", ""),
        ('mode =| "lora" # x', "", ' "lora"'),
        ('mode = |"lo\\"ra"', "", '"lo\\"ra"'),
        ('mode = "\\|t" # x', '"\\', '"\\t"'),
        ('mode = "a|\\"b" # "', '"a', '"a\\"b"'),
        ('mode = "a\\|\n"', '"a\\', '"a\\'),
        ("rate = |5.0e-6, b", "", "5.0e-6"),
        ("rate = 5|.0e-6", "5", "5.0e-6"),
        ('to = ["a", |"b"]', "", '"b"'),
    ],
)
def test_what_a_completion_replaces(text: str, typed: str, replaced: str) -> None:
    before, _, after = text.partition("|")
    whole = before + after
    cursor = cursor_at(whole, len(before))
    assert (cursor.typed, whole[cursor.start : cursor.end]) == (typed, replaced)


PIECES = st.sampled_from(
    ["[", "]", "{", "}", '"', "'", '"""', "=", ",", ".", "\n", "#", " ", "a", "1", "é", "\\"]
)


@given(st.lists(PIECES, max_size=40).map("".join), st.data())
def test_any_text_has_something_at_any_place(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    cursor = cursor_at(text, offset)
    assert 0 <= cursor.start <= offset <= cursor.end <= len(text)
    assert "\n" not in text[offset : cursor.end]
