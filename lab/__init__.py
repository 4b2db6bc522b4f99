"""The lab: real NAT in network namespaces, PostgreSQL, booted machines, fleets of them.

Demo, bench and tests use it as a library; it imports nothing of theirs, and no test framework. It
needs root. Packets never leave its namespaces: see guard.

The three namespaces, client -- gateway -- server:
    network        makes, keeps and removes them; python3 -m lab.network
    addresses      their addresses and ports
    rules          what the gateway does with packets: nft rules, kernel settings
    links          links between namespaces
    namespaces     Lab, and how to run something in a namespace
    serve          the servers that traffic talks to
    register       which labs stand, and whose they are
    guard          refuses to send a packet anywhere else
    processes      processes and the namespaces that they are in
    waiting        wait_until

What happens in them, and who else sees it:
    traffic/       connections of each kind, and by the thousand
    packet_queue   holds packets back, as an inline filter does
    witness/       the conntrack tool and pyroute2 beside ctaudit
    event_socket   the conntrack socket of another process

ctaudit in them:
    cluster        a private PostgreSQL
    pooler         PgBouncer before it
    pages          the web pages of a rig, and a web server before them that names any person
    web_servers    nginx and Apache before the web pages
    browser        Chromium without a window
    rig            a configuration, a spool and a database, and the commands on them
    service        the receiver and the recorder of a rig: started, killed, stopped
    recorded       all kinds of traffic recorded once
    scene          a minute of a gateway's life for the pages
    accounting     whether the record has each connection of a load once
    demo           make demo; demo_pages what it shows of the pages

Faults, beside killing a service or a cluster:
    proxy             loses the connection between a request and its answer
    segments/         damages and rewrites kept segments
    stepped_receiver  a receiver whose clock is stepped

Whole machines:
    machines/      Debian that boots, with real systemd
    fleet/         several gateways and a database host
    package        the Debian package and an archive of it
"""
