"""The pages of the service for a person with a browser.

Input: the store, and requests with the cookie of a session. Output: HTML, and streams of its parts that
changed. This package must not depend on the config compiler: it shows payloads, read backwards.
"""
