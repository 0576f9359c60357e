"""An estimate as text for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.estimate_work import WorkEstimate
from sftc.estimate.interval import Interval
from sftc.estimate.memory import PARTS
from sftc.estimate.packaged_table import GIB
from sftc.report import terminal
from sftc.report.estimate_json import part_of
from sftc.report.estimate_report import EstimateReport
from sftc.report.terminal import printable
from sftc.text.plural import counted

_WIDTH: Final = 30
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_COLORS: Final = {"fits": "green", "may not fit": "yellow", "does not fit": "red"}
_MODES: Final = {"lora": "LoRA", "qlora": "LoRA in 4 bits", "full": "all weights"}
MOMENTS: Final = {
    "load": "when the model is loaded",
    "loss": "when the backward pass begins",
    "backward": "in the backward pass",
    "update": "when the weights are updated",
}


def render(report: EstimateReport, *, colored: bool = True) -> str:
    """Return an estimate as a title, the parts of the peak with bars, the work and the assumptions."""
    text = "".join(f"{line}\n" for line in _lines(report))
    if report.findings:
        text += f"\n{terminal.render(report.findings)}"
    return text if colored else click.unstyle(text)


def _lines(report: EstimateReport) -> Iterator[str]:
    run = report.run
    yield f"{printable(report.path)}: {', '.join(_facts(report.model, run))}"
    yield ""
    yield from _table(run)
    yield ""
    total = run.memory.total
    yield (
        f"At most {_gib(total.high)} GiB a device, {_gib(total.expected)} expected, at least "
        f"{_gib(total.low)}; most is needed {MOMENTS[run.memory.peak.name]}."
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
    if report.work:
        yield ""
        yield from _work(run, report.work, report.price)
    yield ""
    yield "Assumed:"
    yield from (f"  - {printable(each)}" for each in run.assumptions)


def fits_then(run: RunEstimate) -> str:
    """Return whether a run fits its device, as one sentence."""
    assert run.device is not None and run.fit is not None  # noqa: S101, PT018  asked for a device
    word, share = run.fit
    return (
        f"the run {word} {run.device.name}: it takes at most {share:,.0%} of {_gib(run.device.usable)} GiB."
    )


def _work(run: RunEstimate, work: WorkEstimate, price: float | None) -> Iterator[str]:
    epoch, setup = work.epochs.expected, run.setup
    tokens = _between([each.tokens for each in work.epochs])
    longest = _between([each.longest for each in work.epochs])
    unit = "sequence" if setup.packing else "row"
    rows = counted(epoch.rows, "row")
    yield f"The training files have {rows}, {tokens} tokens; the longest {unit} has {longest}."
    steps, a_step = work.steps, setup.batch
    yield f"  {'steps':10}  {_between([round(each) for each in steps])}, of {a_step:,} {unit}s each"
    if epoch.cut:
        yield f"  {'cut':10}  {counted(epoch.cut, 'row')} longer than `sequence_length = {setup.length}`"
    saves = "packing saves" if setup.packing else "packing would save"
    yield f"  {'padding':10}  {epoch.padding:.0%} of what is computed; {saves} {epoch.packing_saves:.0%}"
    if not work.duration:
        yield f"  {'time':10}  not known: {_no_speed(run)}"
        return
    yield f"  {'time':10}  {_spans(work.duration.seconds)}"
    if price:
        cost = work.duration.price(price, setup.devices)
        yield f"  {'price':10}  {cost.expected:,.2f}, from {cost.low:,.2f} to {cost.high:,.2f}"
    yield f"  {'':10}  ({work.duration.source})"


def _no_speed(run: RunEstimate) -> str:
    if run.device and run.device.kind == "cpu":
        return "no job has trained this model on this machine yet"
    return "no device is named"


def _between(numbers: Sequence[int]) -> str:
    low, expected, high = numbers
    return f"{expected:,}" if low == high else f"about {expected:,} ({low:,} to {high:,})"


def _spans(seconds: Interval) -> str:
    return f"{_span(seconds.expected)}, from {_span(seconds.low)} to {_span(seconds.high)}"


def _span(seconds: float) -> str:
    """Return a time in the two largest of its units."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{hours // 24} d {hours % 24} h"


def _facts(model: str, run: RunEstimate) -> Iterator[str]:
    setup, rows = run.setup, run.rows
    scale, word = (1e9, "billion") if run.parameters >= 1e9 else (1e6, "million")
    yield f"{printable(model)} ({run.parameters / scale:.2f} {word} parameters)"
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
