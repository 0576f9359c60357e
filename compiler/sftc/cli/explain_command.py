"""`sftc explain`: show what happens to each key and where each payload value comes from."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from sftc.cli.configs import load_compiled
from sftc.cli.options import set_option, table_option, target_option
from sftc.cli.output import write_stdout
from sftc.contract.targets import Target
from sftc.document.overrides import Override
from sftc.text.keys import dotted, split
from sftc.text.source import Span, escaped
from sftc.tools.explain import KeyAccount, ValueAccount, keys, values


@click.command("explain", short_help="Explain every key and every payload value.")
@click.argument("config", metavar="CONFIG")
@click.argument("what", metavar="[KEY]", required=False)
@table_option
@set_option
@target_option
def explain_command(
    config: str, what: str | None, format: str, overrides: Sequence[Override], target: Target
) -> None:
    """Explain every key of CONFIG and every value of its payload.

    A key is sent, renamed, used for a value that other keys decide as well, read only by submission or
    the compiler, or dropped. A value comes from a line of the config, a flag, a default or a constant.
    KEY is a dotted TOML key or a JSON pointer into the payload; with it, explain only that key or
    value, and those below it.
    """
    compiled = load_compiled(config, overrides, target)
    chosen = partial(_is_below, what)
    found_keys = [key for key in keys(compiled) if chosen(dotted(key.path), key.to)]
    found_values = [value for value in values(compiled) if chosen(dotted(value.origin.path or ()), value.at)]
    if what is not None and not found_keys and not found_values:
        if schema := compiled.checked.contract.properties.get(split(what)):
            write_stdout(f"{what} is not set, and is not sent.\n\n{schema['description']}\n")
            return
        raise click.UsageError(f"{what!r} is not a key of {config} or a pointer into its payload.")
    if format == "json":
        write_stdout(_json(found_keys, found_values))
    else:
        from sftc.report.tables import account

        write_stdout(account(found_keys, found_values))


def _is_below(what: str | None, key: str, pointer: str | None) -> bool:
    if what is None:
        return True
    if what.startswith("/"):
        return pointer is not None and (pointer == what or pointer.startswith(f"{what}/"))
    return bool(what) and (key == what or key.startswith((f"{what}.", f"{what}[")))


def _json(found_keys: list[KeyAccount], found_values: list[ValueAccount]) -> str:
    from sftc.report.json import to_json

    report = {
        "version": 1,
        "keys": [{**key._asdict(), "path": dotted(key.path), "span": _span(key.span)} for key in found_keys],
        "values": [
            {
                "pointer": value.at,
                "value": value.value,
                "from": value.origin.kind,
                "key": dotted(value.origin.path) if value.origin.path else None,
                "span": _span(value.origin.span),
                "rule": value.origin.rule,
                "why": value.why,
            }
            for value in found_values
        ],
    }
    return to_json(report)


def _span(span: Span | None) -> dict[str, Any] | None:
    return span and {"file": escaped(span.source.name), "line": span.line, "column": span.column}
