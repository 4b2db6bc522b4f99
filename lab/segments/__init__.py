"""Kept segments changed on purpose.

rewrite   some of the kernel's messages altered in place
strip     without the attribute that older kernels do not send
damage    damaged in seeded ways, and what the recorder makes of them without a database
"""
