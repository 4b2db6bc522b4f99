"""Several booted gateways and database hosts, wired together, for the Ansible role.

    plan        which machines a fleet has, and their addresses
    keeper      the process that holds a standing fleet; machines switched off and on
    wires       the links between machines, the hosts behind them, and the server outside
    traffic     the same connection through several gateways at once
    load        many connections through one while something is done to it
    failover    one of two database hosts fails under load: how long, and is anything lost
    authority   certificates for TLS
    changes     whether Ansible's check mode foresees what a run does
    show        what make fleet ends with

``python3 -m lab.fleet`` makes, changes and removes fleets; molecule's scenarios call it.
"""
