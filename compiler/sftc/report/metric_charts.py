"""Charts of a job's metrics by training step."""

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from sftc.report.charts import SOFT, STYLE, drawn


def curves(points: Iterable[Mapping[str, Any]], format: str) -> bytes:
    """Return an image of the metrics, as `svg` or `png`.

    Metrics whose names end in the same component share a panel: `train.loss` and `val.loss`
    are both drawn in the panel `loss`.

    Args:
        points: the measurements, each with a `name`, a `step` and a `value`.
        format: `svg` or `png`.
    """
    panels: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for point in points:
        name = str(point["name"])
        panels.setdefault(name.rpartition(".")[2], {}).setdefault(name, []).append(
            (point["step"], point["value"])
        )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.2 * len(panels)), layout="constrained")
        axes: Any = figure.subplots(len(panels), squeeze=False)
        for panel, (title, lines) in zip(axes.flat, panels.items(), strict=True):
            panel.set_title(title, loc="left", fontsize=10, color=SOFT)
            panel.set_xlabel("step")
            panel.grid(axis="y", color=SOFT, alpha=0.2)
            for name, line in lines.items():
                steps, values = zip(*sorted(line), strict=True)
                panel.plot(steps, values, marker="o" if len(line) < 2 else None, linewidth=1.6, label=name)
            if len(lines) > 1:
                panel.legend(frameon=False)
        return drawn(figure, format)
