"""`sftc rule`: list and explain the rules."""

import click

from sftc.checks.catalogue import RULES
from sftc.cli.output import write_stdout
from sftc.text.suggest import near


@click.command("rule", short_help="List all rules, or explain one.")
@click.argument("rule_id", metavar="[ID]", required=False)
def rule_command(rule_id: str | None) -> None:
    """List all rules, or explain the rule ID."""
    from sftc.report.rule_pages import listing, page

    if not rule_id:
        text = listing(RULES.values())
    elif rule_id in RULES:
        text = page(RULES[rule_id])
    else:
        meant = near(rule_id, RULES.keys())
        raise click.UsageError(f"no rule {rule_id!r}" + (f"; did you mean {meant!r}?" if meant else "."))
    write_stdout(text)
