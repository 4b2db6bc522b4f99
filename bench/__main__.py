"""``python3 -m bench COMMAND``: ctaudit beside ulogd2 and COPY, its small and its long runs."""

from __future__ import annotations

import argparse
import json
import sys

from bench.batch import run_batch
from bench.candidates import CANDIDATES
from bench.closing import run_closing
from bench.demands import judge
from bench.filtering import run_filtering
from bench.front import run_front
from bench.journal import run_journal, run_journal_cost
from bench.live import print_live
from bench.parts import run_parts
from bench.pressure import run_load
from bench.reliable import run_reliable
from bench.report import candidate_table, loss_row, ratio_table, write_report
from bench.side import load_runs, run_all, write_result
from bench.small import run_small
from bench.stage import BenchError, standing_stage
from bench.store import Size, print_store
from bench.web import run_web
from bench.years import run_years
from lab.cluster import ClusterError
from lab.namespaces import LabError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="some candidates, one line of JSON a run")
    run.add_argument("candidates", nargs="+", choices=CANDIDATES)
    run.add_argument("--repeat", type=int, default=1)
    run.add_argument("--connections", type=int, help="of each run, not the candidate's own number")
    run.set_defaults(work=_run_some)
    side = commands.add_parser("side", help="all candidates, round after round; writes the report")
    side.add_argument("--rounds", type=int, default=5)
    side.add_argument("--only", nargs="+", choices=CANDIDATES, help="prints, writes nothing")
    side.set_defaults(work=_run_side)
    long = commands.add_parser("long", help="idle and small, ten minutes of load, a burst")
    long.add_argument("--only", choices=("small", "pressure", "burst"))
    long.add_argument("--seconds", type=int, default=60, help="of the small load")
    long.add_argument("--minutes", type=float, default=10, help="of the load")
    long.add_argument("--rate", type=int, default=20_000, help="connections a second of it")
    long.add_argument("--ended-every", type=float, default=0.5, help="seconds, of that load")
    long.add_argument("--dumps-interval", default="1h", help="during the load, as configured")
    long.add_argument("--burst", type=int, default=1_000_000, help="connections of the burst")
    long.set_defaults(work=_run_long)
    parts = commands.add_parser("parts", help="what a CALL is made of, beside COPY; JSON")
    parts.add_argument("--rounds", type=int, default=4)
    parts.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    parts.set_defaults(work=_run_parts)
    journal = commands.add_parser("journal", help="the price of event lines; writes nothing")
    journal.add_argument("--pairs", type=int, default=3)
    journal.set_defaults(work=lambda chosen: print(json.dumps(run_journal_cost(chosen.pairs))))
    live = commands.add_parser("live", help="live() with its copy and without, JSON lines")
    live.add_argument("openings", nargs="*", type=int, default=[1_000_000, 5_000_000])
    live.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    live.set_defaults(work=_run_live)
    store = commands.add_parser("store", help="CALLs and questions in a full store, JSON lines")
    store.add_argument("--days", type=int, default=60, help="partitions with rows")
    store.add_argument("--empty", type=int, default=0, help="partitions without rows")
    store.add_argument(
        "--openings", type=int, nargs="+", default=[200_000, 1_000_000], help="between two dumps"
    )
    store.add_argument("--live", nargs="*", default=[], help="more questions, as ctaudit.live(...)")
    store.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    store.set_defaults(work=_run_store)
    reliable = commands.add_parser("reliable", help="what it costs after a day, JSON lines")
    reliable.add_argument("--openings", type=int, default=20_000_000, help="of the day")
    reliable.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    reliable.set_defaults(work=_run_reliable)
    closing = commands.add_parser("close", help="bytes a connection when its day is closed")
    closing.add_argument("--connections", type=int, default=1_000_000)
    closing.add_argument(
        "--rows", type=int, nargs="+", default=[15, 312], help="of a port and address in the day"
    )
    closing.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    closing.set_defaults(work=_run_closing)
    years = commands.add_parser("years", help="hundreds of days, closed; JSON lines; 1.6 GB a 10 M")
    years.add_argument("--connections", type=int, default=100_000_000)
    years.add_argument("--days", type=int, default=400)
    years.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    years.set_defaults(work=_run_years)
    batch = commands.add_parser("batch", help="many questions at once and one by one; JSON lines")
    batch.add_argument("--questions", type=int, default=10_000)
    batch.add_argument("--connections", type=int, default=10_000_000)
    batch.add_argument("--days", type=int, default=20)
    batch.add_argument("--alone", type=int, default=10_000, help="of these also one by one")
    batch.add_argument("--open", action="store_true", help="days that maintenance has not closed")
    batch.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    batch.set_defaults(work=_run_batch)
    front = commands.add_parser("front", help="a front beside the stores it asks; JSON lines")
    front.add_argument("--connections", type=int, default=1_000_000, help="of each of three")
    front.add_argument("--days", type=int, default=20)
    front.add_argument("--stores", type=int, default=8)
    front.add_argument("--questions", type=int, default=1000)
    front.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    front.set_defaults(work=_run_front)
    web = commands.add_parser("web", help="the pages beside the recorder, JSON lines")
    web.add_argument("--questions", type=int, default=400, help="of Ask, four a second")
    web.add_argument("--pairs", type=int, default=3, help="with 50 readers and without")
    web.add_argument("--seconds", type=float, default=20, help="of each of a pair")
    web.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    web.set_defaults(work=_run_web)
    rules = commands.add_parser("filter", help="what filter rules cost and save, JSON lines")
    rules.add_argument("--rounds", type=int, default=5)
    rules.add_argument("--packets", type=int, default=100_000, help="of each packet rate")
    rules.add_argument("--write", metavar="NOTE", help="into the report, with this sentence")
    rules.set_defaults(work=_run_filtering)
    report = commands.add_parser("report", help="docs/performance.md anew, from bench/results")
    report.set_defaults(work=_report)
    chosen = parser.parse_args()
    try:
        chosen.work(chosen)
    except (BenchError, ClusterError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _run_parts(chosen: argparse.Namespace) -> None:
    result = run_parts(chosen.rounds)
    print(json.dumps(result), flush=True)
    if chosen.write:
        print(write_result("parts", {"note": chosen.write, **result}))
        _report(chosen)


def _run_reliable(chosen: argparse.Namespace) -> None:
    figures = []
    for item in run_reliable(chosen.openings):
        figures.append(item)
        print(json.dumps(item), flush=True)
    if chosen.write:
        print(write_result("reliable", {"note": chosen.write, "figures": figures}))
        _report(chosen)


def _run_closing(chosen: argparse.Namespace) -> None:
    runs = []
    for rows in chosen.rows:
        figures = list(run_closing(chosen.connections, max(1, chosen.connections // rows)))
        runs.append({"rows": rows, "figures": figures})
        print(json.dumps(runs[-1]), flush=True)
    if chosen.write:
        result = {"connections": chosen.connections, "note": chosen.write, "runs": runs}
        print(write_result("closing", result))
        _report(chosen)


def _run_batch(chosen: argparse.Namespace) -> None:
    figures = []
    sizes = (chosen.questions, chosen.connections, chosen.days, chosen.alone)
    for item in run_batch(*sizes, are_closed=not chosen.open):
        figures.append(item)
        print(json.dumps(item), flush=True)
    if chosen.write:
        result = {
            "connections": chosen.connections,
            "days": chosen.days,
            "closed": not chosen.open,
            "note": chosen.write,
        }
        print(write_result("batch", result | {"figures": figures}))
        _report(chosen)


def _run_front(chosen: argparse.Namespace) -> None:
    figures = []
    for item in run_front(chosen.connections, chosen.days, chosen.stores, chosen.questions):
        figures.append(item)
        print(json.dumps(item), flush=True)
    if chosen.write:
        result = {"connections": chosen.connections, "days": chosen.days, "note": chosen.write}
        print(write_result("front", result | {"figures": figures}))
        _report(chosen)


def _run_years(chosen: argparse.Namespace) -> None:
    figures = []
    for item in run_years(chosen.connections, chosen.days):
        figures.append(item)
        print(json.dumps(item), flush=True)
    if chosen.write:
        sizes = {"connections": chosen.connections, "days": chosen.days}
        print(write_result("years", sizes | {"note": chosen.write, "figures": figures}))
        _report(chosen)


def _run_some(chosen: argparse.Namespace) -> None:
    with standing_stage() as stage:
        for _ in range(chosen.repeat):
            for name in chosen.candidates:
                candidate = CANDIDATES[name]
                done = candidate.run(stage, chosen.connections or candidate.connections)
                print(json.dumps(done.as_json()), flush=True)


def _run_side(chosen: argparse.Namespace) -> None:
    result = run_all(chosen.rounds, chosen.only or tuple(CANDIDATES))
    runs = load_runs(result)
    print(f"\n{ratio_table(judge(runs))}{loss_row(runs)}\n{candidate_table(runs)}")
    if not chosen.only:
        print(write_result("side", result))
        _report(chosen)


def _run_long(chosen: argparse.Namespace) -> None:
    def is_wanted(name: str) -> bool:
        return chosen.only in (None, name)

    with standing_stage() as stage:
        if is_wanted("small"):
            small = run_small(stage, chosen.seconds)
            small["journal"] = run_journal()
            small["journal_cost"] = run_journal_cost()
            print(write_result("small", small))
        if is_wanted("burst"):
            burst = run_load(stage, chosen.burst, 0, every=0.2, flush_every=0.2)
            print(write_result("burst", burst))
        if is_wanted("pressure"):
            count = int(60 * chosen.minutes * chosen.rate)
            load = run_load(
                stage,
                count,
                chosen.rate,
                every=1,
                flush_every=chosen.ended_every,
                settings={"dumps": f'interval = "{chosen.dumps_interval}"'},
            )
            print(write_result("pressure", load))
    _report(chosen)


def _run_store(chosen: argparse.Namespace) -> None:
    size = Size(chosen.days, chosen.empty, chosen.openings)
    figures = print_store(size, chosen.live)
    if chosen.write:
        result = {"days": size.days, "note": chosen.write, "figures": figures}
        print(write_result("store", result))
        _report(chosen)


def _run_filtering(chosen: argparse.Namespace) -> None:
    figures = []
    with standing_stage() as stage:
        for item in run_filtering(stage, chosen.rounds, chosen.packets):
            figures.append(item)
            print(json.dumps(item), flush=True)
    if chosen.write:
        print(write_result("filtering", {"note": chosen.write, "figures": figures}))
        _report(chosen)


def _run_web(chosen: argparse.Namespace) -> None:
    figures = []
    with standing_stage() as stage:
        for item in run_web(stage, chosen.questions, chosen.pairs, chosen.seconds):
            figures.append(item)
            print(json.dumps(item), flush=True)
    if chosen.write:
        print(write_result("web", {"note": chosen.write, "figures": figures}))
        _report(chosen)


def _run_live(chosen: argparse.Namespace) -> None:
    figures = print_live(chosen.openings)
    if chosen.write:
        print(write_result("live", {"note": chosen.write, "figures": figures}))
        _report(chosen)


def _report(_: argparse.Namespace) -> None:
    for path in write_report():
        print(path)


if __name__ == "__main__":
    sys.exit(main())
