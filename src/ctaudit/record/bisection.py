"""Which event of a rejected batch the server rejects (decision 0003)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Bisection:
    """The number of events that the next batch may have, at most ``most`` (decision 0003).

    A batch that the server rejects for its content is read again with half as many events, and
    again, down to a batch of one: its event is the rejected one and is recorded as undecodable.
    The limit doubles with each batch that is committed.
    """

    most: int
    limit: int

    @property
    def has_found(self) -> bool:
        """Whether a batch that is rejected now holds nothing but the rejected event."""
        return self.limit == 1

    def halve(self, rejected: int) -> Bisection:
        """After a batch of ``rejected`` events was rejected."""
        return replace(self, limit=max(1, rejected // 2))

    def grow(self) -> Bisection:
        """After a batch was committed."""
        return (
            self if self.limit == self.most else replace(self, limit=min(2 * self.limit, self.most))
        )
