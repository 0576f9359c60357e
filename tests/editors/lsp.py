"""A client of the Language Server Protocol, as small as an editor can be."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import IO, Any, Self

Message = dict[str, Any]
SECONDS = 20.0


class LanguageServer:
    """A language server at work in a folder: started on entry, killed on exit.

    Every wait reads what the server sends, in order, and answers its requests on the
    way; a server that is silent for `SECONDS` raises `TimeoutError`.
    """

    def __init__(self, command: Sequence[str | Path], folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._received: Queue[Message | None] = Queue()
        self._requests = 0
        self.notifications: list[Message] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
        )
        Thread(target=self._read, daemon=True).start()
        self._initialize()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, path: Path) -> str:
        """Open a document as an editor does; return its URI."""
        uri = path.as_uri()
        text = path.read_text(encoding="utf-8")
        document = {"uri": uri, "languageId": "toml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def at(self, method, uri, line, character):
        return self.request(method, {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}})

    def request(self, method: str, params: Message) -> Any:
        """Send a request; return its result."""
        self._requests += 1
        self._send({"id": self._requests, "method": method, "params": params})
        reply = self._wait(lambda m: m.get("id") == self._requests and "method" not in m)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["result"]

    def notify(self, method: str, params: Message) -> None:
        self._send({"method": method, "params": params})

    def _initialize(self) -> None:
        uri = self._folder.as_uri()
        params = {
            "processId": None,
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": self._folder.name}],
            "capabilities": {"workspace": {"configuration": True, "workspaceFolders": True}, "window": {"workDoneProgress": True},
              "textDocument": {"hover": {"contentFormat": ["markdown", "plaintext"]}, "publishDiagnostics": {}}},
        }
        r = self.request("initialize", params)
        print(json.dumps(r)[:3000])
        self.notify("initialized", {})

    def _wait(self, wanted: Callable[[Message], bool]) -> Message:
        while True:
            try:
                message = self._received.get(timeout=SECONDS)
            except Empty:
                raise TimeoutError from None
            if message is None: raise EOFError
            print("<-", json.dumps(message)[:1500])
            if "method" in message and "id" in message:
                n = len(message["params"].get("items", [])) if message["method"]=="workspace/configuration" else None
                self._send({"id": message["id"], "result": [None]*n if n is not None else None})
            if wanted(message):
                return message

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        out = self._process.stdout
        while header := out.readline():
            length = int(header.split(b":")[1]) if header.lower().startswith(b"content-length") else 0
            while out.readline().strip(): pass
            self._received.put(json.loads(out.read(length)))
        self._received.put(None)
