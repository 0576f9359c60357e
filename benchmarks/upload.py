"""Measure a 2 GB upload to the embedded service: speed compared with curl, and peak memory.

sftc and curl alternately send the same request to the same service. Memory is the peak resident
size of the process. Each upload starts after the service has checked the previous file.
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
TOKEN = "benchmark"  # noqa: S105  only for the benchmark's own service
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
    """Run the service, and yield its URL and process id."""
    command: list[str | Path] = [program, "serve", "--port", "0", "--data-dir", folder, "--token", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=QUIET) as run:
        line = run.stdout.readline().decode() if run.stdout else ""
        yield f"{line.removeprefix('Listening on ').strip()}/api", run.pid
        run.terminate()


def wait(url: str, id: str) -> None:
    """Wait until the service has checked a file."""
    request = Request(f"{url}/learning/files/{id}", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310
    while True:
        with urlopen(request) as answer:  # noqa: S310  a local URL
            if json.load(answer)["status"] != "processing":
                return
        time.sleep(0.2)


def timed(run: Callable[[], str]) -> tuple[float, str]:
    """Return the seconds that `run` takes, and its result."""
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def output(command: list[str | Path]) -> str:
    """Return the output of a command. The command must succeed."""
    return subprocess.run(command, env=QUIET, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Run the benchmark, and publish the results."""
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
    text = f"""Measured by `benchmarks/upload.py` on {platform.machine()}, {os.cpu_count()} cores, Python
{platform.python_version()}. A {size / 1e9:.1f} GB file; medians of {RUNS} pairs of alternating uploads, each
in a separate process.

| | measured | target |
| --- | --- | --- |
| speed / speed of curl | {median(a / b for a, b in pairs):.2f} | 0.8 |
| speed, MB/s | {speed:.0f} (curl: {theirs:.0f}) | |
| peak memory of the client, MB | {max(peaks) / 1000:.0f} | 150 |
| peak memory of the service, MB | {held / 1000:.0f} | 150 |
"""
    publish("Uploads", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
