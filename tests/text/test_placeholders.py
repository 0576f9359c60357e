"""Placeholders: which texts have one, and which only look like it."""

import pytest

from sftc.text.placeholders import placeholder_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${DATA:-a.jsonl}", "${DATA:-a.jsonl}"),
        ("{% data %}", "{% data %}"),
        ("%(data)s", "%(data)s"),
        ("~/a.jsonl", "~"),
        ("~user/a.jsonl", "~user"),
    ],
)
def test_placeholders_of_any_text(text: str, found: str) -> None:
    assert placeholder_in(text) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("<path/to/data>.jsonl", "<path/to/data>"),
        ("data/<your-file>.jsonl", "<your-file>"),
        ("`pwd`/a.jsonl", "`pwd`"),
        ("@DATA@", "@DATA@"),
        ("__DATA__", "__DATA__"),
        ("!DATA!", "!DATA!"),
        ("YOUR_DATA_HERE", "YOUR_DATA_HERE"),
        ("your-org/your-model", "your-org"),
        ("/path/to/data.jsonl", "path/to/"),
        ("data/*.jsonl", "*"),
        ("{run}/a.jsonl", "{run}"),
        ("TODO", "TODO"),
        ("change_me", "change_me"),
        ("...", "..."),
    ],
)
def test_placeholders_of_names(name: str, found: str) -> None:
    assert placeholder_in(name, is_name=True) == found
    assert not placeholder_in(name)


@pytest.mark.parametrize(
    "name",
    [
        "data/$5/a.jsonl",
        "a~b.jsonl",
        "100%.jsonl",
        "s3://b/a.jsonl",
        "__init__/a.jsonl",
        "me@home/a",
        "todo.jsonl",
    ],
)
def test_names_without_placeholders(name: str) -> None:
    assert placeholder_in(name, is_name=True) is None


@pytest.mark.parametrize(
    ("text", "found"), [("What is $HOME?", None), ("<b>", None), ("Hi {{ name }}", "{{ name }}")]
)
def test_prose_may_be_about_a_shell(text: str, found: str | None) -> None:
    assert placeholder_in(text, is_prose=True) == found
