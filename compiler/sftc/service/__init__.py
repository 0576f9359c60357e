"""The training service, embedded: the wire contract over HTTP, SQLite and files on disk.

In: HTTP requests. Out: answers that are on disk before they leave, so that they survive any
crash. Must not know how a config is compiled, nor torch.
"""
