"""A payload and its files to a job on a service, created once and followed to its end.

In: a payload, data files, a service. Out: a job, its events and its fate. Must not know TOML:
it reads no config.
"""
