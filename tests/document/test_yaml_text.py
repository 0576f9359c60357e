"""YAML of other trainers: values as PyYAML reads them, positions, comments, and bad input."""

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from sftc.document.yaml_text import MAX_VALUES, YamlComment, parse_yaml, plain_value
from sftc.findings.finding import ConfigError
from sftc.text.source import Source


def parsed(text: str) -> Any:
    return parse_yaml(Source("config.yaml", text))


def comment(text: str, path: tuple[Any, ...] | None, *, own: bool = True, top: bool = False) -> YamlComment:
    return YamlComment(text, path, own, top)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2E5", 2e5),
        ("1.0e-5", 1e-5),
        ("1_000", 1000),
        ("0x10", 16),
        ("0o17", 15),
        ("-3", -3),
        ("+0b11", 3),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("Yes", True),
        ("OFF", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("v1.0", "v1.0"),
        ("nope", "nope"),
        ("2024-01-01", "2024-01-01"),
        ("9" * 100, "9" * 100),
        ("q_proj", "q_proj"),
    ],
)
def test_plain_scalars(text: str, value: Any) -> None:
    found = plain_value(text)
    assert (found, type(found)) == (value, type(value))


@given(
    st.text("0123456789.eE+-_xabinfyesnotruNul~", max_size=6) | st.floats().map(repr) | st.integers().map(str)
)
def test_plain_scalars_are_those_of_the_trainers(text: str) -> None:
    """They use PyYAML. It takes `1e-4` for text; octals and times of day are in no config."""
    assume(not text.lstrip("+-").startswith("0") or text in {"0", "0.0"})
    try:
        other = yaml.safe_load(f"a: {text}")["a"]
    except (yaml.YAMLError, ValueError, TypeError):
        return
    own = plain_value(text)
    if isinstance(other, int | float | bool) and not isinstance(own, str):
        assert own == pytest.approx(other, nan_ok=True)
    assert type(own) is type(other) or (isinstance(other, str) and isinstance(own, float | int))


def test_values_and_their_places() -> None:
    text = "a: 1 # one\r\nlist:\r\n  - path: x.jsonl\r\n    'quoted key': \"1\"\r\nflow: {k: [v, 2]}\r\n"
    document = parsed(text)
    assert document.values == {
        "a": 1,
        "list": [{"path": "x.jsonl", "quoted key": "1"}],
        "flow": {"k": ["v", 2]},
    }
    places = {path: (place.key.text, place.value.text) for path, place in document.places.items()}
    assert places["a",] == ("a", "1")
    assert places["list", 0, "quoted key"] == ("'quoted key'", '"1"')
    assert places["flow", "k", 1] == ("2", "2")
    key = document.places["list", 0, "path"].key
    assert (key.line, key.column) == (3, 5)


def test_tags_of_plain_values_are_read() -> None:
    assert parsed("a: !!str 12\nb: !!int 3\nc: !!float '4'\nd: !!null ''\n").values == {
        "a": "12",
        "b": 3,
        "c": "4",
        "d": None,
    } | {"c": 4}


def test_anchors_and_merged_tables() -> None:
    text = "base: &base {r: 8, x: 1}\na:\n  <<: *base\n  x: 2\nb:\n  <<: [*base, {y: 3}]\nc: *base\n"
    values = parsed(text).values
    assert values["a"] == {"x": 2, "r": 8}
    assert values["b"] == {"r": 8, "x": 1, "y": 3}
    assert values["c"] == {"r": 8, "x": 1}


COMMENTED = """\
# about the file
# in two lines

# about model
model: m # behind
list: # heads
  - path: a # in the list
# before mods
mods: [q, # first
  v] # last
text: |  # of the text
  # no comment
'#key': "# none"
url: http://x#y
# the end
"""


def test_comments_and_the_keys_that_they_are_about() -> None:
    assert list(parsed(COMMENTED).comments) == [
        comment(" about the file", None, top=True),
        comment(" in two lines", None, top=True),
        comment(" about model", ("model",)),
        comment(" behind", ("model",), own=False),
        comment(" heads", ("list",), own=False),
        comment(" in the list", ("list", 0, "path"), own=False),
        comment(" before mods", ("mods",)),
        comment(" first", ("mods",), own=False),
        comment(" last", ("mods",), own=False),
        comment(" of the text", ("text",), own=False),
        comment(" the end", None),
    ]


def test_a_file_that_begins_with_a_comment_about_a_key() -> None:
    assert list(parsed("# model\na: 1\n").comments) == [comment(" model", ("a",))]


LAUGHS = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (1, 1), "the config is empty"),
        ("# only a comment\n", (1, 1), "the config is empty"),
        ("- a\n", (1, 1), "is not a table of keys"),
        ("text\n", (1, 1), "is not a table of keys"),
        ("a: 1\na: 2\n", (2, 1), "`a` is set twice: line 1"),
        ("a:\n  b: 1\n  'b': 2\n", (3, 3), "`a.b` is set twice: line 2"),
        ("a:\n\t- b\n", (2, 1), "does not allow a tab"),
        ("a: 1\n---\nb: 2\n", (2, 1), "several documents"),
        ("a: !!python/object/apply:os.system [ls]\n", (1, 4), "the tag `"),
        ("a: !mine 1\n", (1, 4), "the tag `!mine`"),
        ("a: [1\n", (2, 1), "is not YAML"),
        ("a: b: c\n", (1, 5), "is not YAML"),
        ("a: 'x\n", (2, 1), "is not YAML"),
        ("[a]\nb=1\n", (2, 1), "but found '<scalar>'"),
        ("@a: 1\n", (1, 1), "is not YAML"),
        ("a: *nowhere\n", (1, 4), "undefined alias"),
        ("a: &a [*a]\n", (1, 4), "more than 64 levels"),
        ("a: " + "[" * 70 + "]" * 70, (1, 68), "more than 64 levels"),
        ("{" * 20_000, (1, 66), "more than 64 levels"),
        ("- " * 5000, (1, 131), "more than 64 levels"),
        ("a: \x07\n", (1, 4), "does not allow this character"),
        ("a: 1\nb:\u00a02\nc: 3\n", (2, 3), "U+00A0 NO-BREAK SPACE is not a plain space"),
        ("[job]\nmodel = 1\n", None, "the config is not YAML"),
        ("? {a: 1}\n: 2\n", (1, 3), "a key must be one word"),
        ("<<: 1\n", (1, 5), "`<<` merges tables"),
        ("a: 1\nb: [" + "1, " * MAX_VALUES + "]", None, f"more than {MAX_VALUES:,} values"),
        (LAUGHS, None, f"more than {MAX_VALUES:,} values"),
    ],
)
def test_bad_input_is_an_error_with_a_place(text: str, place: tuple[int, int] | None, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parsed(text)
    [found] = raised.value.findings
    assert message in found.message
    assert found.id == "yaml-syntax"
    assert place in {None, (found.span.line, found.span.column)}


def test_a_byte_order_mark_is_skipped() -> None:
    document = parsed("\ufeffa: 1\n")
    assert document.values == {"a": 1}
    assert document.places["a",].key.column == 1


@given(st.text(max_size=60))
def test_any_text_is_a_config_or_an_error(text: str) -> None:
    with suppress(ConfigError):
        assert isinstance(parsed(text).values, dict)


words = st.text("abcxyz_", min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc #:-'\"{}[]|>!&*é\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(words, values, min_size=1, max_size=5))
def test_what_pyyaml_writes_is_read(table: dict[str, Any]) -> None:
    assert parsed(yaml.safe_dump(table, allow_unicode=True)).values == table


@pytest.mark.parametrize("version", ["schema_version = 2\n\n", ""])
def test_a_config_of_sftc_needs_no_import(version: str) -> None:
    text = f"#:schema ./sftc.schema.json\n{version}[job]\nmodel = 'm'\n"
    with pytest.raises(ConfigError) as raised:
        parse_yaml(Source("job.sft.toml", text))
    assert raised.value.findings[0].help == "TOML is the language of sftc: it needs no import"
