"""The command that `sftc dataset convert` prints makes the same output again, with any options."""

import gzip
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from support.program import Dataset

pytestmark = pytest.mark.measured

Row = dict[str, Any]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
CALL = {"name": "add", "arguments": '{"a": 2}'}


def talk(number: int) -> list[Row]:
    return [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": f"4, it's {number}"}]


def called(number: int) -> list[Row]:
    question, answer = talk(number)
    call = {"role": "assistant", "content": None, "function_call": CALL}
    return [question, call, {"role": "function", "name": "add", "content": "4"}, answer]


def share(number: int, name: str = "conversations") -> Row:
    return {name: [{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": f"4 {number}"}]}


def gemini(number: int) -> Row:
    parts = [[{"text": "2 + 2?"}], [{"text": "Add.", "thought": True}, {"text": f"4 {number}"}]]
    return {
        "contents": [
            {"role": role, "parts": part} for role, part in zip(("user", "model"), parts, strict=True)
        ]
    }


FORMS: dict[str, Callable[[int], Row]] = {
    "messages": lambda n: {"messages": talk(n)},
    "messages under another name": lambda n: {"Dialogue": talk(n)},
    "messages in a string": lambda n: {"messages": json.dumps(talk(n))},
    "messages and another list": lambda n: {"messages": talk(n), **share(n + 1)},
    "old calls": lambda n: {"messages": called(n), "functions": [{"name": "add"}]},
    "old calls in some": lambda n: {"messages": called(n) if n % 2 else talk(n)},
    "ShareGPT": share,
    "ShareGPT in messages": lambda n: share(n, "messages"),
    "Gemini": gemini,
    "Alpaca": lambda n: {"instruction": "Add.", "input": f"2, {n}", "output": "4"},
    "Alpaca, capitals": lambda n: {"Instruction": "Add.", "Input": f"2, {n}", "Output": "4"},
    "a prompt": lambda n: {"prompt": "2 + 2?", "completion": f"4 {n}"},
    "odd names": lambda n: {"QUERY ": f"it's {n}", "query": "x", "reply": "4", "input": "y"},
    "preferences": lambda n: {"prompt": "2 + 2?", "chosen": f"4 {n}", "rejected": "5"},
    "preferences in lists": lambda n: {"question": [talk(n)[0]], "chosen": talk(n), "rejected": talk(n)},
    "whole preferences": lambda n: {"chosen": talk(n), "rejected": talk(n)},
    "mapped": lambda n: {"it's a\n`q`": f"2 + {n}?", "-a=b\x1b": "4", "input": "z", "metadata": {"n": n}},
    "several": lambda n: [share(n), {"messages": talk(n)}, {"prompt": "a", "completion": str(n)}][n % 3],
    "some are bad": lambda n: (
        {"messages": talk(n)} if n % 2 else {"messages": [], "prompt": "a", "completion": "b"}
    ),
}
MAPPED = {"it's a\n`q`": "user", "-a=b\x1b": "assistant"}


def in_parquet(rows: list[Row]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def in_csv(rows: list[Row]) -> bytes:
    import csv

    file = io.StringIO()
    writer = csv.DictWriter(file, [*dict.fromkeys(name for row in rows for name in row)])
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: each if isinstance(each, str) else json.dumps(each) for name, each in row.items()}
        )
    return file.getvalue().encode()


def lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


CONTAINERS: dict[str, Callable[[list[Row]], bytes]] = {
    "JSON Lines": lines,
    "JSON Lines in gzip": lambda rows: gzip.compress(lines(rows)),
    "a list": lambda rows: json.dumps(rows).encode(),
    "an indented list in UTF-16": lambda rows: json.dumps(rows, indent=1).encode("utf-16"),
    "indented rows": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
    "Parquet": in_parquet,
    "CSV": in_csv,
}


def command_of(errors: str) -> str:
    """Return the command that the findings print."""
    [command] = re.findall(r"= help: to repeat it: `(.*)`$", errors, re.MULTILINE)
    return str(command)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_printed_command_makes_the_same_output(dataset: Dataset, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from([*FORMS]))
    container = data.draw(st.sampled_from([*CONTAINERS]))
    repeat_with_the_command(dataset, form, container, data)


@pytest.mark.parametrize("form", FORMS)
def test_the_printed_command_of_every_form(dataset: Dataset, form: str) -> None:
    container = [*CONTAINERS][[*FORMS].index(form) % len(CONTAINERS)]
    repeat_with_the_command(dataset, form, container, None)


def repeat_with_the_command(dataset: Dataset, form: str, container: str, data: st.DataObject | None) -> None:
    def drawn(choices: list[Any]) -> Any:
        return data.draw(st.sampled_from(choices)) if data else choices[-1]

    rows = [{**FORMS[form](number), "source": f"{number}.md"} for number in range(5)]
    if drawn([False, True]) and "functions" not in rows[0]:
        rows = [{**row, "tools": TOOLS} for row in rows]
    name, output = drawn(["in.dat", "-in's [x].dat"]), drawn(["out.jsonl", "it's -out.jsonl"])
    Path(name).write_bytes(CONTAINERS[container](rows))
    flags = [f"--map={column}={target}" for column, target in MAPPED.items()] if form == "mapped" else []
    flags += drawn([[], ["--map", "source=metadata"]])
    flags += drawn([[], ["--system", "Say `4`,\nor it's \x07wrong."]])
    flags += ["--skip-bad"] if form == "some are bad" else drawn([[], ["--skip-bad"]])
    code, _, errors = dataset("convert", f"./{name}", "-o", output, *flags)
    assert code == 0, errors
    made = Path(output).read_bytes()
    Path(output).unlink()
    code, _, again = dataset.shell(
        'shopt -s expand_aliases; sftc() { shift; dataset "$@"; }; ' + command_of(errors)
    )
    assert code == 0, again
    assert Path(output).read_bytes() == made
    assert command_of(again) == command_of(errors)


def test_the_command_has_all_files_and_standard_input(dataset: Dataset) -> None:
    Path("a").mkdir()
    Path("a/1.json").write_bytes(json.dumps([FORMS["a prompt"](1)]).encode())
    Path("a/2.json").write_bytes(json.dumps([FORMS["a prompt"](2)]).encode())
    Path("b.jsonl").write_bytes(lines([FORMS["a prompt"](3)]))
    stdin = lines([FORMS["a prompt"](4)])
    for inputs in (["a", "b.jsonl"], ["b.jsonl", "-"], ["a/[12].json"], ["b.jsonl", "a/*.json"]):
        code, _, errors = dataset("convert", *inputs, "-o", "out.jsonl", stdin=stdin)
        made = Path("out.jsonl").read_bytes()
        assert code == 0
        words = shlex.split(command_of(errors))
        assert words[3 : words.index("--output")] == inputs
        assert words[words.index("--from") + 1] == "prompt-completion"
        Path("out.jsonl").unlink()
        assert dataset(*words[2:], stdin=stdin)[0] == 0
        assert Path("out.jsonl").read_bytes() == made
