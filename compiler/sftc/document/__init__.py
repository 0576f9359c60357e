"""A config as a document: bytes to text, text to values, and where in the text each key is.

In: bytes or text, and values from flags. Out: a document, or findings about text that is not
TOML; fixes as edits of the text. Must not know the contract or any key.
"""
