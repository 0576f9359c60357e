"""Measure an upload of 2 GB to the embedded service: its speed beside curl's, and what memory it takes.

Both send the same request to the same service, in turn. Memory is the most that a process ever had
resident. Between two uploads the service's own check of the file is waited for.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from measure import ENVIRONMENTS, HERE, QUIET, environment, publish
from rows import write

SIZE = 2 * 10**9
RUNS = 5
TOKEN = "benchmark"  # noqa: S105  of a service that lives for these runs
SEND = """
import sys, time
from sftc.submission.upload import DataFile, upload_file
from sftc.submission.client import ServiceClient
from sftc.submission.endpoint import ApiKey, Backend
url, key, path, length, digest = sys.argv[1:]
with ServiceClient(Backend(url, ApiKey(key)), print) as service:
    upload_file(DataFile(path, "rows.jsonl", digest, int(length), 1), service, lambda *_: None)
    [peak] = [line for line in open("/proc/self/status") if "VmHWM" in line]
    print(peak.split()[1])
"""


@contextmanager
def served(program: Path, folder: str) -> Iterator[tuple[str, int]]:
    """Run the service; yield its URL and its process."""
    command: list[str | Path] = [program, "serve", "--port", "0", "--data-dir", folder, "--token", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=QUIET) as run:
        line = run.stdout.readline().decode() if run.stdout else ""
        yield f"{line.removeprefix('Listening on ').strip()}/api", run.pid
        run.terminate()


def wait(url: str, id: str) -> None:
    """Return when a file is checked."""
    request = Request(f"{url}/learning/files/{id}", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310
    while True:
        with urlopen(request) as answer:  # noqa: S310  it is on this machine
            if json.load(answer)["status"] != "processing":
                return
        time.sleep(0.2)


def timed(run: Callable[[], str]) -> tuple[float, str]:
    """Return the seconds that `run` takes, and what it returns."""
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def output(command: list[str | Path]) -> str:
    """Return what a command prints; it must succeed."""
    return subprocess.run(command, env=QUIET, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Measure, print and publish."""
    ours = environment("upload", f"{HERE.parent}[local]")
    path = ENVIRONMENTS / f"200-KB-{SIZE}.jsonl"
    if not path.exists():
        write(path, "200-KB", SIZE)
    with path.open("rb") as file:
        digest = f"sha256:{file_digest(file, 'sha256').hexdigest()}"
    size = path.stat().st_size
    with TemporaryDirectory(dir=ENVIRONMENTS) as folder, served(ours / "sftc", folder) as (url, service):
        curl: list[str | Path] = ["curl", "--silent", "--fail", "--header", f"Authorization: Bearer {TOKEN}"]
        curl += ["--form", "purpose=fine-tune", "--form", f"file=@{path};type=application/jsonl"]
        curl += [f"{url}/learning/files"]
        send: list[str | Path] = [ours / "python", "-c", SEND, url, TOKEN, path, str(size), digest]
        id = json.loads(output(curl))["id"]
        wait(url, id)
        pairs, peaks = [], []
        for _ in range(RUNS):
            reference, _ = timed(lambda: output(curl))
            wait(url, id)
            mine, peak = timed(lambda: output(send))
            wait(url, id)
            pairs.append((reference, mine))
            peaks.append(int(peak))
        status = Path(f"/proc/{service}/status").read_text(encoding="ascii")
        [held] = [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    speed, theirs = (median(size / pair[at] for pair in pairs) / 1e6 for at in (1, 0))
    text = f"""Printed by `benchmarks/upload.py`, on {platform.machine()}, {os.cpu_count()} cores, Python
{platform.python_version()}. A file of {size / 1e9:.1f} GB, medians of {RUNS} pairs of uploads in turn, each
in a process of its own.

| | measured | aim |
| --- | --- | --- |
| speed, to that of curl | {median(a / b for a, b in pairs):.2f} | 0.8 |
| MB/s | {speed:.0f}, curl {theirs:.0f} | |
| most memory of the client, MB | {max(peaks) / 1000:.0f} | 150 |
| most memory of the service, MB | {held / 1000:.0f} | 150 |
"""
    publish("Uploads", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
