"""The language server: what an editor shows about a config while a person types.

In: the text of open configs and a place in it. Out: findings, fixes, explanations and completions,
at offsets in that text. Only `language_server.py` and `editor_requests.py` know the protocol; no file here
knows a key.
"""
