"""Outputs: other readers of the spool, which write its events to files and collectors."""
