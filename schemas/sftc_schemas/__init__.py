"""The contract as data: JSON Schemas and mapping rules, one folder a version; `sftc.contract` reads it."""
