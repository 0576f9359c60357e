"""The plan of `sftc train --dry-run`, as text and as JSON.

The JSON is version 1; `dry-run.schema.json` describes it.
"""

from typing import TYPE_CHECKING

from sftc.report.json import to_json
from sftc.report.tables import columns
from sftc.text.plural import counted
from sftc.text.source import escaped

if TYPE_CHECKING:
    from sftc.pipeline import Compiled
    from sftc.submission.dry_run import DryRun


def dry_run_text(plan: "DryRun") -> str:
    """Return the files and requests as tables."""
    rows = [
        (kind, str(file), counted(file.rows, "row"), counted(file.length, "byte"), file.digest)
        for kind, file in plan.files.items()
    ]
    return f"\nFiles\n{columns(rows)}\nRequests\n{columns(plan.requests)}\nNothing was sent.\n"


def dry_run_json(plan: "DryRun", compiled: "Compiled") -> str:
    """Return the payload with its digest, the files and the requests as JSON."""
    files = [
        {
            "kind": kind,
            "path": escaped(str(file)),
            "rows": file.rows,
            "bytes": file.length,
            "digest": file.digest,
        }
        for kind, file in plan.files.items()
    ]
    requests = [{**each._asdict(), "note": each.note or None} for each in plan.requests]
    return to_json(
        {
            "version": 1,
            "target": compiled.target.name,
            "payload": compiled.payload,
            "payload_digest": compiled.digest,
            "files": files,
            "requests": requests,
        }
    )
