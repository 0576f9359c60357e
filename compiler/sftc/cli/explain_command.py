"""`sftc explain`: show what happens to each key and where each payload value comes from."""

from collections.abc import Sequence
from functools import partial

import click

from sftc.cli.configs import load_compiled
from sftc.cli.options import set_option, table_option, target_option
from sftc.cli.output import write_stdout
from sftc.contract.targets import Target
from sftc.document.overrides import Override
from sftc.pipeline import Compiled
from sftc.text.keys import dotted, split
from sftc.tools.explain import keys, values


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
        raise click.UsageError(
            f"{what!r} is not a key of {config} or a pointer into its payload{_meant(what, compiled)}"
        )
    from sftc.report.tables import account_json, account_table

    write_stdout((account_json if format == "json" else account_table)(found_keys, found_values))


def _meant(what: str, compiled: Compiled) -> str:
    """Return the keys that have the last name in `what`, here or in another trainer, as a question."""
    name, names = str((split(what) or ("",))[-1]), compiled.checked.contract.names
    found = dict.fromkeys([*names.homes(name), *names.others(name)])
    return f": did you mean {' or '.join(f'`{dotted(path)}`' for path in found)}?" if found else "."


def _is_below(what: str | None, key: str, pointer: str | None) -> bool:
    if what is None:
        return True
    if what.startswith("/"):
        return pointer is not None and (pointer == what or pointer.startswith(f"{what}/"))
    return bool(what) and (key == what or key.startswith((f"{what}.", f"{what}[")))
