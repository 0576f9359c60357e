"""Random configs, overrides, rows, archives and requests: `make fuzz`, for `MINUTES` minutes, 60 by default.

Inputs are made from the golden cases and the hostile configs, by changes that know their structure. A fault
is an exception, a run of over two seconds for an input of up to 64 KB, or a fix that makes a config worse.
`SEED` is the number of the first input, and makes it again.
"""

import bz2
import gzip
import os
import random
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hostile_configs import HOSTILE

import sftc
from sftc.contract.versions import PACKAGED
from sftc.dataset.check_files import CheckOptions, check_files
from sftc.document.overrides import Override
from sftc.findings.finding import Severity
from sftc.report import github, gitlab, junit, sarif
from sftc.report import json as json_report
from sftc.report.tables import account_table
from sftc.report.terminal import render
from sftc.text.source import Source
from sftc.tools import explain
from sftc.tools.fix import fix
from sftc.tools.lint import lint
from sftc.tools.migrate import migrate
from support.golden import GOLDEN
from support.raw_requests import AUTHORIZED, connected
from support.services import Client, thread

MINUTES = float(os.environ.get("MINUTES", "60"))
SEED = int(os.environ.get("SEED", "0"))
SECONDS = 2.0
SIZE = 64 << 10
CONFIGS = sorted(path.read_bytes().decode("utf-8", "replace") for path in GOLDEN.glob("*/*/config.toml"))
ROWS = sorted(path.read_bytes() for path in GOLDEN.glob("dataset/*/*.jsonl"))
ODD = [
    "\x00",
    "\x1b",
    "\u202e",
    "\u00a0",
    "\ufeff",
    '"',
    "'",
    '"""',
    "=",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "#",
    "\n",
    "\r\n",
    "\\u0000",
    "$" + "{X}",
    "1e400",
    "-0",
    "inf",
    "nan",
    "9" * 30,
    "true",
    "[[",
    "lora_r",
    "schema_version = 2",
    "# sftc: ignore[unknown-key]",
    "1979-05-27",
]


def mangled(text: str, chance: random.Random) -> str:
    """Return `text` with a few changes: lines swapped, doubled, dropped or added, odd characters put in."""
    for _ in range(chance.randint(1, 8)):
        lines = text.splitlines(keepends=True) or [""]
        at, other = (chance.randrange(len(lines)) for _ in range(2))
        kind = chance.randrange(7)
        if kind == 0:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 1:
            lines.insert(other, lines[at])
        elif kind == 2:
            del lines[at]
        elif kind == 3:
            lines[at] = lines[at].replace("=", chance.choice(ODD), 1)
        elif kind == 4:
            more = chance.choice(CONFIGS).splitlines(keepends=True) or [""]
            lines[at:at] = chance.choices(more, k=chance.randint(1, 5))
        else:
            place = chance.randint(0, len(lines[at]))
            lines[at] = lines[at][:place] + chance.choice(ODD) + lines[at][place + chance.randint(0, 3) :]
        text = "".join(lines)
    return text[:SIZE]


def config_text(chance: random.Random) -> str:
    """Return a config: mostly a golden case, sometimes a hostile one, mangled."""
    if chance.random() < 0.1:
        return mangled(HOSTILE[chance.choice([*HOSTILE])](chance.randint(200, SIZE // 8)), chance)
    return mangled(chance.choice(CONFIGS), chance)


def fuzz_config(chance: random.Random) -> str:
    """Compile, lint, report, fix, explain and migrate one config; return it."""
    text = config_text(chance)
    source = Source("c.toml", text)
    findings = lint(source)
    render(findings)
    for report in (github, gitlab, junit, sarif, json_report):
        report.render({"c.toml": findings})
    fixed = fix(source, lint, lambda found: True)
    after = lint(fixed)
    before = lint(Source("c.toml", text.removeprefix("\ufeff")))  # a byte order mark hides the rest
    numbers = [
        [sum(found.severity is each for found in all_) for each in Severity] for all_ in (before, after)
    ]
    if numbers[1] > numbers[0]:  # errors first: without one that hid others, there may be more warnings
        raise AssertionError(f"the fix made it worse: {fixed.text!r}")
    compiled = sftc.compile(text.encode("utf-8", "surrogatepass"))
    if compiled.ok:
        account_table([*explain.keys(compiled)], [*explain.values(compiled)])
        compiled.to_bytes()
    if compiled.config:
        migrate(source, PACKAGED)
    return text


def fuzz_override(chance: random.Random) -> str:
    """Compile a golden case with overrides; return them."""
    text = " ".join(mangled("hyperparameters.n_epochs=3", chance).split("\n"))
    try:
        override = Override.parse(text)
    except ValueError:
        return text
    compiled = sftc.compile(chance.choice(CONFIGS).encode(), overrides=[override])
    render(compiled.findings)
    return text


def _broken_bytes(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        piece = chance.choice(
            [b"\x00", b"\xff", b"{", b'"', b"[" * 100, b"\n", b"\\ud800", b"1e999", b"null", b"\r"]
        )
        data = data[:at] + piece + data[at + chance.randint(0, 4) :]
    return data[:SIZE]


def fuzz_rows(chance: random.Random) -> str:
    """Check one training file, plain or in an archive that may be damaged; return its bytes, escaped."""
    data = _broken_bytes(chance.choice(ROWS), chance)
    packers: dict[str, Callable[[bytes], bytes]] = {
        "r.jsonl": bytes,
        "r.jsonl.gz": gzip.compress,
        "r.jsonl.bz2": bz2.compress,
    }
    name = chance.choice([*packers])
    data = packers[name](data)
    if chance.random() < 0.3 and name != "r.jsonl":
        data = _broken_bytes(data, chance)
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        [result] = check_files([str(path)], CheckOptions(jobs=1))
    render(result.findings)
    return repr(data)


def fuzz_request(client: Client, chance: random.Random) -> str:
    """Send the service one raw request; return it. An answer, or the end of the connection, has to come."""
    path = chance.choice([b"files", b"jobs", b"jobs/x", b"jobs/x/events?since_seq=", b"files/../..", b"\xff"])
    line = chance.choice([b"GET", b"POST", b"PUT", b"\x00"]) + b" /api/learning/" + path + b" HTTP/1.1\r\n"
    body = chance.choice(CONFIGS).encode()[:2000]
    length = chance.choice([len(body), 0, -1, 10**12])
    text = line + AUTHORIZED + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % length + body
    sent = text if chance.random() < 0.5 else _broken_bytes(text, chance)
    with connected(client) as link:
        link.settimeout(SECONDS)
        link.sendall(sent)
        link.shutdown(1)
        answer = link.recv(1 << 16)
    if b" 500 " in answer.split(b"\r\n", 1)[0]:
        raise AssertionError(f"the service failed: {answer!r}")
    return repr(sent)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with thread(tmp_path_factory.mktemp("service") / "data") as client:
        yield client


KINDS: dict[str, Callable[[random.Random, Client], str]] = {
    "configs": lambda chance, client: fuzz_config(chance),
    "overrides": lambda chance, client: fuzz_override(chance),
    "rows and archives": lambda chance, client: fuzz_rows(chance),
    "requests": lambda chance, client: fuzz_request(client, chance),
}
SHARES = {"configs": 0.5, "overrides": 0.1, "rows and archives": 0.2, "requests": 0.2}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_goes_wrong(kind: str, client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    end = time.monotonic() + 60 * MINUTES * SHARES[kind]
    faults, rounds, slowest = list[str](), 0, 0.0
    while time.monotonic() < end or not rounds:
        seed = SEED + rounds
        start = time.process_time()
        try:
            text = KINDS[kind](random.Random(seed), client)  # noqa: S311  it makes inputs, not keys
        except Exception:  # noqa: BLE001  any is a fault, and the run goes on
            faults.append(f"SEED={seed}\n{traceback.format_exc()}")
        else:
            slowest = max(slowest, took := time.process_time() - start)
            if took > SECONDS:
                faults.append(f"SEED={seed}: {took:.1f} s, {len(text)} characters")
        rounds += 1
    with capfd.disabled():
        print(f"\n{kind}: {rounds:,} rounds, the slowest {slowest:.2f} s, {len(faults)} faults")  # noqa: T201  the figures
    assert faults == [], "\n".join(faults[:20])
