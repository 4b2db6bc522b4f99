"""The lab: a client, a NAT gateway and a server in network namespaces, with real packets."""
