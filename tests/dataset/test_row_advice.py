"""What a remark about a row advises: the cause, and what a person can do without losing the row."""

import json
from typing import Any

import pytest

from sftc.dataset.examine_row import remarks

CALL = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "low"}
LOW = {"role": "assistant", "content": "Low."}


def row(*messages: dict[str, Any], **columns: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": "Tide?"}, *messages], **columns}).encode()


def told(data: bytes) -> list[tuple[str, str]]:
    return [(each.rule.id, each.help or "") for each in remarks(data)]


@pytest.mark.parametrize(
    "old", [None, {}, "", {"name": None, "arguments": None}, {"name": None, "arguments": ""}]
)
def test_a_call_of_nothing_but_nulls_is_none(old: Any) -> None:
    looks = {"role": "assistant", "content": "x", "function_call": old}
    assert [rule for rule, _ in told(row(looks, RESULT, LOW))] == ["result-without-call"]
    blank = {"role": "assistant", "content": "", "function_call": old}
    assert [rule for rule, _ in told(row(blank))] == ["blank-assistant"]


@pytest.mark.parametrize(
    ("call", "new"),
    [
        ({"name": "tide", "arguments": {"port": "V"}}, r'"arguments":"{\"port\":\"V\"}"'),
        ({"name": "tide"}, '"arguments":"{}"'),
        ({"name": "tide", "arguments": None}, '"arguments":"{}"'),
        ('{"name": "tide", "arguments": "{}"}', '"name":"tide","arguments":"{}"'),
    ],
)
def test_an_old_call_can_be_copied_in_the_new_form(call: Any, new: str) -> None:
    [(rule, help)] = told(row({"role": "assistant", "content": "", "function_call": call}))
    assert rule == "old-call"
    assert new in help


def test_an_old_call_beside_a_new_one_is_to_be_removed() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [CALL], "function_call": CALL["function"]}
    [(rule, help)] = told(row(message, RESULT, LOW))
    assert rule == "old-call"
    assert help.startswith("remove it")


@pytest.mark.parametrize(
    ("key", "value"),
    [("train", False), ("trainable", False), ("masked", True), ("mask", True)],
)
def test_an_answer_that_another_trainer_leaves_out_is_told(key: str, value: Any) -> None:
    assert [rule for rule, _ in told(row({**LOW, key: value}))] == ["message-weight"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("train", 1), ("loss", 0.7), ("masked", False), ("mask", 0), ("mask", 1), ("train", True)],
)
def test_an_answer_that_is_not_left_out_is_fine(key: str, value: Any) -> None:
    assert told(row({**LOW, key: value})) == []


def test_a_quoted_weight_is_told_without_quotes() -> None:
    assert told(row({**LOW, "weight": "0"})) == [("message-weight", "remove the quotes: `0`")]


@pytest.mark.parametrize(
    ("arguments", "help"),
    [
        ("null", 'without arguments, write `"{}"`'),
        ("[]", 'without arguments, write `"{}"`'),
        ([], 'without arguments, write `"{}"`'),
        ('```json\n{"port": "V"}\n```', "remove the code fence"),
        ("{'port': 'V'}", "`json.dumps`"),
        ('{"port"\uff1a "V"}', "write `:`"),
    ],
)
def test_arguments_that_are_not_an_object(arguments: Any, help: str) -> None:
    call = {**CALL, "function": {"name": "tide", "arguments": arguments}}
    [(rule, given)] = told(row({"role": "assistant", "content": None, "tool_calls": [call]}))
    assert rule == "call-arguments"
    assert help in given


@pytest.mark.parametrize("name", ["functions.tide", "server__tide", "default_api:tide", "mcp/tide"])
def test_a_tool_with_the_name_of_its_server(name: str) -> None:
    call = {**CALL, "function": {"name": name, "arguments": "{}"}}
    tools = [{"type": "function", "function": {"name": "tide", "parameters": {}}}]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert told(row(message, tools=tools)) == [("unknown-tool", "did you mean `tide`?")]


@pytest.mark.parametrize(
    ("calls", "help"),
    [
        (json.dumps([CALL]), "`sftc dataset convert` writes it as a list"),
        (CALL, "write it in a list"),
    ],
)
def test_calls_that_are_not_a_list(calls: Any, help: str) -> None:
    [(rule, given)] = told(row({"role": "assistant", "content": None, "tool_calls": calls}, RESULT, LOW))
    assert rule == "row-shape"
    assert help in given


@pytest.mark.parametrize(
    ("data", "help"),
    [
        ({"messages": [{"from": "human", "text": "x"}]}, "`sftc dataset convert`"),
        (
            {"messages": [{"role": "assistant", "content": None, "refusal": "No."}]},
            "`content` instead of `refusal`",
        ),
        ({"pregunta": "x", "respuesta": "y", "id": 1}, "--map pregunta=user --map respuesta=assistant"),
        ({"input_ids": [1, 2], "labels": [1, 2]}, "before that step"),
        ({"messages": {"role": "user", "content": "x"}}, "write it in a list"),
        ({"train": [{"a": "x"}], "test": [{"a": "y"}]}, "jq -c '.train[]'"),
    ],
)
def test_rows_of_another_shape(data: Any, help: str) -> None:
    [(rule, given)] = told(json.dumps(data).encode())
    assert rule == "row-shape"
    assert help in given


@pytest.mark.parametrize("data", [b"\xff\xfe{\0", b'{\0"\0m\0', b"\0"])
def test_the_end_of_a_file_in_utf_16(data: bytes) -> None:
    [(_, help)] = told(data)
    assert "`>>` in PowerShell" in help


def test_a_row_as_python_writes_it() -> None:
    [(rule, help)] = told(b"{'messages': []}")
    assert rule == "row-not-json"
    assert "json.dumps" in help
