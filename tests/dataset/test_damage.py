"""Truncated archives: the rows before the damage are checked."""

import gzip
import zlib
from pathlib import Path

import pytest

from sftc.dataset.check_files import check_files
from support.training_files import row


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_all_rows_before_the_damage_are_checked(part: float, tmp_path: Path) -> None:
    data = gzip.compress("".join(map(row, range(50_000))).encode())
    left = data[: int(len(data) * part)]
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(left)
    (result,) = check_files([str(path)])
    lines = zlib.decompressobj(wbits=31).decompress(left).count(b"\n")
    assert result.rows == lines > 0
    (found,) = result.findings
    assert found.message.startswith(f"cannot be read after line {lines:,}: ")
