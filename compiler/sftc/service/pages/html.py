"""Templates of the pages, and how they write values. Whatever a template is filled with is escaped."""

import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sftc.text.characters import visible

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # the API needs no templates

    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    made.filters |= {"when": when, "duration": duration, "size": size, "prose": prose}
    return made


def fill(template: str, **values: Any) -> str:
    """Return the HTML of a template."""
    return _environment().get_template(template).render(values)


@cache
def asset(name: str) -> bytes:
    """Return what all pages load: the style, the script or the icon."""
    return files(__package__).joinpath("static", name).read_bytes()


def prose(text: str) -> "Markup":
    """Return the HTML of a text in which code is between backquotes.

    >>> prose("`a < b`: <no>")
    Markup('<code>a &lt; b</code>: &lt;no&gt;')
    """
    from markupsafe import Markup

    code = Markup("<code>{}</code>")
    parts = re.split("`([^`\n]+)`", visible(text))
    return Markup().join(code.format(part) if number % 2 else part for number, part in enumerate(parts))


def when(moment: str) -> str:
    """Return a moment in the time of this machine: `27 Nov, 12:03:59`."""
    return f"{datetime.fromisoformat(moment).astimezone():%-d %b, %H:%M:%S}"


def duration(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> duration(42), duration(754), duration(7500), duration(180000)
    ('42 s', '12 min 34 s', '2 h 5 min', '2 d 2 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(count: float) -> str:
    """Return a number of bytes in the unit that fits.

    >>> size(12), size(2048), size(5 << 30)
    ('12 B', '2.0 KiB', '5.0 GiB')
    """
    power = min(max(int(count).bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{count / 1024**power:.{1 if power else 0}f} {_UNITS[power]}"
