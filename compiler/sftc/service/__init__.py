"""The embedded training service: implements the wire contract with HTTP, SQLite and files on disk.

Input: HTTP requests. Output: HTTP responses. Every change is on disk before the service responds,
so it survives a crash. This package must not depend on the config compiler or on torch.
"""
