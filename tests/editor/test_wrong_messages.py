"""What no editor should send: `sftc lsp` answers it, or ends the session with one line that says why."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from lsprotocol import types

from sftc.editor.editor_requests import FEATURES, SHOW_PAYLOAD
from support.editor_client import PROGRAM
from support.raw_messages import (
    EXIT,
    INITIALIZE,
    SHUTDOWN,
    Message,
    framed,
    framed_all,
    running,
    sent,
    session,
)
from support.waiting import eventually

pytestmark = pytest.mark.measured

URI: Final = "file:///nowhere/job.sft.toml"
JOB: Final = '[job]\nmodel = "m"\ndata_path = "x"\n\n[compute]\ngpu_type = "H100"\ngpu_cout = 1\n'
INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32600, -32601, -32602
INTERNAL_ERROR, PARSE_ERROR, NOT_INITIALIZED = -32603, -32700, -32002

METHODS: Final = [
    *(method for method, *_ in FEATURES if "id" in types.METHOD_TO_TYPES[method][0].__annotations__),
    "workspace/executeCommand",
]
"""The requests that a session may have at any time."""
METHODS.remove("initialize")


def opened(uri: str = URI, text: str = JOB) -> Message:
    item = {"uri": uri, "languageId": "toml", "version": 0, "text": text}
    return {"method": "textDocument/didOpen", "params": {"textDocument": item}}


def about(what: str, uri: str = URI, **more: Any) -> Message:
    """Return a notification about a document."""
    return {"method": f"textDocument/{what}", "params": {"textDocument": {"uri": uri, "version": 1}, **more}}


def changed(uri: str = URI, text: str = JOB) -> Message:
    return about("didChange", uri, contentChanges=[{"text": text}])


def asked(uri: str = URI, line: Any = 0, character: Any = 0) -> list[Message]:
    """Return every request about a place in a document."""
    place = {"line": line, "character": character}
    around = {"textDocument": {"uri": uri}, "position": place, "range": {"start": place, "end": place}}
    special: dict[str, Message] = {
        "textDocument/codeAction": {**around, "context": {"diagnostics": []}},
        "textDocument/rename": {**around, "newName": "x"},
        "codeAction/resolve": {"title": "x", "data": uri},
        "workspace/executeCommand": {"command": SHOW_PAYLOAD, "arguments": [uri]},
    }
    return [{"id": each, "method": each, "params": special.get(each, around)} for each in METHODS]


CONFIGURED = {
    "method": "workspace/didChangeConfiguration",
    "params": {"settings": {"sftc": {"target": "trl"}}},
}
HOVER = next(each for each in asked(line=5, character=3) if each["method"] == "textDocument/hover")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello\n", "'hello' is not a header"),
        (b"\xff\0" * 99, "is not a header"),
        (b"Content-Type: x\r\n\r\n{}", "no Content-Length"),
        (b"Content-Length: -5\r\n\r\n{}", "'-5'"),
        (b"Content-Length: 2_0\r\n\r\n{}", "'2_0'"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}", "not a number of bytes"),
        (b"Content-Length: 100\r\n\r\n{}", "after 2 of 100 bytes"),
        (b"Content-Length: 100000000000\r\n\r\n{}", "after 2 of 100,000,000,000 bytes"),
        (b"Content-Length: 10", "within the headers"),
        (b"a" * 10_000_000, "longer than 8 KiB"),
        (b"X: y\r\n" * 1_000_000, "longer than 8 KiB"),
    ],
)
def test_what_is_not_the_protocol_ends_the_session_with_one_line(data: bytes, why: str) -> None:
    ended = sent(framed(INITIALIZE) + data)
    assert ended.code == 1
    [line] = ended.errors.splitlines()
    assert line.startswith("Error: what comes on standard input is not from an editor: ")
    assert why in line
    assert line.isprintable()


@pytest.mark.parametrize("data", [b"hello\n", b"a" * 100_000])
def test_what_is_not_the_protocol_is_not_waited_for(data: bytes) -> None:
    with running() as server:
        assert server.stdin
        with suppress(BrokenPipeError):
            server.stdin.write(data)
            server.stdin.flush()  # and it stays open
        assert server.wait(60) == 1


def test_headers_may_be_written_in_any_way() -> None:
    headers = (
        b"content-length:%d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"X: y\r\nCONTENT-LENGTH: %d \r\n\r\n",
        b"Content-Length: %d\n\n",
    )
    bodies = (framed(each).partition(b"\r\n\r\n")[2] for each in (INITIALIZE, SHUTDOWN, EXIT))
    assert (
        sent(b"".join(head % len(body) + body for head, body in zip(headers, bodies, strict=True))).code == 0
    )


def test_a_message_that_is_too_long_is_passed_over() -> None:
    ended = session(opened(), b'{"jsonrpc": "2.0", "method": "%b"}' % (b"x" * (17 << 20)), HOVER)
    assert "result" in ended.answer(HOVER)
    assert "at most 16 MiB" in ended.errors


def test_what_is_not_json_is_a_parse_error() -> None:
    bodies = [
        b"not JSON!",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"id": ' + b"1" * 9999 + b"}",
        b"\0",
    ]
    ended = session(*bodies, opened(), HOVER)
    assert [each["error"]["code"] for each in ended.without_id] == [PARSE_ERROR] * len(bodies)
    assert "result" in ended.answer(HOVER)
    assert ended.errors == ""


def test_json_that_is_not_a_message_is_an_invalid_request() -> None:
    inside = framed(SHUTDOWN).partition(b"\r\n\r\n")[2]
    bodies = [
        b"[]",
        b"1",
        b"null",
        b'"x"',
        b"{}",
        b"[%b]" % inside,
        b'{"a": %b}' % inside,
        b'{"jsonrpc": "2.0"}',
    ]
    bodies += [b'{"jsonrpc": "2.0", "method": 5}', b'{"jsonrpc": "2.0", "id": 1}']
    bodies += [b'{"jsonrpc": "1.0", "id": 1, "method": "shutdown"}', b'{"id": 1, "method": "shutdown"}']
    ids = (b"[]", b"{}", b"null", b"true", b"1.5")
    bodies += [b'{"jsonrpc": "2.0", "id": %b, "method": "shutdown"}' % each for each in ids]
    ended = session(*bodies, opened(), HOVER)
    assert [each["error"]["code"] for each in ended.without_id] == [INVALID_REQUEST] * len(bodies)
    assert "result" in ended.answer(HOVER)
    assert ended.errors == ""


def test_a_message_inside_of_another_is_not_one() -> None:
    inside = {"jsonrpc": "2.0", **SHUTDOWN}
    ended = session({"id": 1, "method": "foo/bar", "params": inside}, {**CONFIGURED, "params": inside}, HOVER)
    assert ended.error(1) == METHOD_NOT_FOUND
    assert "result" in ended.answer(HOVER)


def test_a_response_that_nobody_waits_for_is_ignored() -> None:
    answers: list[Message] = [{"id": 1, "result": 1}, {"id": [], "result": 1}, {"id": None, "error": {}}]
    answers += [
        {"id": {}, "error": "x"},
        {"id": "x", "error": {"code": "x"}},
        {"id": 1, "result": {"type_name": 1}},
    ]
    ended = session(*answers, opened(), HOVER)
    assert ended.without_id == []
    assert "result" in ended.answer(HOVER)
    assert ended.errors == ""


def test_what_comes_before_initialize() -> None:
    notified = [opened(), changed(), about("didSave"), about("didClose"), CONFIGURED]
    early = [*asked(), {**SHUTDOWN, "id": "early"}, {"id": 1, "method": "foo/bar"}]
    ended = sent(framed_all(*notified, *early, INITIALIZE, SHUTDOWN, EXIT))
    assert {ended.error(each["id"]) for each in early} == {NOT_INITIALIZED}
    assert "result" in ended.answer(INITIALIZE)
    assert ended.notifications == []
    assert (ended.code, ended.errors) == (0, "")


def test_a_session_begins_once() -> None:
    ended = session({**INITIALIZE, "id": "again"}, opened())
    assert ended.error("again") == INVALID_REQUEST
    assert ended.notifications


def test_what_comes_after_shutdown() -> None:
    late = [*asked(), {**SHUTDOWN, "id": "late"}, {**INITIALIZE, "id": "again"}]
    ended = sent(framed_all(INITIALIZE, SHUTDOWN, *late, opened(), changed(), EXIT))
    assert {ended.error(each["id"]) for each in late} == {INVALID_REQUEST}
    assert ended.notifications == []
    assert (ended.code, ended.errors) == (0, "")


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([INITIALIZE, SHUTDOWN, EXIT], 0),
        ([INITIALIZE, SHUTDOWN, {**EXIT, "params": {}}], 0),
        ([INITIALIZE, SHUTDOWN], 0),  # the editor has closed the pipe
        ([INITIALIZE, opened(), EXIT, SHUTDOWN, EXIT], 1),
        ([INITIALIZE, opened()], 1),
        ([EXIT], 1),
        ([], 1),
    ],
)
def test_the_exit_code_says_whether_the_editor_ended_the_session(messages: list[Message], code: int) -> None:
    ended = sent(framed_all(*messages))
    assert (ended.code, ended.errors) == (code, "")


def test_parameters_of_the_wrong_shape() -> None:
    shapes: list[Any] = [
        None,
        [],
        5,
        "x",
        {},
        {"textDocument": None},
        {"textDocument": {}, "position": {"line": "x"}},
    ]
    hover = HOVER["method"]
    wrong = [
        {"id": f"{at} {each}", "method": each, "params": shape}
        for at, shape in enumerate(shapes)
        for each in METHODS
    ]
    wrong += [{"id": f"{each} without", "method": each} for each in METHODS]
    command: Message = {"id": "command", "method": "workspace/executeCommand"}
    wrong += [
        {**command, "params": {"command": "x"}},
        {**command, "id": 1, "params": {"command": SHOW_PAYLOAD, "arguments": []}},
    ]
    places = [(-1, 0), (0, -1), (2**31, 0), ("x", 0), (None, 0), (float("inf"), 0)]
    wrong += [
        {**each, "id": str(place)}
        for place in places
        for each in asked(URI, *place)
        if each["method"] == hover
    ]
    ended = session(opened(), *wrong, HOVER)
    assert {each["id"]: ended.error(each["id"]) for each in wrong} == {
        each["id"]: INVALID_PARAMS for each in wrong
    }
    assert "result" in ended.answer(HOVER)
    assert ended.errors == ""


def test_notifications_of_the_wrong_shape_are_ignored() -> None:
    names = [
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didClose",
        "textDocument/didSave",
    ]
    names += [
        "initialized",
        "workspace/didChangeConfiguration",
        "$/cancelRequest",
        "$/setTrace",
        "foo/bar",
        "$/foo",
    ]
    names += ["notebookDocument/didOpen", "notebookDocument/didChange", "window/workDoneProgress/cancel"]
    shapes: list[Any] = [
        None,
        [],
        5,
        {},
        {"textDocument": {}},
        {"notebookDocument": {"uri": "x", "version": 1}, "change": {}},
    ]
    ended = session(
        *({"method": each, "params": shape} for each in names for shape in shapes), opened(), HOVER
    )
    assert [each["method"] for each in ended.notifications] == ["textDocument/publishDiagnostics"]
    assert "result" in ended.answer(HOVER)
    assert "sftc: the parameters of textDocument/didOpen cannot be used" in ended.errors
    assert "bug" not in ended.errors


def test_unknown_methods() -> None:
    unknown = [
        {"id": 1, "method": "foo/bar", "params": {"type_name": 5}},
        {"id": 2, "method": "$/foo", "more": 1},
    ]
    ended = session(*unknown, {"method": "$/foo"}, {"method": "foo"})
    assert [ended.error(each["id"]) for each in unknown] == [METHOD_NOT_FOUND] * 2
    assert ended.errors == ""


PLACES = [
    "",
    "x.sft.toml",
    "untitled:Untitled.sft.toml",
    "file:///a%00b.sft.toml",
    "http://x/y.sft.toml",
    "file:///",
]
PLACES += [
    f"file:///{'a' * 5000}.sft.toml",
    "file:///a%FF.sft.toml",
    "file:////x.sft.toml",
    "\ud800.sft.toml",
]
NO_PLACE = "file://[/x.sft.toml"


def test_documents_that_were_never_opened() -> None:
    places = [URI, *PLACES]
    notified = [
        each for uri in places for each in (changed(uri), about("didSave", uri), about("didClose", uri))
    ]
    wanted = [{**each, "id": f"{uri} {each['id']}"} for uri in places for each in asked(uri)]
    ended = session(*notified, *wanted)
    answers = [ended.answer(each)["result"] for each in wanted if each["method"] != "codeAction/resolve"]
    assert not any(answers)
    assert ended.notifications == []
    assert ended.errors.count("the parameters of textDocument/didChange cannot be used") == len(places)


def test_documents_in_any_place() -> None:
    text = f'schema_version = 2\nextends = "base.toml"\n{JOB}'
    wanted = [{**each, "id": f"{uri} {each['id']}"} for uri in PLACES for each in asked(uri, 1, 12)]
    ended = session(*(opened(uri, text) for uri in PLACES), *wanted, opened(NO_PLACE), *asked(NO_PLACE))
    assert all("result" in ended.answer(each) for each in wanted)
    assert {each["params"]["uri"] for each in ended.notifications} >= set(PLACES) - {"", "file:///"}
    assert ended.errors == "sftc: the parameters of textDocument/didOpen cannot be used\n"


@pytest.mark.parametrize(
    "root", ["", "x", "file:///nowhere", "file:///a%00b", "http://x/y", "file:///etc/passwd", NO_PLACE]
)
def test_an_editor_may_be_in_any_folder(root: str) -> None:
    begun = {**INITIALIZE, "params": {"capabilities": {}, "rootUri": root, "initializationOptions": root}}
    ended = sent(framed_all(begun, opened(), SHUTDOWN, EXIT))
    if root == NO_PLACE:
        assert ended.error(INITIALIZE["id"]) == INVALID_PARAMS
    else:
        assert "result" in ended.answer(INITIALIZE)
        assert ended.notifications
    assert ended.errors == ""


def test_positions_outside_of_the_text_are_its_end() -> None:
    most = 2**31 - 1
    places = [(0, most), (most, 0), (most, most), (7, 1)]
    wanted = [{**each, "id": f"{place} {each['id']}"} for place in places for each in asked(URI, *place)]
    ended = session(opened(), *wanted)
    assert all("result" in ended.answer(each) for each in wanted)
    assert ended.errors == ""


def test_a_document_of_5_mb_is_a_finding() -> None:
    text = JOB + "# a comment\n" * 430_000
    ended = session(
        opened(text=text), *asked(URI, 4, 3), changed(text=f"[{text}"), HOVER, changed(), {**HOVER, "id": 2}
    )
    codes = [{found["code"] for found in each["params"]["diagnostics"]} for each in ended.notifications]
    assert codes == [{"file-too-large"}, {"file-too-large"}, {"older-name", "unknown-key"}]
    assert all("error" not in each for each in ended.messages)


def test_messages_that_are_changed_at_random() -> None:
    random = Random(5)  # noqa: S311  the same in every run
    messages = [opened(), *asked(), changed(), about("didSave"), CONFIGURED, about("didClose")]
    wrong = [_changed_at_random(random.choice(messages), random) for _ in range(1500)]
    ended = session(*wrong, opened(), HOVER)
    assert "bug" not in ended.errors
    assert INTERNAL_ERROR not in {each["error"]["code"] for each in ended.messages if "error" in each}
    assert "result" in ended.answer(HOVER)


def _changed_at_random(message: Message, random: Random) -> Message:
    """Return a message with another value at one place of its parameters, or nothing there."""
    ids = {"id": random.choice([1, "x", 10**30])} if "id" in message else {}
    return {**message, **ids, "params": _other(message["params"], random)}


def _other(value: Any, random: Random) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice([*value])
        without = {name: each for name, each in value.items() if name != key}
        return without if random.random() < 0.15 else {**value, key: _other(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        return [_other(value[0], random), *value[1:]]
    others = [
        None,
        True,
        -1,
        0,
        2**31 - 1,
        2**63,
        1.5,
        "",
        "x",
        "\0",
        "\ud800",
        "😀",
        [],
        {},
        [1],
        {"x": 1},
        URI,
        JOB,
    ]
    return random.choice(others)


ALTERED: Final = """\
import gc, sys
from sftc.__main__ import main
from sftc.editor import editor_requests
from sftc.editor.open_config import OpenConfig

def broken(ls, params):
    raise ZeroDivisionError("who divides?")

def living(ls, params):
    return sum(isinstance(each, OpenConfig) for each in gc.get_objects())

instead = {"textDocument/hover": broken, "textDocument/didSave": broken, "textDocument/definition": living}
editor_requests.FEATURES = [
    (method, instead.get(method, handle), options) for method, handle, options in editor_requests.FEATURES
]
sys.argv = ["sftc", "lsp"]
main()
"""
"""The server with a bug in two of its functions, and one that counts what is in memory."""


def test_a_bug_is_reported_and_the_session_goes_on() -> None:
    ended = sent(framed_all(INITIALIZE, opened(), HOVER, about("didSave"), SHUTDOWN, EXIT), ALTERED)
    assert ended.code == 0
    assert ended.errors.count("ZeroDivisionError: who divides?") == 2
    assert ended.errors.count("This is a bug in sftc") == 2
    assert ended.error(HOVER["id"]) == INTERNAL_ERROR


def test_earlier_states_of_a_text_do_not_stay_in_memory() -> None:
    texts = [opened(text=f"{JOB}# {number}\n") for number in range(200)]
    count = {**HOVER, "method": "textDocument/definition"}
    ended = sent(framed_all(INITIALIZE, opened(), *texts, count, SHUTDOWN, EXIT), ALTERED)
    assert ended.answer(count)["result"] < 100


def test_a_person_at_a_terminal_learns_what_it_is_and_can_interrupt_it() -> None:
    terminal, theirs = os.openpty()
    with running(stdin=theirs) as server:
        assert server.stderr
        assert b"Editors start this" in server.stderr.readline()
        begun = json.dumps({"jsonrpc": "2.0", **INITIALIZE}).encode()
        os.write(terminal, framed(begun + b"\n").replace(b"\r", b""))  # a terminal hands over lines
        assert server.stdout
        assert server.stdout.readline().startswith(b"Content-Length")  # it is running
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == -signal.SIGINT  # of which a shell makes 130
        assert server.stderr.read() == b""
    os.close(terminal)
    os.close(theirs)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, None])
def test_the_previews_of_a_session_end_with_it(
    stop: signal.Signals | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    shown = {"command": SHOW_PAYLOAD, "arguments": [URI]}
    show = {"id": "show", "method": "workspace/executeCommand", "params": shown}
    with running() as server:
        assert server.stdin
        server.stdin.write(framed_all(INITIALIZE, opened(), show))
        server.stdin.flush()
        eventually(lambda: [*tmp_path.glob("*/*/job.payload.json")])
        if stop:
            server.send_signal(stop)
        else:
            server.stdin.close()
        assert server.wait(60) == (-stop if stop else 1)
    assert [*tmp_path.iterdir()] == []


def test_a_session_without_previews_leaves_nothing_however_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running() as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(framed_all(INITIALIZE, opened()))
        server.stdin.flush()
        assert server.stdout.readline().startswith(b"Content-Length")
        server.kill()
        server.wait(60)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_without_standard_input_or_output_there_is_no_session(closed: str) -> None:
    run = subprocess.run(
        ["sh", "-c", f"{PROGRAM} lsp {closed}"], capture_output=True, check=False, timeout=60
    )
    assert run.returncode == 1
    assert run.stderr.startswith(b"Error: an editor starts it")


@pytest.mark.parametrize("output", ["", "/dev/full"])
def test_an_output_that_nobody_reads_ends_the_session(output: str) -> None:
    with running(output) as server:
        assert server.stdin
        if server.stdout:
            server.stdout.close()
        server.stdin.write(framed_all(INITIALIZE, opened()))
        server.stdin.flush()  # and it stays open
        assert server.wait(60) == 1
        assert server.stderr
        assert server.stderr.read() == b""
