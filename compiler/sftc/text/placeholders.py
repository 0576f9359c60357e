"""Placeholders of templates and shells, which nothing replaces in a config."""

import re
from typing import Final

_TEMPLATES: Final = r"\$\{[^{}]*\}|\{\{[^{}]*\}\}"
_ANYWHERE: Final = (
    _TEMPLATES + r"|\$\([^()]*\)|(?<![A-Za-z0-9])\$[A-Za-z_]\w*|%[A-Za-z_]\w+%|%\([A-Za-z_]\w*\)s"
    r"|\{%[^{}]*%\}|^~[\w.-]*(?=[/\\])|^<[^<>]+>$"
)
_IN_NAMES: Final = (
    _ANYWHERE + r"|\{[A-Za-z_]\w*\}|<[A-Za-z][^<>]*>|`[^`]+`|@[A-Z_]{2,}@|![A-Z_]{2,}!|__[A-Z]{2,}__|\*"
    r"|(?i:\byour[_-]\w+|(?:^|(?<=/))path/to/|^(?:todo|fixme|tbd|change[_-]?me|replace[_-]?me|x{3,}|\.{3})$)"
)


def placeholder_in(text: str, *, is_name: bool = False, is_prose: bool = False) -> str | None:
    """Return the first placeholder in `text`, if it has one.

    Args:
        text: a string of a config.
        is_name: whether it names a file, a model or another thing, in which braces are not text.
        is_prose: whether it is text that a person reads, in which `$HOME` may be what it is about.
    """
    found = re.search(_TEMPLATES if is_prose else _IN_NAMES if is_name else _ANYWHERE, text)
    return found and found[0]
