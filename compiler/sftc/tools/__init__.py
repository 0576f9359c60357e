"""What a person does with configs: lint, fix, migrate, import, init, sweep, diff, explain, estimate.

In: sources and paths. Out: findings, fixed text, accounts and comparisons, as data.
Must not know the command line or how a result is shown.
"""
