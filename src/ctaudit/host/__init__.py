"""What this machine offers: systemd, the journal, clocks, users and namespaces."""
