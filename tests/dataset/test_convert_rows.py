"""What becomes of the fields of a row: nothing is lost without being named, and thoughts are no answers."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftc.dataset.convert.convert_files import Conversion
from sftc.dataset.convert.convert_options import ConvertOptions, shell_word
from support.conversions import Converted, ConvertedRow

ASKED = {"role": "user", "content": "2 + 2?"}
SAID = {"role": "assistant", "content": "4"}
SYSTEM = {"role": "system", "content": "Be short."}
TALK = [ASKED, SAID]
MORE = [{"role": "user", "content": "And 3 + 3?"}, {"role": "assistant", "content": "6"}]


def convert(tmp_path: Path, *rows: object, **options: Any) -> Converted:
    return Converted(tmp_path, "".join(json.dumps(row) + "\n" for row in rows).encode(), **options)


def gemini(*parts: object, role: str = "model", **more: object) -> ConvertedRow:
    user = {"role": "user", "parts": [{"text": "2 + 2?"}]}
    return {"contents": [user, {"role": role, "parts": [*parts], **more}]}


def test_thoughts_of_gemini_are_no_answers(tmp_path: Path) -> None:
    thought = {"text": "Two and two.", "thought": True, "thoughtSignature": "eA=="}
    done = convert(
        tmp_path, gemini(thought, {"text": "Four?", "thought": True}, {"text": "4", "thought": False})
    )
    [row] = done.rows
    assert row["messages"][1] == {**SAID, "reasoning_content": "Two and two.\n\nFour?"}
    [file] = done.report["files"]
    assert file["not_taken_over"] == {
        "contents[].parts[].thoughtSignature": 1,
        "contents[].parts[].thought": 1,
    }
    assert [*file["changed"]] == ["contents[].parts[].thought: thoughts are written as `reasoning_content`"]


def test_a_thought_before_a_call_is_its_thought(tmp_path: Path) -> None:
    call = {"functionCall": {"name": "add", "args": {"a": 2}, "later": 1}, "thoughtSignature": "eA=="}
    done = convert(tmp_path, gemini({"text": "Add.", "thought": True}, call))
    [message] = [row["messages"][1] for row in done.rows]
    assert message["reasoning_content"] == "Add."
    assert message["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 2}'}
    assert {*done.report["files"][0]["not_taken_over"]} == {
        "contents[].parts[].functionCall.later",
        "contents[].parts[].thoughtSignature",
    }


@pytest.mark.parametrize("name", ["train", "training", "loss"])
def test_an_answer_that_another_trainer_leaves_out_has_weight_0(tmp_path: Path, name: str) -> None:
    turns = [
        {"from": "human", "value": "2 + 2?", name: False},
        {"from": "gpt", "value": "5", name: False},
        {"from": "gpt", "value": "4", name: True},
        {"from": "gpt", "value": "4", name: False, "weight": 1},
        {"from": "gpt", "value": "4", name: 0.0},
    ]
    done = convert(tmp_path, {"conversations": turns})
    [row] = done.rows
    assert [message.get("weight") for message in row["messages"]] == [None, 0, None, 1, None]
    [file] = done.report["files"]
    assert file["changed"] == {f"conversations[].{name}: `false` is written as `weight: 0`": 1}
    assert file["not_taken_over"] == {f"conversations[].{name}": 1}


def test_a_text_with_a_chat_template_is_told_to_go_back(tmp_path: Path) -> None:
    [fault] = convert(tmp_path, {"text": "<|im_start|>user\n2 + 2?<|im_end|>"}).faults
    assert fault.endswith("a chat template was applied to the text: use the rows from before that step")


def test_a_thought_alone_is_no_answer(tmp_path: Path) -> None:
    assert not convert(tmp_path, gemini({"text": "Hm.", "thought": True})).is_written


@pytest.mark.parametrize(
    ("prompt", "chosen", "whole"),
    [
        ("2 + 2?", "4", TALK),
        ("2 + 2?", [SAID], TALK),
        ("2 + 2?", SAID, TALK),
        ("2 + 2?", TALK, TALK),
        ("2 + 2? ", TALK, TALK),
        ("And 3 + 3?", [*TALK, *MORE], [*TALK, *MORE]),
        ([ASKED], [SAID], TALK),
        ([ASKED], "4", TALK),
        (ASKED, "4", TALK),
        ([ASKED], TALK, TALK),
        (json.dumps([ASKED]), json.dumps(TALK), TALK),
        ([SYSTEM, ASKED], [SAID], [SYSTEM, *TALK]),
        ([SYSTEM, ASKED], TALK, [SYSTEM, *TALK]),
        ([ASKED], [SYSTEM, *TALK], [SYSTEM, *TALK]),
        ([SYSTEM, ASKED], [SYSTEM, *TALK], [SYSTEM, *TALK]),
        ([*TALK, MORE[0]], [MORE[1]], [*TALK, *MORE]),
        ([*TALK, MORE[0]], [*TALK, *MORE], [*TALK, *MORE]),
        (TALK, MORE, [*TALK, *MORE]),
    ],
)
@pytest.mark.parametrize("answer", ["chosen", "completion"])
def test_a_prompt_and_an_answer_are_one_conversation(
    prompt: object, chosen: object, whole: list[ConvertedRow], answer: str, tmp_path: Path
) -> None:
    done = convert(tmp_path, {"prompt": prompt, answer: chosen, "rejected": "5"})
    assert done.rows == [{"messages": whole}]
    assert done.report["files"][0]["not_taken_over"] == {"rejected": 1}


def test_a_chosen_conversation_needs_no_prompt(tmp_path: Path) -> None:
    assert convert(tmp_path, {"prompt": None, "chosen": TALK, "rejected": "5"}).rows == [{"messages": TALK}]


def test_a_prompt_that_is_another_question_is_named_or_an_error(tmp_path: Path) -> None:
    done = convert(tmp_path, {"prompt": "id 7", "chosen": TALK})
    assert done.rows == [{"messages": TALK}]
    assert done.report["files"][0]["not_taken_over"] == {"prompt": 1}
    assert not convert(tmp_path, {"prompt": [ASKED], "chosen": MORE}).is_written
    assert not convert(
        tmp_path, {"prompt": [SYSTEM, ASKED], "chosen": [{**SYSTEM, "content": "No."}, *TALK]}
    ).is_written
    assert not convert(tmp_path, {"chosen": "4", "rejected": "5"}).is_written
    assert not convert(tmp_path, {"prompt": [], "chosen": []}).is_written


def test_a_chosen_text_may_begin_with_the_prompt(tmp_path: Path) -> None:
    done = convert(
        tmp_path, {"prompt": "The sky is", "chosen": "The sky is blue.", "rejected": "The sky is red."}
    )
    assert done.answers == [" blue."]
    assert [*done.report["files"][0]["changed"]] == ["chosen: the prompt at its beginning is taken off"]
    done = convert(tmp_path, {"prompt": "The sky is", "chosen": "The sky is blue.", "rejected": "Red."})
    assert done.answers == ["The sky is blue."]


def test_metadata_is_kept_beside_what_is_mapped_to_it(tmp_path: Path) -> None:
    row = {"messages": TALK, "metadata": {"a": 1}, "source": "b.md", "id": 7}
    done = convert(tmp_path, row, mapped={"source": "metadata", "id": "metadata"})
    assert done.rows == [{"messages": TALK, "metadata": {"a": 1, "source": "b.md", "id": 7}}]
    assert not done.report["files"][0]["not_taken_over"]
    done = convert(tmp_path, {**row, "metadata": "text"}, mapped={"id": "metadata"})
    assert done.rows[0]["metadata"] == {"metadata": "text", "id": 7}
    done = convert(tmp_path, {**row, "metadata": {"id": 8}}, mapped={"id": "metadata"})
    assert "`metadata` has a field `id` already" in done.faults[0]
    done = convert(tmp_path, {**row, "metadata": None}, mapped={"id": "metadata"})
    assert done.rows[0]["metadata"] == {"id": 7}


def test_several_columns_may_become_the_same(tmp_path: Path) -> None:
    tools = [[{"name": name}] for name in "ab"]
    row = {"first": TALK, "second": MORE, "here": tools[0], "there": tools[1]}
    mapped = {"first": "messages", "second": "messages", "here": "tools", "there": "tools"}
    [made] = convert(tmp_path, row, mapped=mapped).rows
    assert made["messages"] == [*TALK, *MORE]
    assert [tool["function"]["name"] for tool in made["tools"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "lost"),
    [
        ({"messages": TALK, "title": "x"}, "title"),
        ({"messages": [ASKED, {**SAID, "refusal": "x"}]}, "messages[].refusal"),
        (
            {
                "messages": [
                    ASKED,
                    {"role": "assistant", "function_call": {"name": "a", "arguments": "", "why": 1}},
                ]
            },
            "messages[].function_call.why",
        ),
        (
            {
                "conversations": [
                    {"from": "human", "value": "2 + 2?"},
                    {"from": "function_call", "value": '{"name": "a", "parameters": {}, "why": 1}'},
                ]
            },
            "conversations[].why",
        ),
        (gemini({"text": "4", "videoMetadata": {}}), "contents[].parts[].videoMetadata"),
        (gemini({"text": "4"}, index=1), "contents[].index"),
        (
            {**gemini({"text": "4"}), "systemInstruction": {"role": "system", "parts": [{"text": "a"}]}},
            "systemInstruction.role",
        ),
        (
            {**gemini({"text": "4"}), "systemInstruction": {"parts": [{"text": "a", "b": 1}]}},
            "systemInstruction.parts[].b",
        ),
        (
            {
                **gemini({"text": "4"}),
                "tools": [{"functionDeclarations": [{"name": "a"}], "googleSearch": {}}],
            },
            "tools[].googleSearch",
        ),
        ({**gemini({"text": "4"}), "generationConfig": {}}, "generationConfig"),
        ({"messages": [SYSTEM, *TALK], "system": "Be long."}, "system"),
        ({"messages": TALK, "input": {}}, "input"),
        ({"messages": TALK, "input": {"a": 1}}, "input.a"),
    ],
)
def test_what_is_lost_is_named(row: ConvertedRow, lost: str, tmp_path: Path) -> None:
    done = convert(tmp_path, row)
    assert done.is_written, done.faults
    assert done.report["files"][0]["not_taken_over"] == {lost: 1}
    assert any(found.message.startswith(f"`{lost}`") for found in done.findings)


def test_a_column_that_has_no_place_beside_messages_is_named(tmp_path: Path) -> None:
    done = convert(tmp_path, {"messages": TALK, "title": "x"}, mapped={"title": "user"})
    assert done.report["files"][0]["not_taken_over"] == {"title": 1}


def test_what_a_message_keeps_is_kept_in_any_form(tmp_path: Path) -> None:
    call = {"from": "function_call", "value": '{"name": "a", "arguments": "{}"}', "weight": 0}
    talk = [
        {"from": "human", "value": "2 + 2?"},
        call,
        {"from": "observation", "value": "4"},
        {"from": "gpt", "value": "4"},
    ]
    [row] = convert(tmp_path, {"conversations": talk}).rows
    assert row["messages"][1]["weight"] == 0
    assert row["messages"][2]["tool_call_id"] == row["messages"][1]["tool_calls"][0]["id"]
    [row] = convert(tmp_path, gemini({"text": "4"}, weight=1, name="bot")).rows
    assert row["messages"][1] == {**SAID, "weight": 1, "name": "bot"}


def test_lists_of_fields_are_messages(tmp_path: Path) -> None:
    """`datasets` stores a `Sequence` of objects in this way."""
    row = {"messages": {"role": ["user", "assistant"], "content": ["2 + 2?", "4"]}}
    done = convert(tmp_path, row)
    assert done.rows == [{"messages": TALK}]
    assert done.report["files"][0]["changed"] == {"messages: lists of fields are written as messages": 1}
    assert not convert(tmp_path, {"messages": {"role": ["user"], "content": ["2 + 2?", "4"]}}).is_written


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[{'role': 'user', 'content': '2 + 2?'}, {'role': 'assistant', 'content': '4'}]", None),
        ("[{'role': 'user', 'content': '2 + 2?'}\n {'role': 'assistant', 'content': '4'}]", None),
        ("[{'role': 'user', 'content': {1, 2}}]", "not JSON"),
        ("[{'role': 'user', 'content': b'a'}]", "not JSON"),
        ("[{'role': 'user', 'content': 'a', 'content': 'b'}]", "not JSON"),
        ('[{"role": "user", "content": "a", "content": "b"}]', "`content` occurs twice"),
        ("[{'role': 'user', 'content': 1e999}]", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("[f'{1}']", "not JSON"),
        ("[1, -2, 2.5, None, True]", "must be a message, not a number"),
    ],
)
def test_messages_in_a_text_are_read_exactly(text: str, fault: str | None, tmp_path: Path) -> None:
    done = convert(tmp_path, {"messages": text})
    if fault:
        assert fault in done.faults[0]
    else:
        assert done.rows == [{"messages": TALK}]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "function_call", "value": None}]},
            "is null",
        ),
        ({"instruction": "a", "output": "b", "history": {"a": 1}}, "list of pairs"),
        ({"instruction": "a", "output": "b", "history": ["ab"]}, "list of pairs"),
        ({"messages": [{"role": 1, "content": "a"}]}, "must be text"),
        ({"messages": [{"role": "wizard", "content": "a"}]}, "`--map wizard=user`"),
        ({"messages": [{"rolle": "user"}]}, "instead of `role` and `content`"),
        ({"messages": [{}]}, "is empty"),
        ({"messages": "a"}, "must be a list of messages, not text"),
        (7, "not an object"),
        ("7", "not an object"),
        ([7], "the row is a number"),
        ([[7]], "must be a message"),
        ({}, "it has none"),
        ({"question": "a", "answer": None}, "`answer` is empty"),
        ({"data": [{"question": "a", "answer": "b"}]}, "convert what `jq -c '.data[]'` prints"),
        (
            {"messages": [ASKED, {"role": "assistant", "function_call": "a"}]},
            "`function_call` of `messages[1]` is text, and not JSON",
        ),
        ({"messages": [ASKED, {"role": "assistant", "tool_calls": "a"}]}, "is text, and not JSON"),
        ({"messages": [ASKED, {"role": "assistant", "tool_calls": 7}]}, "must be a list"),
        ({"messages": TALK, "tools": 7}, "must be a list of tools"),
        (gemini({"inlineData": {}}), "is not text: it has `inlineData`"),
        (gemini(7), "is not text"),
        ({"prompt": ["a"], "completion": "b"}, "must be a message"),
        ({"prompt": True, "completion": "b"}, "must be text, not a boolean"),
    ],
)
def test_a_row_that_cannot_be_converted_has_a_reason(row: object, fault: str, tmp_path: Path) -> None:
    done = convert(tmp_path, row)
    assert not done.is_written
    assert fault in done.faults[0]


def test_rows_of_several_formats_are_told_apart(tmp_path: Path) -> None:
    alpaca = {"instruction": "2 + 2?", "output": "4"}
    share = {"conversations": [{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "5"}]}
    rows = [
        alpaca,
        {**alpaca, "output": "vier"},
        share,
        {**alpaca, "output": "quattro"},
        {"question": "2 + 2?", "answer": "cuatro"},
    ]
    done = convert(tmp_path, *rows)
    assert done.answers == ["4", "vier", "5", "quattro", "cuatro"]
    [text] = [found.message for found in done.findings if found.id == "converted-from"]
    assert text.endswith(
        "its rows are of several formats: Alpaca: lines 1-2, 4; ShareGPT: line 3; "
        "a prompt and its completion: line 5"
    )
    [file] = done.report["files"]
    assert [(each["format"], each["rows"], each["lines"]) for each in file["formats"]] == [
        ("Alpaca", 3, [[1, 2], [4, 4]]),
        ("ShareGPT", 1, [[3, 3]]),
        ("a prompt and its completion", 1, [[5, 5]]),
    ]


def test_columns_that_are_mapped_decide_alone(tmp_path: Path) -> None:
    row = {"frage": "2 + 2?", "antwort": "4", "input": "3, 3"}
    done = convert(tmp_path, row, mapped={"frage": "user", "antwort": "assistant"})
    assert done.rows == [{"messages": TALK}]
    assert done.report["files"][0]["not_taken_over"] == {"input": 1}


def test_lists_of_lines_are_bounded(tmp_path: Path) -> None:
    rows = [
        {"a": 1} if number % 2 else {"question": "2 + 2?", "answer": str(number)} for number in range(5000)
    ]
    done = convert(tmp_path, *rows, skip_bad=True)
    [text] = done.faults
    assert text.startswith("lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 2,490 more (2,500 rows): ")
    [skipped] = done.report["files"][0]["skipped"]
    assert (skipped["rows"], len(skipped["lines"]), skipped["rows_not_listed"]) == (2500, 1000, 1500)


def test_many_reasons_and_many_fields_are_bounded(tmp_path: Path) -> None:
    good = [
        {"messages": [ASKED, {**SAID, "content": str(number)}], f"field{number}": 1} for number in range(1500)
    ]
    bad = [{f"column{number}": 1} for number in range(300)]
    done = convert(tmp_path, *good, *bad, skip_bad=True)
    assert len(done.findings) < 250
    [file] = done.report["files"]
    assert len(file["not_taken_over"]) == 1001
    assert sum(file["not_taken_over"].values()) == 1500
    assert sum(each["rows"] for each in file["skipped"]) == 300


def test_numbers_and_nulls_of_rows_stay_what_they_are(tmp_path: Path) -> None:
    metadata = {"big": 12345678901234567890123, "small": -0.0, "null": None, "exact": 0.1}
    [row] = convert(tmp_path, {"messages": TALK, "metadata": metadata}).rows
    assert json.dumps(row["metadata"]) == json.dumps(metadata)
    done = Converted(tmp_path, b'{"question": 2.50, "answer": 1e3}')
    assert done.answers == ["1000.0"]
    assert {*done.report["files"][0]["changed"]} == {
        "question: a number is written as text",
        "answer: a number is written as text",
    }


def test_preferences_of_openai_are_preferences(tmp_path: Path) -> None:
    row: ConvertedRow = {
        "input": {"messages": [SYSTEM, ASKED], "tools": [{"type": "function", "function": {"name": "add"}}]},
        "preferred_output": [SAID],
        "non_preferred_output": [{**SAID, "content": "5"}],
    }
    done = convert(tmp_path, row)
    assert done.rows == [{"messages": [SYSTEM, *TALK], "tools": row["input"]["tools"]}]
    assert done.report["files"][0]["not_taken_over"] == {"non_preferred_output": 1}


def test_rows_that_are_equal_are_told(tmp_path: Path) -> None:
    """They are converted, and `sftc dataset check` warns about them, too."""
    row = {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "rejected": "6"}) + "\n")
    conversion = Conversion([str(tmp_path / "in.jsonl")], "out.jsonl", ConvertOptions())
    assert len(b"".join(conversion.pieces()).splitlines()) == 2
    [found] = [found for found in conversion.findings if found.id == "duplicate-rows"]
    assert found.message == "1 row repeats an earlier row: line 2 repeats line 1"


def test_rows_in_texts_are_rows(tmp_path: Path) -> None:
    data = "".join(json.dumps(json.dumps({"messages": TALK, "n": n})) + "\n" for n in range(2))
    done = Converted(tmp_path, data.encode().replace(b"4", b"5", 1), "in.csv")
    assert done.answers == ["5", "4"]


@settings(max_examples=3)
@given(
    words=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
        min_size=100,
        max_size=100,
    )
)
def test_a_word_of_the_command_is_that_word_in_a_shell(words: list[str]) -> None:
    words += ["", "-a", "it's", "`a` $b", "\x1b[31m", "a\nb'\\", "\udce9", "\u200b"]
    line = "printf '%s\\0' " + " ".join(map(shell_word, words))
    assert line.isprintable()
    made = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert made.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1] == words


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"problem": "1 + 1?", "solution": "It is 2.", "answer": "2"}, "1 + 1?", "It is 2."),
        ({"instruction": "Sum up.", "context": "1, 2", "response": "3"}, "Sum up.\n\n1, 2", "3"),
        ({"instruction": "Sum up.", "input": "1, 2", "response": "3"}, "Sum up.\n\n1, 2", "3"),
        ({"input": "1 + 1?", "target": "2"}, "1 + 1?", "2"),
    ],
)
def test_what_belongs_to_a_question_is_in_it(
    row: dict[str, str], question: str, answer: str, tmp_path: Path
) -> None:
    [made] = convert(tmp_path, row).rows
    assert [each["content"] for each in made["messages"]] == [question, answer]


def test_the_history_of_a_question_is_kept_whatever_it_is_called(tmp_path: Path) -> None:
    [made] = convert(tmp_path, {"query": "c", "response": "d", "history": [["a", "b"]]}).rows
    assert [each["content"] for each in made["messages"]] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("row", "help"),
    [
        ({"mesages": TALK}, "did you mean `messages`? Pass `--map mesages=messages`"),
        ({"frage": "a", "antwort": "b"}, "name its columns with `--map COLUMN=user --map COLUMN=assistant`"),
        ({"data": [{"messages": TALK}]}, "if `data` has the rows, convert what `jq -c '.data[]'` prints"),
    ],
)
def test_a_row_of_unknown_columns_says_how_to_name_them(
    row: dict[str, object], help: str, tmp_path: Path
) -> None:
    [fault] = convert(tmp_path, row).faults
    assert help in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("context", ["a", "b"]),
        ("context", {"title": ["a"]}),
        ("history", "a"),
        ("history", [{"role": "user", "content": "a"}]),
        ("history", [["a", "b", "c"]]),
    ],
)
def test_what_is_no_text_is_not_taken_for_a_part_of_a_question(
    name: str, value: object, tmp_path: Path
) -> None:
    done = convert(tmp_path, {"question": "2 + 2?", "answer": "4", name: value})
    assert done.rows == [{"messages": TALK}]
    assert done.report["files"][0]["not_taken_over"] == {name: 1}
