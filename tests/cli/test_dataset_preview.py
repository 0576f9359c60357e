"""`sftc dataset preview` and `sftc dataset check --model`, run as programs."""

import gzip
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from support.chat_models import write_chat_model
from support.program import Program

pytestmark = pytest.mark.measured

HOSTILE = "<script>alert(1)</script> \x1b[31m \u202e \x9b"
ROWS = [
    {"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]},
    {"messages": [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": "b" * 90}]},
]
FILES = {
    "rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS) + '{"messages": []}\n',
    "job.toml": "schema_version = 2\n[job]\nmodel = 'model'\ndata = 'rows.jsonl'\n"
    "[compute]\ngpu_type = 'H100'\n"
    "[hyperparameters]\nsequence_length = 100\n",
}
TEXT = """\
model: model   limit: 4,096 tokens, which is all that the model reads   trained on: all answers
«trained on»   only read   ~~cut off~~   ⏎ line break

-:1: 28 tokens, 3 trained on
  <|im_start|>user⏎
  2 + 2?<|im_end|>⏎
  <|im_start|>assistant⏎
  «4<|im_end|>⏎»

-: no findings in 1 row: 28 tokens, 3 trained on, none cut off
"""


@pytest.fixture
def sftc(own_folder: Path, sftc_program: str) -> Program:
    write_chat_model(own_folder / "model")
    return Program(sftc_program, command=("dataset",))


def test_the_text_is_readable_without_colors(sftc: Program) -> None:
    row = json.dumps(ROWS[0])
    assert sftc("preview", "-", "--model", "model", stdin=row) == (0, TEXT, "")


def test_the_json_fits_its_schema_and_tokens_are_the_text(sftc: Program, root: Path) -> None:
    code, out, said = sftc("preview", "rows.jsonl", "--config", "job.toml", "--format", "json")
    assert (code, said) == (1, "")
    made = json.loads(out)
    schema = json.loads((root / "schemas/sftc_schemas/preview.schema.json").read_bytes())
    Draft7Validator(schema).validate(made)
    assert [row["row"] for row in made["rows"]] == [1, 2, 3]
    first, second, bad = made["rows"]
    assert "".join(first["text"][each["start"] : each["end"]] for each in first["tokens"]) == first["text"]
    trained = [each["token"] for each in first["tokens"] if each["trained"]]
    assert trained == ["4", "<|im_end|>", "Ċ"]
    assert [each["cut"] for each in second["tokens"]].index(True) == 100
    assert (bad["tokens"], bad["problem"]) == ([], "the row has errors")


def test_the_page_loads_nothing_and_shows_what_is_hidden(sftc: Program) -> None:
    code, out, _ = sftc("preview", "rows.jsonl", "--config", "job.toml", "--format", "html", "-o", "a/p.html")
    assert (code, out) == (1, "")
    page = Path("a/p.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.findall(r"<(?:script|link|img|iframe)|\ssrc=|\shref=|\son\w+=|\sstyle=|url\(", page)
    hidden = {char for char in page if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs"}}
    assert hidden == set()
    opened: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            opened.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            while opened[-1] == "meta":
                opened.pop()
            assert opened.pop() == tag

    Balance().feed(page)
    assert opened in ([], ["!doctype"])


def test_the_check_gives_the_findings_of_the_preview_in_all_its_formats(sftc: Program) -> None:
    _, out, _ = sftc("preview", "rows.jsonl", "--config", "job.toml", "--format", "json")
    report = json.loads(out)["report"]
    options = ("--model", "model", "--config", "job.toml", "--format")
    code, out, _ = sftc("check", "rows.jsonl", *options, "json")
    checked = json.loads(out)
    assert code == 1

    def found(given: dict[str, list[dict[str, object]]]) -> set[str]:
        return {json.dumps(each, sort_keys=True) for file in given["files"] for each in file["findings"]}  # type: ignore[attr-defined]

    assert found(report) == found(checked)
    for format in ("text", "github", "sarif"):
        assert "answer-cut" in sftc("check", "rows.jsonl", *options, format)[1]


def test_nothing_from_a_row_reaches_the_terminal(sftc: Program) -> None:
    _, out, said = sftc("preview", "rows.jsonl", "--model", "model")
    shown = out + said
    assert "\\x1b[31m <U+202E> \\x9b" in shown
    assert not {char for char in shown if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs"}}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("rows.jsonl", "--model", "gone"),
            1,
            "the model gone is not on this machine: no folder has that name.",
        ),
        (("rows.jsonl", "--model", "own/gone"), 1, "hf download own/gone --include"),
        (("rows.jsonl", "--model", "rows.jsonl"), 1, "rows.jsonl is a file, not the folder of a model."),
        (("rows.jsonl", "--model", "."), 1, "it has no config.json."),
        (("rows.jsonl",), 2, "name a model with --model, or a config that names one."),
        (("rows.jsonl", "--model", "model", "--rows", "3-1"), 2, "3-1 ends before it begins."),
        (("rows.jsonl", "--model", "model", "--rows", "0"), 2, "is not a list of lines such as 1,5-7."),
        (("rows.jsonl", "--model", "model", "--rows", "1-9999"), 2, "it names more than 1,000 rows."),
        (("rows.jsonl", "--model", "model", "--rows", "9"), 2, "there is no row on line 9."),
        (("rows.jsonl", "--model", "model", "-o", "./rows.jsonl"), 2, "would overwrite"),
        (("-", "--config", "-"), 2, "stdin cannot be both"),
    ],
)
def test_a_wrong_order_is_refused(sftc: Program, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = sftc("preview", *arguments)
    assert done[0] == code
    assert said in done[2]
    assert "Traceback" not in done[2]


def test_files_of_all_kinds_are_previewed(sftc: Program) -> None:
    Path("rows.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROWS[0]).encode()))
    Path("empty.jsonl").write_text("")
    code, out, _ = sftc("preview", "rows.jsonl.gz", "--model", "model")
    assert (code, out) == (0, TEXT.replace("-:", "rows.jsonl.gz:"))
    code, out, _ = sftc("preview", "empty.jsonl", "--model", "model")
    assert (code, "empty-data" in out) == (1, True)
    code, out, _ = sftc("preview", "gone.jsonl", "--model", "model")
    assert (code, "unreadable-data" in out) == (1, True)
