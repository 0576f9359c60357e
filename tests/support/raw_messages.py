"""The language server, told what no editor should send: bytes in, its messages and its end out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from support.editor_client import PROGRAM
from support.environment import unmeasured

Message = dict[str, Any]

INITIALIZE: Message = {"id": "begin", "method": "initialize", "params": {"capabilities": {}}}
SHUTDOWN: Message = {"id": "end", "method": "shutdown"}
EXIT: Message = {"method": "exit"}


class Ended(NamedTuple):
    """A session that has ended: its exit code, what the server sent, and what it wrote to stderr."""

    code: int
    messages: list[Message]
    errors: str

    @property
    def notifications(self) -> list[Message]:
        """What the server sent of its own accord."""
        return [each for each in self.messages if "method" in each]

    @property
    def without_id(self) -> list[Message]:
        """The responses to what has no id that can be repeated."""
        return [each for each in self.messages if "method" not in each and each["id"] is None]

    def answer(self, request: Message) -> Message:
        """Return the only response to a request."""
        [found] = (each for each in self.messages if "method" not in each and each["id"] == request["id"])
        return found

    def error(self, id: Any) -> int:
        """Return the code of the error that is the only response to a request."""
        return int(self.answer({"id": id})["error"]["code"])


def framed(message: Message | bytes) -> bytes:
    """Return a message with its headers; an object is one of the protocol."""
    body = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def framed_all(*messages: Message | bytes) -> bytes:
    """Return messages with their headers."""
    return b"".join(map(framed, messages))


def session(*messages: Message | bytes) -> Ended:
    """Send messages in a session that begins and ends as it should."""
    begun = {"method": "initialized", "params": {}}
    ended = sent(framed_all(INITIALIZE, begun, *messages, SHUTDOWN, EXIT))
    assert ended.answer(SHUTDOWN)["result"] is None
    assert ended.code == 0
    return ended


def sent(data: bytes, program: str = "") -> Ended:
    """Send bytes to the server, or to a Python program, and close standard input."""
    command = [sys.executable, "-c", program] if program else [PROGRAM, "lsp"]
    run = subprocess.run(command, input=data, capture_output=True, check=False, timeout=120)
    errors = run.stderr.decode()
    assert program or "Traceback" not in errors, errors
    return Ended(run.returncode, [*_messages(run.stdout)], errors)


@contextmanager
def running(output: str = "", stdin: int = subprocess.PIPE) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server, and kill it at the end. Its output is a pipe, or goes to the file `output`."""
    pipe, redirect = subprocess.PIPE, f"> {output}" if output else ""
    command = ["sh", "-c", f"exec {PROGRAM} lsp {redirect}"]
    with subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, env=unmeasured()) as server:
        try:
            yield server
        finally:
            server.kill()


def _messages(data: bytes) -> Iterator[Message]:
    while data:
        headers, _, data = data.partition(b"\r\n\r\n")
        length = next(
            int(each[15:]) for each in headers.split(b"\r\n") if each.startswith(b"Content-Length:")
        )
        yield json.loads(data[:length])
        data = data[length:]
