"""Compare the speed of sftc with similar tools, and write RESULTS.md and results.json.

sftc is installed from this checkout and the other tools from PyPI, in separate environments under
`build/benchmarks/`.
"""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from measure import ENVIRONMENTS, HERE, QUIET, Command, environment, paired, publish

ROOT = HERE.parent
CONFIG = HERE / "config.toml"
NEWER = HERE / "config_2.toml"
SCHEMA = ROOT / "schemas/sftc_schemas/config/v1/config.schema.json"
RUNS = 31
FEW = 7
FILES = 1000


def many_files(number: int) -> list[Path]:
    """Write `number` distinct valid configs of 60 lines each, and return their paths."""
    folder = ENVIRONMENTS / "configs"
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.read_text(encoding="utf-8")
    text += "".join(f"knob_{line} = {line / 7}\n" for line in range(60 - text.count("\n")))
    paths = [folder / f"{index}.sft.toml" for index in range(number)]
    for index, path in enumerate(paths):
        path.write_text(text.replace("n_epochs = 3", f"n_epochs = {index + 1}"), encoding="utf-8")
    return paths


def measure() -> dict[str, Any]:
    """Run all benchmarks, and return the results."""
    ours = environment("sftc", ROOT)
    peers = environment("peers", "check-jsonschema==0.39.0", "taplo==0.9.3", "tombi==1.9.6")
    compiling: Command = [ours / "sftc", "compile", CONFIG]
    floor: Command = [ours / "python", "-c", "import click, orjson, tomllib"]
    checking: Command = [peers / "check-jsonschema", "--schemafile", SCHEMA, CONFIG]
    throughput, throughput_2 = (
        subprocess.run(
            [ours / "python", HERE / "throughput.py", each], env=QUIET, check=True, capture_output=True
        )
        for each in (CONFIG, NEWER)
    )
    wrong = ENVIRONMENTS / "wrong.toml"
    wrong.write_text(
        CONFIG.read_text(encoding="utf-8").replace("n_epochs = 3", "n_epochs = 0"), encoding="utf-8"
    )
    bundle = ENVIRONMENTS / "sftc.schema.json"
    subprocess.run(
        [ours / "sftc", "schema", "--bundle", "--version", "1", "--output", bundle], env=QUIET, check=True
    )
    files = many_files(FILES)
    linting: Command = [ours / "sftc", "lint", *files]
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "cold_start": paired(compiling, floor, RUNS),
        "beside_check_jsonschema": paired(compiling, checking, RUNS),
        "version_2": paired([ours / "sftc", "compile", NEWER], compiling, RUNS),
        "throughput": json.loads(throughput.stdout),
        "throughput_2": json.loads(throughput_2.stdout),
        "cold_lint": paired([ours / "sftc", "lint", CONFIG], compiling, RUNS),
        "one_error": paired([ours / "sftc", "lint", "--exit-zero", wrong], floor, RUNS),
        "lint_beside_check_jsonschema": paired(
            linting, [peers / "check-jsonschema", "--schemafile", bundle, *files], FEW
        ),
        "lint_beside_taplo": paired(
            linting, [peers / "taplo", "lint", "--schema", bundle.as_uri(), *files], FEW
        ),
    }


def table(figures: dict[str, Any]) -> str:
    """Return the results as Markdown tables."""
    through = figures["throughput"]
    rows = [
        ("`sftc compile`, cold start / importing click, orjson and tomllib", "cold_start", "at most 1.3"),
        ("`sftc compile`, cold start / check-jsonschema", "beside_check_jsonschema", "at most 0.35"),
        ("`sftc lint` of one file, cold start / `sftc compile`", "cold_lint", "at most 1.1"),
        ("`sftc compile` of a config of version 2, cold start / of version 1", "version_2", "at most 1.1"),
        (f"`sftc lint` of {FILES} files / check-jsonschema", "lint_beside_check_jsonschema", "at most 0.6"),
        (f"`sftc lint` of {FILES} files / taplo", "lint_beside_taplo", "at most 2"),
        (
            "`sftc lint` of a file with one error, cold start / the same imports",
            "one_error",
            "at most 0.25 s",
        ),
    ]
    text = "| ratio of wall times | measured | seconds | target |\n| --- | --- | --- | --- |\n"
    for name, key, aim in rows:
        each = figures[key]
        seconds = f"{each['seconds']:.3f} / {each['reference_seconds']:.3f}"
        text += f"| {name} | {each['ratio']:.3f} | {seconds} | {aim} |\n"
    rates = [
        ("`sftc.compile` on one core, configs per second", f"{through['configs_a_second']:.0f}", "3000"),
        (
            "the same, configs of version 2",
            f"{figures['throughput_2']['configs_a_second']:.0f}",
            "3000",
        ),
        ("time of `sftc.compile` / `tomllib.loads`", f"{through['ratio_to_tomllib']:.2f}", ""),
        ("time per line at 4,000 lines / at 40 lines", f"{through['growth_in_topology']:.2f}", "linear"),
        (
            "the same, if the contract does not know the added keys",
            f"{through['growth_in_parallelism']:.2f}",
            "",
        ),
    ]
    text += "\n| in one process | measured | target |\n| --- | --- | --- |\n"
    return text + "".join(f"| {' | '.join(row)} |\n" for row in rates)


if __name__ == "__main__":
    results = measure()
    text = table(results)
    head = (
        f"Measured by `benchmarks/run.py` on {results['machine']}. Ratios and seconds are medians of {RUNS} "
        f"pairs of alternating runs ({FEW} pairs for {FILES} files).\n\n"
    )
    publish("Configs", head + text)
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(text)
    print(json.dumps(results, indent=2))
