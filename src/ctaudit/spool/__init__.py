"""The bytes between the two daemons: segment files, written by one and read by the other."""
