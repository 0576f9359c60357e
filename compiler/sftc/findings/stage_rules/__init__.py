"""Rules about files, TOML, schemas, comments and rows: one file a family.

The rules that compare keys of a config are in `checks/rules/`, each beside its check.
"""
