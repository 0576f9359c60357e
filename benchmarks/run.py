"""Measure sftc beside its peers, in one run: a table and JSON, kept in RESULTS.md and results.json.

Each side is installed into an environment of its own, from the registry and from this
checkout, under `build/benchmarks/`.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import QUIET, Command, paired

HERE = Path(__file__).parent
ROOT = HERE.parent
ENVIRONMENTS = ROOT / "build" / "benchmarks"
CONFIG = HERE / "config.toml"
SCHEMA = ROOT / "schemas/sftc_schemas/v1/config.schema.json"
RUNS = 31


def environment(name: str, *packages: str | Path) -> Path:
    """Return the folder of programs of a fresh environment with `packages`."""
    folder = ENVIRONMENTS / name
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], env=QUIET, check=True)
    install = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    subprocess.run(install, env=QUIET, check=True)
    return folder / "bin"


def measure() -> dict[str, Any]:
    """Return all figures."""
    ours, peers = environment("sftc", ROOT), environment("peers", "check-jsonschema==0.39.0")
    compiling: Command = [ours / "sftc", "compile", CONFIG]
    floor: Command = [ours / "python", "-c", "import click, orjson, tomllib"]
    checking: Command = [peers / "check-jsonschema", "--schemafile", SCHEMA, CONFIG]
    throughput = subprocess.run(
        [ours / "python", HERE / "throughput.py", CONFIG], env=QUIET, check=True, capture_output=True
    )
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "cold_start": paired(compiling, floor, RUNS),
        "beside_check_jsonschema": paired(compiling, checking, RUNS),
        "throughput": json.loads(throughput.stdout),
    }


def table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    cold, check, through = (figures[k] for k in ("cold_start", "beside_check_jsonschema", "throughput"))
    rows = [
        (
            "`sftc compile`, cold, to importing click, orjson and tomllib",
            f"{cold['ratio']:.2f}",
            "at most 1.3",
        ),
        ("`sftc compile`, cold, to check-jsonschema", f"{check['ratio']:.2f}", "at most 0.35"),
        ("`sftc.compile` on one core, configs a second", f"{through['configs_a_second']:.0f}", "3000"),
        ("the same, time to that of `tomllib.loads` alone", f"{through['ratio_to_tomllib']:.2f}", ""),
        ("time a line at 4,000 lines to that at 40", f"{through['growth_in_topology']:.2f}", "linear"),
        ("the same, all added keys unknown to the contract", f"{through['growth_in_parallelism']:.2f}", ""),
    ]
    cells = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    times = " and ".join(
        f"{each['seconds'] * 1e3:.0f} ms to {each['reference_seconds'] * 1e3:.0f} ms"
        for each in (cold, check)
    )
    head = "| figure | measured | aim |\n| --- | --- | --- |\n"
    return f"{head}{cells}\nWall times behind the first two: {times}.\n"


if __name__ == "__main__":
    results = measure()
    text = table(results)
    head = (
        "# Results\n\nPrinted by `benchmarks/run.py`, on "
        f"{results['machine']}. Ratios are medians of {RUNS} pairs of runs taken in turn.\n\n"
    )
    (HERE / "RESULTS.md").write_text(head + text, encoding="utf-8")
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(text)
    print(json.dumps(results, indent=2))
