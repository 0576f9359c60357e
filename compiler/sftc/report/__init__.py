"""Findings and tables as text, JSON, SARIF and other formats, a file each, and charts.

In: findings, accounts and figures, as data. Out: text, bytes or pictures. Must not know how
they were found.
"""
