"""A preview of a training file as one HTML page that loads nothing and runs no script."""

import hashlib
from base64 import b64encode
from html import escape

from sftc.findings.finding import Finding, bounded
from sftc.report.preview import Preview, reading_facts
from sftc.report.terminal import excerpt, printable, summary
from sftc.text.keys import dotted
from sftc.text.plural import counted
from sftc.training.seen_row import Fragment, SeenRow, State, Token
from sftc.version import __version__

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1a1d21; --dim: #5c6670; --line: #d9dee3;
  --box: #f6f8fa; --on: #0b5a2a; --onback: #d3f4dd; --cut: #a1262c; --error: #b3261e; --warning: #8a5300;
  --note: #0b5fa5; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e4e8ec; --dim: #97a3ae; --line:
  #343b42;
  --box: #1c2126; --on: #9ff0b8; --onback: #12401f; --cut: #ff8f8a; --error: #ff8f8a; --warning: #f5bd5c;
  --note: #7cc0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 3rem; background: var(--back); color:
  var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .35rem; } small, .dim { color: var(--dim); font-weight: normal; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; margin:
  1rem 0; }
dl div { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; }
dt { color: var(--dim); font-size: .85rem; } dd { margin: 0; font-size: 1.1rem; font-variant-numeric:
  tabular-nums; }
.bar { display: block; width: 100%; height: .8rem; border-radius: .4rem; background: var(--line); }
.bar .on { fill: var(--on); } .bar .off { fill: var(--cut); }
pre { white-space: pre-wrap; background: var(--box); border: 1px solid var(--line); border-radius: .4rem;
  padding: .7rem .9rem; margin: 0; font: .9rem/1.65 ui-monospace, monospace; unicode-bidi: plaintext; }
.read { color: var(--dim); }
mark { background: var(--onback); color: var(--on); border-bottom: 2px solid var(--on);
  padding-bottom: .2em; }
del { color: var(--cut); opacity: .85; }
pre b { font-weight: normal; box-shadow: -1px 0 0 color-mix(in srgb, currentColor 28%, transparent); }
pre b:hover { outline: 2px solid currentColor; }
pre i { font-style: normal; opacity: .55; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; margin: .8rem 0; list-style:
  none; }
details { margin: .4rem 0 0; } summary { cursor: pointer; color: var(--dim); font-size: .9rem; }
.wide { overflow-x: auto; max-height: 24rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid var(--line); }
td:first-child { font-family: ui-monospace, monospace; white-space: pre-wrap; }
.found { border-left: 4px solid; padding: .1rem 0 .1rem .8rem; margin: 1rem 0; }
.found p { margin: .2rem 0; color: var(--text); } .found pre { color: var(--text); }
.found u { text-decoration: underline wavy; text-underline-offset: .2em; }
.error { color: var(--error); } .warning { color: var(--warning); } .note { color: var(--note); }
code { font-family: ui-monospace, monospace; font-size: .9em; }
@media print { pre b { box-shadow: none; } .wide { max-height: none; } }
"""

_TAGS: dict[State, tuple[str, str]] = {
    "trained": ("<mark>", "</mark>"),
    "read": ('<span class="read">', "</span>"),
    "cut": ("<del>", "</del>"),
}
_WORDS: dict[State, str] = {"trained": "trained on", "read": "only read", "cut": "cut off"}


def render(preview: Preview, config: str | None = None) -> str:
    """Return the page.

    Args:
        preview: the preview.
        config: the path of the config, if there is one.
    """
    path, digest = _text(preview.checked.path), hashlib.sha256(_STYLE.encode()).digest()
    style = f"style-src 'sha256-{b64encode(digest).decode()}'"
    policy = f"default-src 'none'; {style}; base-uri 'none'; form-action 'none'"
    facts = " · ".join(f"{name}: {_text(value)}" for name, value in reading_facts(preview.reading))
    with_config = f" · config: {_text(config)}" if config else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{path}: what the model is trained on</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{path}: what the model is trained on</h1>
<p class="dim">{facts}{with_config}</p>
</header>
<main>
{_numbers(preview)}
<h2 id="rows">Rows</h2>
<ul class="legend"><li><mark>trained on</mark></li><li class="read">only read</li><li><del>cut off</del></li>
<li class="dim">⏎ line break</li><li class="dim">hover over a token for its id</li></ul>
{"".join(map(_row, preview.tally.shown)) or "<p>No rows to show.</p>"}
<h2 id="findings">Findings</h2>
<p>{summary(preview.findings) or "No findings."}{_more(preview)}</p>
{"".join(map(_finding, bounded(preview.findings)))}
</main>
<footer><p class="dim">Made by sftc {__version__}. {_digest(preview)}</p></footer>
</body>
</html>
"""


def _text(text: str) -> str:
    """Return text for HTML, with what cannot be seen made visible."""
    return escape(printable(text))


def _more(preview: Preview) -> str:
    more = sorted(preview.checked.more.items())
    return "".join(f", and {number:,} more of <code>{id}</code>" for id, number in more)


def _digest(preview: Preview) -> str:
    size = counted(preview.checked.length, "byte")
    return f"The file: {size}, <code>{preview.checked.digest}</code>" if preview.checked.digest else ""


def _numbers(preview: Preview) -> str:
    tally = preview.tally
    share = f" <small>({tally.trained / tally.tokens:.0%})</small>" if tally.tokens else ""
    facts = [
        ("rows", f"{preview.checked.rows:,}"),
        ("rows trained on", f"{tally.trained_rows:,}"),
        *([("rows not tokenized", f"{preview.skipped:,}")] if preview.skipped else []),
        ("tokens", f"{tally.tokens:,}"),
        ("tokens trained on", f"{tally.trained:,}{share}"),
        ("tokens cut off", f"{tally.cut:,}"),
        ("longest row", counted(tally.longest, "token")),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    on, off = (100 * number / (tally.tokens or 1) for number in (tally.trained, tally.cut))
    label = f"{on:.0f} % of the tokens are trained on, {off:.0f} % are cut off"
    return (
        f'<dl>{items}</dl>\n<svg class="bar" role="img" aria-label="{label}" viewBox="0 0 100 1" '
        f'preserveAspectRatio="none"><title>{label}</title><rect class="on" width="{on:.2f}" height="1"/>'
        f'<rect class="off" x="{100 - off:.2f}" width="{off:.2f}" height="1"/></svg>'
    )


def _row(row: SeenRow) -> str:
    """Return a row as it is trained on, and a table of its tokens."""
    head = f'<section><h3 id="line-{row.line}">Line {row.line:,}'
    if row.problem:
        return f"{head}</h3><p>Not shown: {_text(row.problem)}</p></section>\n"
    cut = f", {row.number('cut'):,} cut off" if row.number("cut") else ""
    title = f"{counted(len(row.tokens), 'token')}, {row.number('trained'):,} trained on{cut}"
    text = "".join("".join(map(_piece, pieces)).join(_TAGS[state]) for state, pieces in row.runs())
    cells = "".join(map(_cells, row.tokens))
    names = "".join(
        f'<th scope="col">{name}</th>' for name in ("token", "id", "start", "end", "what happens")
    )
    return (
        f"{head} <small>{title}</small></h3>\n<pre>{text}</pre>\n"
        f'<details><summary>All tokens</summary><div class="wide" tabindex="0" role="region" '
        f'aria-label="Tokens of line {row.line}"><table><thead><tr>{names}</tr></thead>'
        f"<tbody>{cells}</tbody></table></div></details></section>\n"
    )


def _piece(piece: Fragment) -> str:
    text = "<i>⏎</i>\n".join(map(_text, piece.text.split("\n")))
    swaps = "".join(f"→{_text(token.other)}" for token in piece.tokens if token.other)
    title = "; ".join(f"{token.token}  id {token.id}" for token in piece.tokens)
    return f'<b title="{_text(title)}">{text}{swaps}</b>' if piece.tokens else text


def _cells(token: Token) -> str:
    what = _WORDS[token.state] + (f" as {_text(token.other)}, id {token.label}" if token.other else "")
    return (
        f"<tr><td>{_text(token.token)}</td><td>{token.id}</td><td>{token.start}</td><td>{token.end}</td>"
        f"<td>{what}</td></tr>"
    )


def _finding(found: Finding) -> str:
    span = found.span
    shown = span.start < span.end
    place = f"line {span.line:,}" if shown else _text(span.source.name)
    if shown and span.source.byte is not None:
        at = f"<code>{_text(dotted(found.path))}</code>, " if found.path else ""
        place += f", {at}byte {span.source.byte:,}"
    title = (
        f'<p><strong class="{found.severity}">{found.severity}</strong> <code>{found.id}</code> '
        f'<span class="dim">{place}</span></p>'
    )
    help = f"<p>Help: {_text(found.help)}</p>" if found.help else ""
    parts = (title, f"<p>{_text(found.message)}</p>", _excerpt(found) if shown else "", help)
    return f'<div class="found {found.severity}">{"".join(parts)}</div>\n'


def _excerpt(found: Finding) -> str:
    before, marked, after = map(escape, excerpt(found.span))
    return f"<pre>{before}<u>{marked}</u>{after}</pre>"
