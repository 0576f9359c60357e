"""Calls of tools in every form become `tool_calls`, and their results keep to them."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sftc.dataset.convert.convert_files import Conversion
from sftc.dataset.convert.convert_options import ConvertOptions
from support.conversions import Converted, ConvertedRow

Turns = list[ConvertedRow]
NAMES = ("add", "tide")
TOOLS = [{"type": "function", "function": {"name": name, "description": "A tool."}} for name in NAMES]
ASKED = {"role": "user", "content": "2 + 2?"}
SAID = {"role": "assistant", "content": "4"}


def called(*calls: tuple[str, dict[str, Any]], first: int = 1) -> Turns:
    """Return a message that calls tools, and their results."""
    made: Turns = [
        {
            "id": f"call_{at}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(given, ensure_ascii=False)},
        }
        for at, (name, given) in enumerate(calls, first)
    ]
    results = [
        {"role": "tool", "name": call["function"]["name"], "content": '{"is": 4}', "tool_call_id": call["id"]}
        for call in made
    ]
    return [{"role": "assistant", "tool_calls": made}, *results]


def old(talk: Turns) -> ConvertedRow:
    """Write calls as `function_call`, and results as messages of functions."""
    made = []
    for message in talk:
        if message["role"] == "tool":
            made.append({"role": "function", "name": message["name"], "content": message["content"]})
        elif "tool_calls" in message:
            made.append(
                {"role": "assistant", "content": None, "function_call": message["tool_calls"][0]["function"]}
            )
        else:
            made.append(message)
    return {"messages": made, "functions": [tool["function"] for tool in TOOLS]}


def share(talk: Turns, *, nested: bool = False) -> ConvertedRow:
    roles = {"user": "human", "assistant": "gpt", "tool": "observation"}
    made = []
    for message in talk:
        if "tool_calls" in message:
            calls = message["tool_calls"] if nested else [each["function"] for each in message["tool_calls"]]
            value: object = json.dumps(calls if len(calls) > 1 else calls[0])
            made.append({"from": "function_call", "value": value})
        else:
            name = {"name": message["name"]} if "name" in message else {}
            made.append({"from": roles[message["role"]], "value": message["content"], **name})
    return {"conversations": made, "tools": json.dumps(TOOLS)}


def gemini(talk: Turns, *, snake: bool = False) -> ConvertedRow:
    call_name, result_name = (
        ("function_call", "function_response") if snake else ("functionCall", "functionResponse")
    )
    made: Turns = []
    for message in talk:
        if message["role"] == "tool":
            part = {result_name: {"name": message["name"], "response": json.loads(message["content"])}}
            if made[-1]["role"] == "function":
                made[-1]["parts"].append(part)
            else:
                made.append({"role": "function", "parts": [part]})
        elif "tool_calls" in message:
            functions = [each["function"] for each in message["tool_calls"]]
            parts = [{call_name: {"name": f["name"], "args": json.loads(f["arguments"])}} for f in functions]
            made.append({"role": "model", "parts": parts})
        else:
            made.append(
                {
                    "role": {"assistant": "model"}.get(message["role"], "user"),
                    "parts": [{"text": message["content"]}],
                }
            )
    return {"contents": made, "tools": [{"functionDeclarations": [tool["function"] for tool in TOOLS]}]}


def dumped(talk: Turns) -> ConvertedRow:
    """Write messages as the models of an SDK are dumped, with nulls."""
    nulls = {"content": None, "refusal": None, "function_call": None, "tool_calls": None}
    made = []
    for message in talk:
        listed = [{**each, "index": None} for each in message.get("tool_calls", ())]
        made.append({**nulls, **message, "tool_calls": listed or None})
    return {"messages": made, "tools": TOOLS, "tool_choice": None}


FORMS: dict[str, Callable[[Turns], ConvertedRow]] = {
    "messages": lambda talk: {"messages": talk, "tools": TOOLS},
    "messages in a text": lambda talk: {"messages": json.dumps(talk), "tools": json.dumps(TOOLS)},
    "messages in Python's notation": lambda talk: {"messages": repr(talk), "tools": repr(TOOLS)},
    "an SDK": dumped,
    "old calls": old,
    "ShareGPT": share,
    "ShareGPT with nested calls": lambda talk: share(talk, nested=True),
    "Gemini": gemini,
    "Gemini in snake case": lambda talk: gemini(talk, snake=True),
}
arguments = st.dictionaries(
    st.sampled_from("abc"), st.integers() | st.text("aé{}\"'\\\n", max_size=4) | st.none(), max_size=2
)
calls = st.lists(st.tuples(st.sampled_from(NAMES), arguments), min_size=1, max_size=3)


def converted(path: Path, row: ConvertedRow) -> list[ConvertedRow]:
    path.write_text(json.dumps(row))
    conversion = Conversion([str(path)], "out.jsonl", ConvertOptions())
    return [json.loads(line) for line in b"".join(conversion.pieces()).splitlines()]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15)
@given(first=calls, second=calls)
def test_calls_there_and_back_are_the_same(
    form: str, first: Any, second: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if form == "old calls":
        first, second = first[:1], second[:1]
    talk = [
        ASKED,
        *called(*first),
        SAID,
        {**ASKED, "content": "And?"},
        *called(*second, first=len(first) + 1),
        SAID,
    ]
    [made] = converted(tmp_path_factory.mktemp("calls") / "in.jsonl", FORMS[form](talk))
    assert made == {"messages": talk, "tools": TOOLS}


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith("Gemini")])
def test_calls_in_a_table_are_the_same(form: str, tmp_path: Path) -> None:
    """A table fills what some messages lack with nulls."""
    talk = [ASKED, *called(("add", {"a": 2})), SAID]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([FORMS[form](talk), FORMS[form]([ASKED, SAID])]), file)
    done = Converted(tmp_path, file.getvalue())
    assert done.rows == [{"messages": talk, "tools": TOOLS}, {"messages": [ASKED, SAID], "tools": TOOLS}]
    assert not done.report["files"][0]["not_taken_over"]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"tool_choice": "auto"}, "auto"),
        ({"function_call": "none"}, "none"),
        ({"function_call": {"name": "add"}}, {"type": "function", "function": {"name": "add"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"type": "function", "function": {"name": "add"}},
        ),
    ],
)
def test_the_choice_of_a_tool_is_kept(given: ConvertedRow, made: object, tmp_path: Path) -> None:
    [row] = converted(tmp_path / "in.jsonl", {"messages": [ASKED, SAID], "tools": TOOLS, **given})
    assert row["tool_choice"] == made


def test_what_is_beside_calls_is_named(tmp_path: Path) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    talk = [
        ASKED,
        {"role": "assistant", "tool_calls": [call], "function_call": {"name": "add", "arguments": "{}"}},
        {"role": "tool", "tool_call_id": "a", "content": "4"},
        {**SAID, "function_call": {}},
    ]
    row = {"messages": talk, "tool_choice": 7, "history": [], "tools": ""}
    done = Converted(tmp_path, json.dumps(row).encode())
    [file] = done.report["files"]
    assert file["not_taken_over"] == {"messages[].function_call": 1, "tool_choice": 1, "history": 1}
    assert file["nulls"] == {"messages[].function_call": 1, "tools": 1}
    share = [
        {"from": "human", "value": "a"},
        {"from": "function_call", "value": '{"name": "add"}', "tool_calls": [call]},
    ]
    done = Converted(tmp_path, json.dumps({"conversations": share}).encode())
    assert done.report["files"][0]["not_taken_over"] == {"conversations[].tool_calls": 1}
    parts = [{"functionResponse": {"name": "add", "response": {}, "willContinue": False}}]
    contents = [
        {"role": "user", "parts": ["a"]},
        {"role": "model", "parts": [{"functionCall": {"name": "add", "id": "x"}}], "tool_calls": [call]},
        {"role": "function", "parts": parts, "weight": 0},
        {"role": "model", "parts": "b"},
    ]
    done = Converted(tmp_path, json.dumps({"contents": contents}).encode())
    assert done.rows[0]["messages"][1]["tool_calls"][0]["id"] == "x"
    assert done.report["files"][0]["not_taken_over"] == {
        "contents[].tool_calls": 1,
        "contents[].weight": 1,
        "contents[].parts[].functionResponse.willContinue": 1,
    }


def test_blocks_of_anthropic_are_calls_and_results(tmp_path: Path) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "tide", "input": {"port": "Vell"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "low at six", "is_error": False}
    row = {
        "system": "Be short.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Tide?"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Ask."}, use]},
            {"role": "user", "content": [result, {"type": "text", "text": "Well?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Low."}, {**use, "id": "t2"}]},
            {"role": "user", "content": [{**result, "tool_use_id": "t2"}]},
            {"role": "assistant", "content": "Low at six."},
        ],
        "tools": [{"name": "tide", "description": "The tide.", "input_schema": {"type": "object"}}],
    }
    done = Converted(tmp_path, json.dumps(row).encode())
    call = {
        "id": "t1",
        "type": "function",
        "function": {"name": "tide", "arguments": '{"port": "Vell"}'},
    }
    [made] = done.rows
    assert made["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "Tide?"}]},
        {"role": "assistant", "reasoning_content": "Ask.", "tool_calls": [call]},
        {"role": "tool", "content": "low at six", "tool_call_id": "t1"},
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": "Low.", "tool_calls": [{**call, "id": "t2"}]},
        {"role": "tool", "content": "low at six", "tool_call_id": "t2"},
        {"role": "assistant", "content": "Low at six."},
    ]
    function = {"name": "tide", "description": "The tide.", "parameters": {"type": "object"}}
    assert made["tools"] == [{"type": "function", "function": function}]
    assert done.report["files"][0]["not_taken_over"] == {"messages[].content[].is_error": 1}


@pytest.mark.parametrize("kind", [["tool_use"], {"tool_use": 1}, 1, None, ""])
def test_a_part_whose_type_is_no_word_is_no_block(kind: object, tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": [{"type": kind, "text": "Tide?"}]},
        {"role": "assistant", "content": "Low."},
    ]
    done = Converted(tmp_path, json.dumps({"messages": talk}).encode())
    assert done.rows == [{"messages": talk}]


CALL = {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}


@pytest.mark.parametrize("calls", [json.dumps([CALL]), CALL, repr([CALL])])
def test_calls_in_a_string_or_without_a_list_are_calls(calls: Any, tmp_path: Path) -> None:
    talk = [ASKED, {"role": "assistant", "content": "", "tool_calls": calls}]
    [row] = converted(tmp_path / "in.jsonl", {"messages": talk, "tools": TOOLS})
    assert row["messages"][1]["tool_calls"] == [CALL]


@pytest.mark.parametrize("call", [{"name": None, "arguments": None}, json.dumps(CALL["function"])])
def test_an_old_call_of_nulls_is_none_and_one_in_a_string_is_one(call: Any, tmp_path: Path) -> None:
    talk = [ASKED, {**SAID, "function_call": call}]
    [row] = converted(tmp_path / "in.jsonl", {"messages": talk, "tools": TOOLS})
    made = row["messages"][1].get("tool_calls", [])
    assert [each["function"] for each in made] == ([CALL["function"]] if isinstance(call, str) else [])
