"""Output formats for findings, tables and statistics, one module per format, and charts.

Input: findings, accounts and statistics, as data. Output: text, bytes or images. This package must
not know how they were found.
"""
