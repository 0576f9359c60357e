"""Named texts and the places in them: sources, spans, key paths, spelling suggestions.

In: strings. Out: spans, paths and suggested names. Must not know TOML, findings or any key.
"""
