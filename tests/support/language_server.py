"""A minimal client of the Language Server Protocol."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import Any, Self

Message = dict[str, Any]

SECONDS = 30
NO_NETWORK = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


class LanguageServer:
    """A running language server for a folder, with its default settings.

    It starts on entry and is killed on exit, or after `SECONDS`, so that no wait is endless:
    waiting for a server that has ended raises `EOFError`. While it waits, the client responds to
    requests of the server.
    """

    def __init__(self, command: Sequence[str | Path], folder: Path) -> None:
        self.diagnostics: dict[str, list[Message]] = {}
        self._command = command
        self._folder = {"uri": folder.as_uri(), "name": folder.name}
        self._requests = 0

    def __enter__(self) -> Self:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        environment = os.environ | NO_NETWORK
        self._server = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment
        )
        self._limit = Timer(SECONDS, self._server.kill)
        self._limit.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._limit.cancel()
        self._server.kill()
        self._server.communicate()

    def initialize(self) -> None:
        """Exchange capabilities with the server. Must be the first call."""
        capabilities = {
            "workspace": {"configuration": True, "workspaceFolders": True},
            "window": {"workDoneProgress": True},
            "textDocument": {"hover": {"contentFormat": ["markdown"]}},
        }
        folders = {"rootUri": self._folder["uri"], "workspaceFolders": [self._folder]}
        self._request("initialize", {"processId": os.getpid(), "capabilities": capabilities, **folders})
        self._send({"method": "initialized", "params": {}})

    def open(self, document: Path) -> str:
        """Open a document, and return its URI."""
        uri, text = document.as_uri(), document.read_text(encoding="utf-8")
        item = {"uri": uri, "languageId": "toml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        return uri

    def ask(self, what: str, uri: str, line: int, character: int) -> Any:
        """Return the response to a request about a position, for example `hover` or `completion`."""
        position = {"line": line, "character": character}
        return self._request(f"textDocument/{what}", {"textDocument": {"uri": uri}, "position": position})

    def wait_for_diagnostics(self, uri: str) -> list[Message]:
        """Return the diagnostics of a document as soon as there are any."""
        while not self.diagnostics.get(uri):
            self._receive()
        return self.diagnostics[uri]

    def _request(self, method: str, params: Message) -> Any:
        self._requests += 1
        self._send({"id": self._requests, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" not in message and message["id"] == self._requests:
                return message["result"]

    def _receive(self) -> Message:
        message = self._read()
        method, params = message.get("method"), message.get("params")
        if method == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif method and "id" in message:
            self._send({"id": message["id"], "result": self._answer(method, params)})
        return message

    def _answer(self, method: str, params: Any) -> Any:
        if method == "workspace/configuration":
            return [None] * len(params["items"])
        return [self._folder] if method == "workspace/workspaceFolders" else None

    def _send(self, message: Message) -> None:
        assert self._server.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._server.stdin.flush()

    def _read(self) -> Message:
        assert self._server.stdout
        length = 0
        while header := self._server.stdout.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise EOFError(f"{self._command[0]} has ended, or did not respond for {SECONDS} seconds")
        message: Message = json.loads(self._server.stdout.read(length))
        return message
