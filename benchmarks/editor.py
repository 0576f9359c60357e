"""Measure the time from a keystroke to the findings of the language server, over standard input and output.

A person types at the end of lines all over a config of 200 lines: half a key, half a value, until the text
is TOML again. Each keystroke sends the whole text, and the clock stops when the findings about it are read.
"""

import json
import os
import platform
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Any, cast

from measure import HERE, QUIET, Command, publish

LINES = 200
EDITS = 60
TYPED = ("\nlearning_rte = 2e", "\nwarmup_steps = ", '\noptimizer = "ada', "\nseed = 4", "\n[tra")
SERVER: Command = [Path(sys.executable).parent / "sftc", "lsp"]


class Editor:
    """An editor that knows only how to open and change one document, and waits for its findings."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._version = 0
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(SERVER, stdin=pipe, stdout=pipe, env=QUIET)
        self._in, self._out = (cast("IO[bytes]", end) for end in (self._server.stdin, self._server.stdout))
        self._send(
            {"id": 1, "method": "initialize", "params": {"capabilities": {}, "processId": os.getpid()}}
        )
        self._read()
        self._send({"method": "initialized", "params": {}})

    def open(self, text: str) -> None:
        """Open the document."""
        item = {"uri": self.uri, "languageId": "toml", "version": 0, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        self._read()

    def change(self, text: str) -> float:
        """Replace the text; return the seconds until its findings are here."""
        self._version += 1
        document = {"uri": self.uri, "version": self._version}
        params = {"textDocument": document, "contentChanges": [{"text": text}]}
        start = time.perf_counter()
        self._send({"method": "textDocument/didChange", "params": params})
        while self._read()["params"]["version"] != self._version:
            pass
        return time.perf_counter() - start

    def close(self) -> None:
        """End the session."""
        self._send({"id": 2, "method": "shutdown"})
        self._read()
        self._send({"method": "exit"})
        self._server.wait()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._in.flush()

    def _read(self) -> Any:
        length = 0
        while header := self._out.readline().strip():
            if header.lower().startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        return json.loads(self._out.read(length))


def config() -> str:
    """Return a config of `LINES` lines, without findings."""
    text = (HERE / "config_2.toml").read_text(encoding="utf-8")
    text += "\n[tags]\n"
    return text + "".join(f'tag_{line} = "value {line}"\n' for line in range(LINES - text.count("\n")))


def keystrokes(text: str) -> list[str]:
    """Return the text after each keystroke: words at the ends of lines drawn at random, and removed again."""
    draw = random.Random(1)  # noqa: S311  the same lines in every run, no secret
    ends = [at for at, char in enumerate(text) if char == "\n"]
    texts = []
    for _ in range(EDITS):
        at, typed = draw.choice(ends), draw.choice(TYPED)
        texts += [text[:at] + typed[:number] + text[at:] for number in range(1, len(typed) + 1)]
        texts.append(text)
    return texts


if __name__ == "__main__":
    whole = config()
    editor = Editor("file:///bench.sft.toml")
    editor.open(whole)
    seconds = [editor.change(each) for each in keystrokes(whole)]
    editor.close()
    steps = quantiles(seconds, n=100)
    rows = [
        ("median", median(seconds), ""),
        ("95 of 100 within", steps[94], "50"),
        ("99 of 100 within", steps[98], ""),
        ("the first one", seconds[0], ""),
    ]
    report = (
        f"Measured by `benchmarks/editor.py` on {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}: {len(seconds):,}\nkeystrokes in a config of {LINES} lines, "
        "over standard input and output of the server.\n"
        f"Load average of the machine at the end: {os.getloadavg()[0]:.1f}.\n\n"
        "| from a keystroke to its findings | ms | target |\n| --- | --- | --- |\n"
        + "".join(f"| {name} | {each * 1000:.1f} | {aim} |\n" for name, each, aim in rows)
    )
    publish("Editor", report)
    print(report)
