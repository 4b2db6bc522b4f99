"""receive and record: the two processes of a gateway."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from ctaudit.commands.source import pick_dsn
from ctaudit.config import check_node, load_config


def run_receive(args: Namespace) -> int:
    from ctaudit.capture import process
    from ctaudit.host.log import start_logging

    config = load_config(args.config)
    start_logging("ctaudit-receiver")
    return process.run(config)


def run_record(args: Namespace) -> int:
    from ctaudit.host.log import start_logging
    from ctaudit.record import recorder

    config = load_config(args.config)
    if args.node is not None:
        config = replace(config, node=check_node(args.node, "--node"))
    dsn = pick_dsn(args, config)
    start_logging("ctaudit")
    return recorder.replay(config, dsn, args.replay) if args.replay else recorder.run(config, dsn)
