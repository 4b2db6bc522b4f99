"""Side by side with ulogd2 and with plain COPY, in one run on one machine."""
