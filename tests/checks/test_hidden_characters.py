"""Joiners are part of emoji and some scripts, and hidden anywhere else. Prompts have lines."""

import pytest

from sftc.text.source import Source
from sftc.tools.lint import lint


@pytest.mark.parametrize(
    ("text", "is_hidden"),
    [
        ("a\u200db", True),
        ("\u200d\u06a9", True),
        ("\u06a9\u200c", True),
        ("\u06a9\u200cb", True),
        ("\U0001f469\u200d\U0001f4bb", False),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", False),
    ],
    ids=ascii,
)
def test_a_joiner_is_hidden_unless_it_joins(text: str, *, is_hidden: bool) -> None:
    config = (
        'schema_version = 2\n[job]\nmodel = "m"\ndata = "rows.jsonl"\n[compute]\ngpu_type = "H100"\n'
        f'[tags]\nnote = "{text}"\n'
    )
    found = [each for each in lint(Source("c.toml", config)) if each.id == "unseen-character"]
    assert [each.path for each in found] == [("tags", "note")] * is_hidden


@pytest.mark.parametrize(
    ("prompt", "instead"),
    [
        ('"Sum up:\\n- one\\tpart\\n"', None),
        (
            '''"""
Hello
  World
"""''',
            None,
        ),
        ('"  lead"', None),
        ('"one\\u202e\\ntwo "', r'write `"one\ntwo "`'),
        ('"one\\u0000\\ntwo"', r'write `"one \ntwo"`'),
    ],
)
def test_a_prompt_has_lines_but_nothing_hidden(prompt: str, instead: str | None) -> None:
    config = (
        'schema_version = 2\n[job]\nmodel = "m"\ndata = "rows.jsonl"\n[compute]\ngpu_type = "H100"\n'
        f"[training.samples]\nprompts = [{prompt}]\n"
    )
    assert [each.help for each in lint(Source("c.toml", config))] == [instead] * (instead is not None)
