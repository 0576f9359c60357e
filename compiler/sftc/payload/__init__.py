"""The payload: the engine that runs a mapping table, canonical bytes, where each value came from.

In: checked values and a mapping table. Out: the payload, its bytes, digest and origins.
Must not know any key by name, or how the payload is used.
"""
