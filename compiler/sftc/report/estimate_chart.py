"""A chart of the memory of a run: its parts at each moment, and what the device has."""

from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from sftc.estimate.memory import PARTS
from sftc.estimate.packaged_table import GIB
from sftc.report.charts import SOFT, STYLE, drawn
from sftc.report.estimate_json import part_of
from sftc.report.estimate_report import EstimateReport
from sftc.report.estimate_text import MOMENTS
from sftc.report.terminal import printable


def draw(report: EstimateReport, format: str) -> bytes:
    """Return an image with a bar for each moment of a step, as `svg` or `png`."""
    run = report.run
    moments = [*reversed(run.memory.moments)]
    shown = [name for name in PARTS if any(each.parts[name].expected for each in moments)]
    colors = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]  # of a map of listed colors
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        axes: Any = figure.subplots()
        names = [MOMENTS[each.name] for each in moments]
        left = [0.0] * len(moments)
        for at, name in enumerate(shown):
            sizes = [each.parts[name].expected / GIB for each in moments]
            axes.barh(names, sizes, left=left, height=0.6, color=colors[at], label=part_of(name, run).title)
            left = [before + size for before, size in zip(left, sizes, strict=True)]
        totals = [each.total for each in moments]
        bounds = [
            [(each.expected - each.low) / GIB for each in totals],
            [(each.high - each.expected) / GIB for each in totals],
        ]
        axes.errorbar(
            left, names, xerr=bounds, fmt="none", ecolor=STYLE["text.color"], capsize=4, linewidth=1
        )
        if run.device:
            has = run.device.usable / GIB
            axes.axvline(has, color="#d9480f", linewidth=1.4, label=f"{run.device.name}: {has:,.1f} GiB")
        axes.set_xlabel("GiB a device")
        axes.set_title(f"{printable(report.path)}: {printable(report.model)}", loc="left", weight="bold")
        axes.grid(axis="x", color=SOFT, alpha=0.2)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        return drawn(figure, format)
