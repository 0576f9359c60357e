"""An estimate as text for a terminal."""

from collections.abc import Iterator
from typing import Final

import click

from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.memory import PARTS
from sftc.estimate.memory_table import GIB
from sftc.report.estimate_json import part_of
from sftc.report.terminal import printable
from sftc.text.plural import counted

_WIDTH: Final = 30
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_COLORS: Final = {"fits": "green", "may not fit": "yellow", "does not fit": "red"}
_MODES: Final = {"lora": "LoRA", "qlora": "LoRA in 4 bits", "full": "all weights"}
_MOMENTS: Final = {
    "load": "when the model is loaded",
    "loss": "when the backward pass begins",
    "backward": "in the backward pass",
    "update": "when the weights are updated",
}


def render(path: str, model: str, run: RunEstimate, *, colored: bool = True) -> str:
    """Return an estimate as a title, the parts of the peak with bars, the bounds, and the assumptions.

    Args:
        path: the path of the config.
        model: the base model, as it is named.
        run: the estimate.
        colored: whether the text has colors.
    """
    text = "".join(f"{line}\n" for line in _lines(path, model, run))
    return text if colored else click.unstyle(text)


def _lines(path: str, model: str, run: RunEstimate) -> Iterator[str]:
    yield f"{printable(path)}: {', '.join(_facts(model, run))}"
    yield ""
    yield from _table(run)
    yield ""
    total = run.memory.total
    yield (
        f"At most {_gib(total.high)} GiB a device, {_gib(total.expected)} expected, at least "
        f"{_gib(total.low)}; most is needed {_MOMENTS[run.memory.peak.name]}."
    )
    if run.device and run.fit:
        word, share = run.fit
        told = click.style(word, fg=_COLORS[word], bold=True)
        number = run.setup.devices if run.device.kind == "cpu" else 1
        together = f" for {number} processes" if number > 1 else ""
        yield (
            f"{told}: {run.device.name} has {_gib(run.device.usable)} GiB; "
            f"the run takes at most {share:,.0%} of it{together}."
        )
    else:
        yield "No device is named: pass --device, or set `compute.gpu_type`."
    yield ""
    yield "Assumed:"
    yield from (f"  - {printable(each)}" for each in run.assumptions)


def _facts(model: str, run: RunEstimate) -> Iterator[str]:
    setup, rows = run.setup, run.rows
    yield f"{printable(model)} ({run.parameters / 1e9:.2f} billion parameters)"
    yield _MODES[setup.mode] + (f" of rank {setup.rank}" if setup.adapter else "")
    yield setup.precision
    yield f"{counted(rows.number, 'row')} of {rows.length:,} tokens a pass"
    if setup.checkpointing:
        yield "activation checkpointing"
    name = run.device.name if run.device else "GPU"
    yield f"{setup.devices} x {name}"


def _table(run: RunEstimate) -> Iterator[str]:
    """Yield a line for each part of the peak, with a bar, and one for their sum."""
    parts = run.memory.peak.parts
    shown = [(part_of(name, run).title, parts[name].expected) for name in PARTS if parts[name].high]
    total = run.memory.peak.total.expected
    most = max(size for _, size in shown)
    width = max(len(title) for title, _ in shown)
    for title, size in shown:
        line = f"  {title:{width}}  {_gib(size):>8} GiB  {size / total:4.0%}  {_bar(size / most)}".rstrip()
        yield click.style(line, bold=True) if size == most else line
    yield f"  {'together':{width}}  {_gib(total):>8} GiB"


def _bar(share: float) -> str:
    eighths = round(share * _WIDTH * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _gib(size: float) -> str:
    return f"{size / GIB:,.2f}"
