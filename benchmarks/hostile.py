"""Time the tools on hostile configs of 1 MB and of a quarter of it, and write the slowest into RESULTS.md.

The tools run in this process, so that the times are those of the work, without the start of Python.
"""

import os
import platform
import time
from collections.abc import Callable

from hostile_configs import HOSTILE, JOB
from measure import publish

import sftc
from sftc.contract.versions import PACKAGED
from sftc.findings.finding import ConfigError
from sftc.report.tables import account_table
from sftc.report.terminal import render
from sftc.text.source import Source
from sftc.tools import diff, explain
from sftc.tools.fix import fix
from sftc.tools.lint import lint
from sftc.tools.migrate import migrate

LARGE = 1_000_000
SMALL = LARGE // 4
SHOWN = 3
LIMIT = 2.0


def _explain(source: Source) -> None:
    compiled = sftc.compile(source.text.encode())
    if compiled.ok:
        account_table([*explain.keys(compiled)], [*explain.values(compiled)])


def _diff(source: Source) -> None:
    compiled = sftc.compile(source.text.encode())
    if compiled.ok:
        list(diff.changes(compiled, sftc.compile(JOB.encode())))


def _migrate(source: Source) -> None:
    try:
        migrate(source, PACKAGED)
    except ConfigError as error:
        render(error.findings)


TOOLS: dict[str, Callable[[Source], object]] = {
    "compile": lambda source: sftc.compile(source.text.encode()),
    "lint": lambda source: render(lint(source)),
    "lint --fix": lambda source: fix(source, lint, lambda found: True),
    "explain": _explain,
    "diff": _diff,
    "migrate": _migrate,
}


def seconds(tool: Callable[[Source], object], text: str) -> float:
    """Return the CPU seconds that a tool takes for a text."""
    source = Source("c.toml", text)
    start = time.process_time()
    tool(source)
    return time.process_time() - start


def main() -> None:
    """Time each tool on each config once, and print and publish the table as it grows."""
    head = (
        f"Printed by `benchmarks/hostile.py`, on {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}: configs of 1 MB that are made to take long, once each, and the\n"
        f"{SHOWN} slowest of each tool, in CPU time. The aim is {LIMIT:g} s, and a ratio of 4 to a "
        "quarter of it.\n\n"
        "| tool | within the aim | slowest | seconds | to a quarter |\n| --- | --- | --- | --- | --- |\n"
    )
    lines: list[str] = []
    for tool, run in TOOLS.items():
        run(Source("c.toml", JOB))
        times = {name: seconds(run, text(LARGE)) for name, text in HOSTILE.items()}
        slowest = sorted(times, key=lambda name: -times[name])[:SHOWN]
        within = sum(each <= LIMIT for each in times.values())
        for at, name in enumerate(slowest):
            ratio = times[name] / seconds(run, HOSTILE[name](SMALL))
            count = f"{within} of {len(times)}" if not at else ""
            lines.append(f"| {'' if at else tool} | {count} | {name} | {times[name]:.1f} | {ratio:.1f} |")
            print(lines[-1], flush=True)
        publish("Hostile configs", head + "\n".join(lines))


if __name__ == "__main__":
    main()
