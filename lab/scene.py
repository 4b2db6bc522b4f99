"""A minute of a gateway's life for the pages: traffic, a crowd, and a receiver that was stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lab import addresses as a
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic import holding, make_traffic
from lab.witness import delete_all

PUBLIC = f"{a.GATEWAY}:{a.ARTICLE_NAT_SPORT}"
REMOTE = f"{a.SERVER}:{a.HTTPS_PORT}"
KINDS = ("udp-answered", "icmp-echo", "tcp6-close", "dnat-tcp", "sctp", "tcp-reset")
_HELD = range(1, 7)
_SAY = "SELECT ctaudit.set_holder(%s, %s, %s, NULL, 'desk', %s)"


@dataclass(frozen=True)
class Scene:
    """``at``: a second in which PUBLIC was the article's client; ``crowd_at``: with the crowd open.

    ``before``: nothing was recorded yet; ``span``: all that was.
    """

    rig: Rig
    at: datetime
    crowd_at: datetime
    before: datetime
    span: tuple[datetime, datetime]

    @property
    def letter(self) -> str:
        """Of three questions: who was it, nobody at that port, and many without a port."""
        text = format_utc(self.at)
        return (
            f"{text} {PUBLIC} tried passwords at {REMOTE}\n"
            f"{text} {a.GATEWAY}:9 sent mail to {a.SERVER}:25\n"
            f"{format_utc(self.crowd_at)} {a.GATEWAY} scanned {a.SERVER}\n"
        )


def format_utc(time: datetime) -> str:
    """As a form's field takes it."""
    return f"{time:%Y-%m-%d %H:%M:%SZ}"


@contextmanager
def recording_scene(
    lab: Lab, cluster: Cluster, *, crowd: int = 1000, kinds: Sequence[str] = KINDS,
    holders: Mapping[str, tuple[str, str]] | None = None,
) -> Iterator[Scene]:  # fmt: skip
    """``crowd``: connections open at once; ``holders``: name and detail by address."""
    delete_all(lab)
    with rigging(lab, cluster) as rig, started(rig, "record"), started(rig, "receive") as receiver:
        rig.wait_until_listening()
        began = datetime.now(UTC)
        before = (began - timedelta(minutes=10)).replace(microsecond=0)
        for address, (name, detail) in (holders or {}).items():
            rig.query(_SAY, address, name, before, detail)
        _wait_for_second()
        with holding(lab, source_port=a.ARTICLE_SPORT) as article:
            at = _wait_for_second()
            article.exchange(40_000)
            for number in _HELD:
                client = a.PLAIN_CLIENTS[number]
                with holding(lab, source=client, source_port=41_000 + number) as held:
                    held.exchange(9_000 * number)
            for kind in kinds:
                make_traffic(lab, kind)
            make_traffic(lab, "burst", count=crowd)
            crowd_at = _wait_for_second()
            _wait_for_second()
            article.exchange(15_000)
            rig.wait_until_read()
            gaps = rig.count("gap")
            receiver.stop()
            time.sleep(1.5)
            receiver.start()
            receiver.wait_until_ready()
            rig.wait_until(lambda: rig.count("gap") > gaps)
            _wait_for_second()
            article.exchange(70_000)
        make_traffic(lab, "udp-answered", source=a.PLAIN_CLIENTS[3])
        delete_all(lab)
        ended = rig.wait_until_read()
        span = (began.replace(microsecond=0), ended.replace(microsecond=0) + timedelta(seconds=1))
        yield Scene(rig, at, crowd_at, before, span)


def _wait_for_second() -> datetime:
    """Waits until a second begins; gives it."""
    time.sleep(1.02 - time.time() % 1)
    return datetime.now(UTC).replace(microsecond=0)
