"""A preview of a training file as JSON. The format is version 1; `preview.schema.json` describes it."""

from typing import Any

import orjson

from sftc.report import json
from sftc.report.preview import Preview
from sftc.text.source import escaped
from sftc.training.seen_row import SeenRow, Token

VERSION = 1


def render(preview: Preview, config: str | None = None) -> str:
    """Return the preview as JSON.

    Args:
        preview: the preview.
        config: the path of the config, if there is one.
    """
    checked, tally = preview.checked, preview.tally
    reports = {checked.path: preview.of_rows, **({config: preview.together} if config else {})}
    report = {
        "version": VERSION,
        "model": escaped(preview.reading.name),
        "limit": preview.reading.limit,
        "train_on": preview.reading.train_on,
        "rows": [_row(row) for row in tally.shown],
        "tokens": {"all": tally.tokens, "trained": tally.trained, "cut": tally.cut, "longest": tally.longest},
        "tokenized_rows": tally.rows,
        "report": orjson.loads(json.render(reports, {checked.path: json.file_data(checked)})),
    }
    return json.to_json(report)


def _row(row: SeenRow) -> dict[str, Any]:
    return {
        "row": row.line,
        "problem": escaped(row.problem) or None,
        "text": escaped(row.text),
        "tokens": [_token(token) for token in row.tokens],
    }


def _token(token: Token) -> dict[str, Any]:
    return {
        "token": token.token,
        "id": token.id,
        "start": token.start,
        "end": token.end,
        "trained": token.state == "trained",
        "label": token.label,
        "cut": token.state == "cut",
    }
