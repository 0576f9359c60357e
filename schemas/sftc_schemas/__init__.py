"""The contract as data: JSON Schemas and tables of configs, targets, rows and the wire.

Only `sftc.contract` reads it.
"""
