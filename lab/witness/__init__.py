"""What others than ctaudit saw of the lab's traffic, and what the store should say of it.

conntrack        Debian's conntrack tool: events while they come, the table now
conntrack_text   its lines and its XML, read
pyroute          pyroute2's decode of the table: what the tool does not print
compare          the columns of a row that the witness and the sender expect
"""

from lab.witness.conntrack import Witness, delete_all, list_table, watching

__all__ = ["Witness", "delete_all", "list_table", "watching"]
