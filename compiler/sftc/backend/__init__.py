"""The training service, embedded: the wire contract over HTTP, SQLite and files on disk.

What it answers with a 2xx is on disk before the answer leaves, so that it is there after any
crash.
"""
