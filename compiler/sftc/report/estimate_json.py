"""An estimate as JSON. The format is version 1; `estimate.schema.json` describes it."""

from typing import Any, Final

from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.interval import Interval
from sftc.estimate.memory import PARTS
from sftc.estimate.memory_table import PartText, part_text
from sftc.report.json import to_json
from sftc.text.source import escaped

VERSION: Final = 1


def render(path: str, model: str, run: RunEstimate, *, colored: bool = False) -> str:
    """Return an estimate as JSON; the arguments are those of `estimate_text.render`."""
    setup, rows, device = run.setup, run.rows, run.device
    report = {
        "version": VERSION,
        "config": escaped(path),
        "model": {
            "name": escaped(model),
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
    }
    return to_json(report)


def part_of(name: str, run: RunEstimate) -> PartText:
    """Return what is said about a part of a run: two of them have other formulas in some runs."""
    if name == "weights" and run.setup.four_bit:
        return part_text("weights_four_bit")
    if name == "activations" and run.setup.checkpointing:
        return part_text("activations_checkpointed")
    return part_text(name)


def _interval(size: Interval) -> dict[str, Any]:
    return {name: round(number) for name, number in size._asdict().items()}
