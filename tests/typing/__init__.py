"""Samples for type checkers, read by `test_public_types` and never imported."""
