"""The command line: runs a command, prints what it found, returns its exit status.

A command imports what it needs when it runs, so that the receiver never loads the database's
driver.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from ctaudit import output
from ctaudit.arguments import parse_arguments
from ctaudit.commands import administration, daemons, database, letters, questions
from ctaudit.commands.patience import wait_before_restart
from ctaudit.errors import INTERRUPTED, CtauditError, PipeClosedError

COMMANDS = {
    "receive": daemons.run_receive,
    "record": daemons.run_record,
    "forward": daemons.run_forward,
    "schema": database.run_schema,
    "import": administration.run_import,
    "maintain": database.run_maintain,
    "who": questions.run_who,
    "ask": letters.run_ask,
    "flows": questions.run_flows,
    "traffic": questions.run_traffic,
    "inquiries": questions.run_inquiries,
    "table": questions.run_table,
    "status": questions.run_status,
    "metrics": administration.run_metrics,
    "check": administration.run_check,
    "node": administration.run_node,
    "store": administration.run_store,
    "hold": administration.run_hold,
    "filter": administration.run_filter,
    "config": administration.run_config,
    "setup": database.run_setup,
}

# They print nothing of their own, and may run without a standard output.
_SERVICES = ("receive", "record", "forward")


def _set_zone(args: Namespace) -> None:
    """For the commands that read or print a local time: those that have --tz.

    node retire --here has no time to read: the end of a package must not fail by a TZ.
    """
    if "tz" not in args or getattr(args, "here", False):
        return
    from ctaudit.query.zone import set_zone

    set_zone(args.tz, utc=args.utc)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status. An unforeseen exception is __main__'s."""
    output.prepare()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = parse_arguments(words)
        if args.command not in _SERVICES:
            output.require()
        _set_zone(args)
        status = COMMANDS[args.command](args)
        output.flush()
    except PipeClosedError as error:
        return error.exit_status
    except CtauditError as error:
        output.complain(str(error))
        if words[:1] and words[0] in _SERVICES:
            wait_before_restart()
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    return status
