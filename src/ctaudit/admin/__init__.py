"""Is this gateway fit to record? And how to make it so."""
