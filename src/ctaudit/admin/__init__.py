"""check and setup: whether this gateway can record, and the database on this host."""
