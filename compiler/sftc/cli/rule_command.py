"""`sftc rule`: list and explain the rules."""

import click

from sftc.checks.catalogue import RULES
from sftc.cli.options import table_option
from sftc.cli.output import write_stdout
from sftc.text.suggest import near


@click.command("rule", short_help="List all rules, or explain one.")
@click.argument("rule_id", metavar="[ID]", required=False)
@table_option
def rule_command(rule_id: str | None, format: str) -> None:
    """List all rules, or explain the rule ID."""
    from sftc.report.rule_pages import as_json, listing, page

    if rule_id is not None and rule_id not in RULES:
        meant = near(rule_id, RULES.keys())
        raise click.UsageError(f"no rule {rule_id!r}" + (f"; did you mean {meant!r}?" if meant else "."))
    if format == "json":
        write_stdout(as_json([RULES[rule_id]] if rule_id else RULES.values()))
    else:
        write_stdout(page(RULES[rule_id]) if rule_id else listing(RULES.values()))
