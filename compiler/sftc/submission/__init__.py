"""Submission: from a payload and files to a job on a service, over the wire contract.

It reads payloads and files, never TOML.
"""
