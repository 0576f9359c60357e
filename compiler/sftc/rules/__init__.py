"""The rules, one file a family: every finding the tool can make, as table rows."""
