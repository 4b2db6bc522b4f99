"""receive, record and forward: the processes of a gateway.

Everything that may fail is in what run_service repeats, the imports and the configuration too.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace

from ctaudit.commands.patience import run_service, wait_for_nothing
from ctaudit.commands.source import pick_dsn
from ctaudit.config import Config, check_node, load_config


def run_receive(args: Namespace) -> int:
    from ctaudit.host.log import start_logging
    from ctaudit.host.systemd import SocketStore

    start_logging("ctaudit-receiver")
    store = SocketStore()

    def receive(stop: Sequence[int]) -> int:
        from ctaudit.capture import process

        return process.run(load_config(args.config), stop, store)

    return run_service(receive)


def run_record(args: Namespace) -> int:
    from ctaudit.host.log import start_logging

    start_logging("ctaudit")

    def record(stop: Sequence[int]) -> int:
        from ctaudit.record import recorder

        config = _load_recorder_config(args)
        if not config.database.enabled:
            return wait_for_nothing("database.enabled = false: nothing is recorded", stop)
        return recorder.run(config, pick_dsn(args, config), stop)

    if args.replay is None:
        return run_service(record)
    from ctaudit.record import recorder

    config = _load_recorder_config(args)
    return recorder.replay(config, pick_dsn(args, config), args.replay)


def run_forward(args: Namespace) -> int:
    from ctaudit.host.log import start_logging

    start_logging("ctaudit-forward")

    def forward(stop: Sequence[int]) -> int:
        from ctaudit.forward import process

        return process.run(load_config(args.config), stop)

    return run_service(forward)


def _load_recorder_config(args: Namespace) -> Config:
    config = load_config(args.config)
    if args.node is None:
        return config
    return replace(config, node=check_node(args.node, "--node"))
