"""`sftc rule`: every finding the tool can make, and how to act on it."""

import click

from sftc.checks.catalogue import RULES
from sftc.cli.output import write_stdout
from sftc.text.suggest import near


@click.command("rule", short_help="List every finding, or explain one.")
@click.argument("rule_id", metavar="[ID]", required=False)
def rule_command(rule_id: str | None) -> None:
    """List every finding that sftc can make, or explain the one called ID."""
    from sftc.report.rule_pages import listing, page

    if not rule_id:
        text = listing(RULES.values())
    elif rule_id in RULES:
        text = page(RULES[rule_id])
    else:
        meant = near(rule_id, RULES.keys())
        raise click.UsageError(f"no rule {rule_id!r}" + (f"; did you mean {meant!r}?" if meant else "."))
    write_stdout(text)
