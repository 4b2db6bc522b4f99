"""Real NAT in network namespaces, clusters, booted machines: what demo, bench and tests use."""
