"""What a finding is and what a rule is, and the rules whose findings the stages make themselves.

In: a message, a span, a path. Out: findings, as data. Must not know how a finding is shown, nor
the document, contract or training file that it is about.
"""
