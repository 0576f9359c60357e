"""`sftc rule`: every finding the tool can make, and how to act on it."""

import click

from sftc.catalogue import RULES


@click.command("rule")
@click.argument("rule_id", metavar="[ID]", required=False, type=click.Choice(list(RULES)))
def rule_command(rule_id: str | None) -> None:
    """List every finding that sftc can make, or explain the one called ID."""
    from sftc.report.pages import listing, page

    click.echo(page(RULES[rule_id]) if rule_id else listing(RULES.values()), nl=False)
