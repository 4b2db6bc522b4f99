"""Histories by the thousand, or one of them line by line.

python -m tests.store.histories --count 10000
python -m tests.store.histories --seed 123 --question 4 -v --shrink
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.store.histories.features import FEATURES
from tests.store.histories.report import format_causes, format_tally
from tests.store.histories.scoring import FALSE, NEEDLESS, Tally, score_history
from tests.store.histories.sending import Store, judged_store
from tests.store.histories.shrink import causes, shrink
from tests.store.histories.timeline import format_history, format_scored
from tests.store.histories.world import make_history


def main(words: Sequence[str] | None = None) -> int:
    options = _parse(words)
    allowed = set(FEATURES if options.only is None else options.only) - set(options.without)
    with judged_store() as store:
        if options.seed is not None:
            return _show(store, options, allowed)
        return _run(store, options, allowed)


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.store.histories", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--seed", type=int, help="one history, by its seed")
    parser.add_argument("--question", type=int, help="one of its questions")
    parser.add_argument("--only", type=_names, help="these features, a,b,c; or none")
    parser.add_argument("--without", type=_names, default=[], help="all but these features")
    parser.add_argument(
        "--shrink", action="store_true", help="take away all that the answer does not depend on"
    )
    parser.add_argument(
        "--needless", action="store_true", help="count and shrink needless answers like false ones"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="the history line by line")
    return parser.parse_args(words)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name != "none"]
    unknown = set(names) - FEATURES
    if unknown:
        raise argparse.ArgumentTypeError(f"no feature {unknown}; there are {sorted(FEATURES)}")
    return names


def _show(store: Store, options: argparse.Namespace, allowed: set[str]) -> int:
    history = make_history(options.seed, allowed)
    scored = score_history(store, history)
    if options.question is not None:
        scored = [scored[options.question]]
    if options.shrink and len(scored) == 1:
        history, least = shrink(store, history, scored[0])
        scored = [least]
    if options.verbose:
        print(format_history(history))
    for one in scored:
        print(format_scored(one))
    return int(any(one.grade in FALSE for one in scored))


def _run(store: Store, options: argparse.Namespace, allowed: set[str]) -> int:
    tally, wrong = Tally(), FALSE | (NEEDLESS if options.needless else frozenset())
    found: dict[tuple[str, frozenset[str]], list[str]] = {}
    began = shown = time.monotonic()
    for seed in range(options.first, options.first + options.count):
        history = make_history(seed, allowed)
        scored = score_history(store, history)
        tally.add(history, scored)
        for one in scored:
            if one.grade not in wrong:
                continue
            line = f"--seed {seed} --question {one.question.number}"
            print(f"{one.grade}: {_command(options)} {line} -v", flush=True)
            least = shrink(store, history, one)[0] if options.shrink else history
            left = causes(least) if options.shrink else history.features
            found.setdefault((one.grade, left), []).append(line)
        if time.monotonic() - shown > 2:
            shown = time.monotonic()
            _progress(tally, shown - began)
    print("\n".join([*format_tally(tally), "", *format_causes(found)]))
    return int(any(tally.grades[grade] for grade in FALSE))


def _command(options: argparse.Namespace) -> str:
    """How to see one of the histories of this run again."""
    words = ["python -m tests.store.histories"]
    for name in ("only", "without"):
        chosen = getattr(options, name)
        if chosen is not None and (chosen or name == "only"):
            words.append(f"--{name} '{','.join(chosen) or 'none'}'")
    return " ".join(words)


def _progress(tally: Tally, seconds: float) -> None:
    false = sum(tally.grades[grade] for grade in FALSE)
    print(
        f"{tally.histories} histories, {tally.histories / seconds:.1f}/s, {false} false",
        end="\r",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
