"""sftc: a declarative config compiler for supervised fine-tuning jobs."""

from sftc.findings import ConfigError, Edit, Finding, Fix, Severity
from sftc.origins import Origin
from sftc.overrides import Override
from sftc.pipeline import Compiled, compile
from sftc.source import Source, Span

__version__ = "0.1.0"

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
