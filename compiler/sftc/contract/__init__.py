"""The contract: versions, schemas and mapping tables; the only reader of `sftc_schemas`.

In: the files of `sftc_schemas`. Out: schemas by key, predicates, violations, mapping tables.
Must not know a config's text, where a key is in it, or how a violation is explained.
"""
