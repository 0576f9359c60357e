"""Rules whose findings a stage makes itself, such as about files, TOML, schemas and rows: one file a family.

They are below every stage. The rules that compare keys of a config are in `checks/rules/`, each beside its
check, and `checks/catalogue.py` has all of them.
"""
