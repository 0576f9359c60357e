"""What tests share: helpers that are not fixtures."""
