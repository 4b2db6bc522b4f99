"""What the kernel says of its connections: netlink messages, decoded by learned layouts."""
