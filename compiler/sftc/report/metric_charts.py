"""Pictures: the metrics of a job over its steps."""

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from sftc.report.charts import SOFT, STYLE, drawn


def curves(points: Iterable[Mapping[str, Any]], format: str) -> bytes:
    """Return a picture of metrics (each point a `name`, a `step` and a `value`) as `svg` or `png`.

    What is measured under one last word, such as `train.loss` and `val.loss`, shares a panel.
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
