"""Measure `sftc dataset convert` on files of 50 and 500 MB: peak memory and seconds, by kind of file.

Memory may not grow with the file. The rows are those of 4 KB of `rows.py`; each kind is converted once.
"""

import csv
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from measure import ENVIRONMENTS, HERE, environment, peak, publish
from pyarrow import ipc, parquet
from rows import write

SIZES = (50, 500)
"""The sizes of the files in MB, as JSON Lines."""
SHAPE = "4-KB"
FEW = 1_000
"""The rows of a group in a Parquet file, as the Hugging Face Hub has them, and of a batch of Arrow."""


def rows_of(source: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a training file."""
    with source.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def a_list(source: Path, path: Path, indent: int | None = None) -> None:
    """Write all rows in one list: on one line, or indented."""
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows_of(source)):
            file.write(("," if number else "[") + json.dumps(row, ensure_ascii=False, indent=indent))
        file.write("]")


def a_csv(source: Path, path: Path) -> None:
    """Write a table with the messages in JSON, and a text with line breaks."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["messages", "note"])
        for row in rows_of(source):
            writer.writerow([json.dumps(row["messages"], ensure_ascii=False), "one\ntwo"])


def batches_of(source: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows as batches of a table."""
    schema = None
    held: list[dict[str, Any]] = []
    for row in rows_of(source):
        held.append(row)
        if len(held) == FEW:
            batch = pa.RecordBatch.from_pylist(held, schema=schema)
            schema = batch.schema
            yield batch
            held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, schema=schema)


def a_parquet(source: Path, path: Path, group: int = FEW) -> None:
    """Write a Parquet file with groups of `group` rows."""
    table = pa.Table.from_batches(batches_of(source))
    parquet.write_table(table, path, row_group_size=group)


def a_stream(source: Path, path: Path) -> None:
    """Write an Arrow stream, as `datasets.save_to_disk` does."""
    writer = None
    for batch in batches_of(source):
        writer = writer or ipc.new_stream(path, batch.schema)
        writer.write_batch(batch)
    if writer:
        writer.close()


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "JSON list on one line": a_list,
    "JSON list, indented": lambda source, path: a_list(source, path, indent=2),
    "CSV": a_csv,
    "Parquet, groups of 1,000 rows": a_parquet,
    "Parquet, one group": lambda source, path: a_parquet(source, path, group=1 << 30),
    "Arrow stream": a_stream,
}


def file(kind: str, size: int) -> Path:
    """Return a file of a kind with `size` MB of rows, and create it if it does not exist."""
    source = ENVIRONMENTS / f"{SHAPE}-{size}000000.jsonl"
    if not source.exists():
        write(source, SHAPE, size * 10**6)
    if kind not in KINDS:
        return source
    path = ENVIRONMENTS / f"convert-{[*KINDS].index(kind)}-{size}"
    if not path.exists():
        KINDS[kind](source, path)
    return path


def main() -> None:
    """Run the benchmark, and publish the results."""
    program = environment("convert", f"{HERE.parent}[convert]") / "sftc"
    text = "| file | " + " | ".join(f"peak memory of {size} MB, MB | seconds" for size in SIZES) + " |\n"
    text += "| --- " * (1 + 2 * len(SIZES)) + "|\n"
    for kind in ("JSON Lines", *KINDS):
        text += f"| {kind} "
        for size in SIZES:
            path = file(kind, size)
            start = time.perf_counter()
            memory = peak([program, "dataset", "convert", path, "-o", ENVIRONMENTS / "converted.jsonl"])
            text += f"| {memory:.0f} | {time.perf_counter() - start:.1f} "
        text += "|\n"
        print(text.splitlines()[-1], flush=True)
    head = (
        f"Measured by `benchmarks/convert.py` on {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}.\nSizes are those of the rows as JSON Lines; one run each.\n"
        f"Load average of the machine at the end: {os.getloadavg()[1]:.1f}.\n\n"
    )
    foot = "\nBeyond 65,536 rows, NumPy is loaded to find equal rows (9 MB); "
    foot += "the digests of at most 262,144 rows are kept.\n"
    publish("Conversions", head + text + foot)


if __name__ == "__main__":
    main()
