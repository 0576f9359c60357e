"""Charts that summarize training files, and the style of all charts."""

from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from os.path import basename
from typing import Any
from warnings import catch_warnings, simplefilter

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from sftc.dataset.describe_file import Tally, percentiles, ranked
from sftc.report.terminal import printable
from sftc.text.plural import counted

_INK, SOFT, _FILL, _MARK = "#1f2933", "#7b8794", "#3b82c4", "#d9480f"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "sftc",
    "text.parse_math": False,
}
_BINS = 48
_WIDE = 8
"""Ratio of the longest row to the shortest at which the length axis becomes logarithmic."""

_ROWS = 8


def statistics_chart(files: Mapping[str, Tally], format: str) -> bytes:
    """Return one image that summarizes each file, stacked vertically.

    Args:
        files: the tally of each file, by path.
        format: `svg` or `png`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.4 * len(files)), layout="constrained")
        parts: Any = figure.subfigures(len(files), squeeze=False)
        for part, (path, tally) in zip(parts.flat, files.items(), strict=True):
            _file(part, path, tally)
        return drawn(figure, format)


def drawn(figure: Figure, format: str) -> bytes:
    """Return `figure` encoded as `svg` or `png`. The bytes are deterministic."""
    data = BytesIO()
    with catch_warnings():
        simplefilter("ignore")  # a character missing from every font is drawn as a box
        figure.savefig(data, format=format, dpi=140, metadata={"Date": None} if format == "svg" else None)
    return data.getvalue()


def _file(part: Any, path: str, tally: Tally) -> None:
    rows, messages = counted(tally.rows, "row"), counted(tally.roles.total(), "message")
    counts = f"{rows}, {messages}, about {tally.all_tokens:,} tokens"
    title = f"{printable(basename(path))}: {counts}"
    part.suptitle(title, x=0.01, ha="left", weight="bold")
    length, roles, scripts = part.subplots(1, 3, width_ratios=(2, 1, 1))
    _lengths(length, tally.tokens)
    _bars(roles, tally.roles, "messages by role")
    _bars(scripts, tally.scripts, "letters by script")


def _lengths(axes: Any, counts: Counter[int]) -> None:
    axes.set_title("estimated tokens a row", loc="left", fontsize=10, color=SOFT)
    if not counts:
        return
    numbers = np.array([max(1, number) for number in counts])
    most = max(numbers.max(), 2)
    spaced = np.geomspace if most >= _WIDE * numbers.min() else np.linspace
    edges = np.unique(spaced(numbers.min(), most + 1, _BINS).round())
    axes.hist(
        numbers, bins=edges, weights=list(counts.values()), color=_FILL, edgecolor="white", linewidth=0.5
    )
    if most >= _WIDE * numbers.min():
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylabel("rows")
    top = axes.get_ylim()[1]
    for percent, word, height in ((50, "median", 1.0), (95, "95 %", 0.9), (100, "most", 0.8)):
        number = percentiles(counts, [percent])[percent]
        axes.axvline(max(1, number), color=_MARK, linewidth=1)
        axes.annotate(
            f" {word} {number:,}",
            (max(1, number), top * height),
            color=_MARK,
            va="top",
            ha="right" if percent == 100 else "left",
            fontsize=9,
        )


def _bars(axes: Any, counts: Counter[str], title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=SOFT)
    shown = ranked(counts)[_ROWS - 1 :: -1]
    names, numbers = [printable(name) for name, _ in shown], [number for _, number in shown]
    bars = axes.barh(names, numbers, height=0.7, color=_FILL)
    axes.set_ylim(len(shown) - _ROWS - 0.5, len(shown) - 0.5)
    axes.bar_label(bars, [f"{number / counts.total():.1%}" for _, number in shown], padding=3, color=SOFT)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    axes.margins(x=0.2)
