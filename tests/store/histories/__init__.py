"""Random histories with a known truth, and what the store says about them.

truth -> recording -> the record procedures -> who and completeness -> scoring against the oracle.
``python -m tests.store.histories --help``.
"""
