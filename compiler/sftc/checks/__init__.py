"""A document held against its contract: schema findings, cross-key rules, suppressions.

In: a document and its contract. Out: every finding about it, in the order of the text.
Must not know payloads, files on disk or how a finding is shown.
"""
