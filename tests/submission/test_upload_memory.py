"""Uploading a large file does not load it into memory."""

import os
import subprocess
import sys
from hashlib import file_digest
from pathlib import Path

import pytest

from support.backends import Answer, Asked, odd_service
from support.environment import KEY, isolate

SIZE = 300 << 20
SEND = """
import sys
from pathlib import Path
from sftc.submission.upload import DataFile, ensure_uploaded
from sftc.submission.journal import Journal
from sftc.submission.client import ServiceClient
from sftc.submission.endpoint import ApiKey, Backend

url, key, *files = sys.argv[1:]
with Journal(url) as journal, ServiceClient(Backend(url, ApiKey(key)), print) as service:
    for path, size, digest in zip(files[::3], files[1::3], files[2::3]):
        ensure_uploaded(DataFile(path, "rows.jsonl", digest, int(size), 1), service, journal, lambda *_: None)
        [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
        print(peak.split()[1])
"""


def test_an_upload_is_streamed_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    arguments = []
    for name, size in (("small", 1 << 20), ("large", SIZE)):
        path = tmp_path / name
        path.touch()
        os.truncate(path, size)
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        arguments += [str(path), str(size), f"sha256:{digest}"]

    def take(asked: Asked) -> Answer:
        return Answer({"id": "file-1", "status": "ready"})

    with odd_service(take) as service:
        run = subprocess.run(
            [sys.executable, "-c", SEND, service.url, KEY, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    assert [asked.size > SIZE for asked in service.asked if asked.method == "POST"] == [False, True]
    before, after = map(int, run.stdout.split())
    assert after - before < 40 << 10
