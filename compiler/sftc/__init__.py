"""sftc: a declarative config compiler for supervised fine-tuning jobs.

`__all__` is the public API. Each name is imported on first use, so that the command, which
needs few of them, starts quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sftc.version import __version__

if TYPE_CHECKING:
    from sftc.document.overrides import Override
    from sftc.findings.finding import ConfigError, Edit, Finding, Fix, Severity
    from sftc.payload.origins import Origin
    from sftc.pipeline import Compiled, compile
    from sftc.text.source import Source, Span

__all__ = [
    "Compiled",
    "ConfigError",
    "Edit",
    "Finding",
    "Fix",
    "Origin",
    "Override",
    "Severity",
    "Source",
    "Span",
    "__version__",
    "compile",
]

_MODULES = ("findings.finding", "payload.origins", "document.overrides", "pipeline", "text.source")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in (import_module(f"sftc.{each}") for each in _MODULES):
            if name in vars(module):
                return globals().setdefault(name, vars(module)[name])
    raise AttributeError(f"module 'sftc' has no attribute {name!r}")
