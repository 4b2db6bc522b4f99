"""The recorder, ctaudit.service: from the spool into PostgreSQL and the journal.

recorder runs the turns and decides what follows a fault; pipeline is the way of an event:

    locate -> (spool: cursor -> decoder) -> batch_policy -> encoder -> commits -> procedures
                                                                |
                                              session, in_flight, positions
"""
