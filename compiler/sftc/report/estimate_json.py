"""An estimate as JSON. The format is version 1; `estimate.schema.json` describes it."""

from typing import Any, Final

from sftc.estimate.epoch import Epochs
from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.estimate_work import WorkEstimate
from sftc.estimate.interval import Interval
from sftc.estimate.memory import PARTS
from sftc.estimate.memory_table import PartText, part_text
from sftc.report.estimate_report import EstimateReport
from sftc.report.json import finding_object, to_json
from sftc.text.source import escaped

VERSION: Final = 1


def render(report: EstimateReport, *, colored: bool = False) -> str:
    """Return an estimate as JSON."""
    run, work = report.run, report.work
    setup, rows, device = run.setup, run.rows, run.device
    found = {
        "version": VERSION,
        "config": escaped(report.path),
        "model": {
            "name": escaped(report.model),
            "architecture": run.shape.family,
            "parameters": run.parameters,
            "source": escaped(run.base.source),
        },
        "run": {
            "mode": setup.mode,
            "precision": setup.precision,
            "optimizer": setup.optimizer,
            "devices": setup.devices,
            "rows": rows.number,
            "tokens": rows.length,
            "labelled": rows.labelled,
            "accumulation": setup.accumulation,
            "checkpointing": setup.checkpointing,
        },
        "device": device and device._asdict(),
        "bytes": _interval(run.memory.total),
        "verdict": run.fit and run.fit.word,
        "share": run.fit and round(run.fit.share, 4),
        "peak": run.memory.peak.name,
        "parts": [
            {"part": name, **_interval(run.memory.peak.parts[name]), **part_of(name, run)._asdict()}
            for name in PARTS
            if run.memory.peak.parts[name].high
        ],
        "moments": [{"moment": each.name, **_interval(each.total)} for each in run.memory.moments],
        "assumptions": [escaped(each) for each in run.assumptions],
        "work": work and _work(run, work, report.price),
        "findings": [finding_object(each) for each in report.findings],
    }
    return to_json(found)


def _work(run: RunEstimate, work: WorkEstimate, price: float | None) -> dict[str, Any]:
    epochs, duration = work.epochs, work.duration
    return {
        "lengths": work.lengths.source,
        "rows": epochs.expected.rows,
        "sequences": _of(epochs, "sequences"),
        "steps": _interval(work.steps),
        "tokens": _of(epochs, "tokens"),
        "positions": _of(epochs, "positions"),
        "longest": _of(epochs, "longest"),
        "cut": _of(epochs, "cut"),
        "padding": round(epochs.expected.padding, 4),
        "packing_saves": round(epochs.expected.packing_saves, 4),
        "seconds": duration and _interval(duration.seconds),
        "speed": duration and duration.source,
        "price": price
        and duration
        and {
            name: round(number, 2)
            for name, number in duration.price(price, run.setup.devices)._asdict().items()
        },
    }


def _of(epochs: Epochs, name: str) -> dict[str, int]:
    return {bound: getattr(epoch, name) for bound, epoch in epochs._asdict().items()}


def part_of(name: str, run: RunEstimate) -> PartText:
    """Return the texts about a part of a run: two parts have other formulas in some runs."""
    if name == "weights" and run.setup.four_bit:
        return part_text("weights_four_bit")
    if name == "activations" and run.setup.checkpointing:
        return part_text("activations_checkpointed")
    return part_text(name)


def _interval(size: Interval) -> dict[str, Any]:
    return {name: round(number) for name, number in size._asdict().items()}
