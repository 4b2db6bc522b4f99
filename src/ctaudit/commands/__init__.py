"""The commands by subject: one ``run_`` function each, which returns the exit status."""
