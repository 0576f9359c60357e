"""Where a job comes from, as the service keeps it: config files, git revision, findings and origins.

`#/components/schemas/provenance` of `wire/openapi.json` describes it.
"""

import os
from typing import Any

from sftc.findings.finding import Finding
from sftc.payload.origins import Origin
from sftc.pipeline import Compiled
from sftc.text.keys import dotted
from sftc.text.secrets import masked
from sftc.text.source import Span, escaped
from sftc.tools.git_revision import git_revision

Json = dict[str, Any]


def provenance(compiled: Compiled) -> Json:
    """Return the provenance of the job that a compiled config describes. It names no secret that is known.

    Raises:
        ConfigError: the config has errors.
    """
    sources = [document.source for document in compiled.checked.document.chain]
    names = [source.name for source in sources]
    revision = git_revision(names) if all(map(os.path.isfile, names)) else None
    return {
        **({"git_revision": revision} if revision else {}),
        "files": [{"path": escaped(source.name), "text": masked(source.text)} for source in sources],
        "findings": [*map(_finding, compiled.findings)],
        "origins": {at: _origin(origin) for at, origin in compiled.origins.items()},
    }


def _finding(found: Finding) -> Json:
    said = {"id": found.id, "severity": found.severity.value, "message": masked(found.message)}
    return {**said, **({"help": masked(found.help)} if found.help else {}), **_place(found.span)}


def _origin(origin: Origin) -> Json:
    key = {"key": dotted(origin.path)} if origin.path else {}
    return {"kind": origin.kind, **key, **(_place(origin.span) if origin.span else {})}


def _place(span: Span) -> Json:
    place: Json = {"path": escaped(span.source.name)}
    return place if span.source.is_flag else {**place, "line": span.line}
