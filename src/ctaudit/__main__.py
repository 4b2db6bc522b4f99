"""The command ctaudit, also ``python -m ctaudit``: an error that nothing foresaw, as a sentence.

No module is imported outside of main's try, since loading one may fail as well.
"""

from __future__ import annotations

_INTERRUPTED, _UNFORESEEN = 130, 70  # as in errors, which may be what cannot be loaded
_DAEMONS = ("receive", "record")


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    try:
        from ctaudit import cli

        return cli.main(argv)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001
        _report(error, argv)
        return _UNFORESEEN
    finally:
        _finish()


def _finish() -> None:
    """What is in the buffers is written or, where that fails, discarded."""
    try:
        from ctaudit import output

        output.finish()
    except (Exception, KeyboardInterrupt):  # noqa: BLE001
        return


def _report(error: Exception, argv: list[str] | None) -> None:
    """One sentence; the traceback as well for the services, whose journal keeps it, and if asked.

    Standard error may be closed or full, and no module of ours may be there to help.
    """
    try:
        import os
        import sys
        import traceback

        if sys.stderr is None:
            return
        words = sys.argv[1:] if argv is None else argv
        if os.environ.get("CTAUDIT_TRACEBACK") or words[:1] in ([name] for name in _DAEMONS):
            traceback.print_exception(error)
        print(f"ctaudit: {_describe(error)}", file=sys.stderr, flush=True)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001
        return


def _describe(error: Exception) -> str:
    """One line; where it happened is the innermost place in a module of ours."""
    text = " ".join(str(error).split()).encode("unicode_escape").decode()
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, ImportError):
        return (
            f"cannot load a part of the program ({what}); the installation is not complete: "
            "install ctaudit and what it depends on again, and report it if that does not help"
        )
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "/ctaudit/" in code.co_filename:
            place = f" in {code.co_filename.rpartition('/ctaudit/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return (
        f"an error that was not foreseen ({what}{place}); this is no answer; please report it, "
        "with the command and what it prints where CTAUDIT_TRACEBACK=1 is set"
    )


if __name__ == "__main__":
    raise SystemExit(main())
