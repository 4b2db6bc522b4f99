"""Debian 12 and 13 that boot, with real systemd, in namespaces of their own.

gateway    ctaudit in a booted machine, as its units run it
kills      its services killed at random moments, and what must be left
sandbox    what its units allow, and what tests expect of it
machine    commands, files and units in a booted machine
booting    machines made, booted and taken away
nspawn     the systemd-nspawn that each runs under
register   which machines stand, and whose they are
trees      the Debian trees that they boot from
debian     how such a tree is made
inside     a command of this checkout in a tree that does not boot
"""
