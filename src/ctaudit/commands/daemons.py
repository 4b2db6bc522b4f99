"""receive, record and forward, the processes of a gateway, and web.

Everything that may fail is in what run_service repeats, the imports and the configuration too.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from ctaudit.commands.patience import run_service, wait_for_nothing
from ctaudit.commands.source import pick_dsn
from ctaudit.config import Config, check_node, load_config
from ctaudit.errors import UsageError


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


def run_web(args: Namespace) -> int:
    from ctaudit.host.log import start_logging

    start_logging("ctaudit-web")

    def serve(stop: Sequence[int]) -> int:
        _require_web()
        from ctaudit.database.dsn import check_dsn
        from ctaudit.query.zone import set_zone
        from ctaudit.web import process
        from ctaudit.web.settings import read_settings

        set_zone(None)
        config = load_config(args.config)
        settings = read_settings(config)
        dsn = pick_dsn(args, config) if args.dsn is not None else settings.dsn
        return process.run(replace(settings, dsn=check_dsn(dsn, "web.dsn")), stop)

    return run_service(serve)


def _require_web() -> None:
    """Raises UsageError where the pages, or what serves them, are not installed."""
    for module in ("ctaudit.web", "flask", "waitress"):
        if find_spec(module) is None:
            raise UsageError("web: the pages are a package of their own: apt install ctaudit-web")


def _load_recorder_config(args: Namespace) -> Config:
    config = load_config(args.config)
    if args.node is None:
        return config
    return replace(config, node=check_node(args.node, "--node"))
