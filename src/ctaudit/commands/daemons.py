"""receive and record: the two processes of a gateway."""

from __future__ import annotations

from argparse import Namespace

from ctaudit.commands.source import pick_dsn
from ctaudit.config import load_config, rename_node


def run_receive(args: Namespace) -> int:
    from ctaudit.capture import receiver
    from ctaudit.host.log import start_logging

    config = load_config(args.config)
    start_logging("ctaudit-receiver")
    return receiver.run(config)


def run_record(args: Namespace) -> int:
    from ctaudit.host.log import start_logging
    from ctaudit.record import recorder

    config = load_config(args.config)
    if args.node is not None:
        config = rename_node(config, args.node)
    dsn = pick_dsn(args, config)
    start_logging("ctaudit")
    return recorder.replay(config, dsn, args.replay) if args.replay else recorder.run(config, dsn)
