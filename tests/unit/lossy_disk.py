"""A file system that, at a loss of power, has kept some unsynced pages and lost others."""

from __future__ import annotations

from pathlib import Path
from random import Random

from ctaudit.spool.segment import Segment, list_segments

PAGE = 4096
_MOST_VERSIONS = 6


class LossyDisk:
    """Knows for each segment what was synced, and what it has been since.

    Synced: ``Segment.sync`` for a file's bytes, ``fsync`` of the directory for names. Each page of
    a file is written back at any time of the kernel's choosing, or never: after a loss of power it
    is as it was at the last sync, or as at any time since, whatever its neighbours are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._versions: dict[str, list[bytes]] = {}
        self._names: set[str] = set()
        self._synced_end: dict[str, int] = {}
        self._inodes: dict[str, int] = {}

    def observe(self) -> set[str]:
        """Takes note of what the files are now; returns the names that are gone."""
        present = set()
        for _, path in list_segments(self._directory):
            present.add(path.name)
            content, inode = path.read_bytes(), path.stat().st_ino
            if self._inodes.setdefault(path.name, inode) != inode:
                self._forget(path.name)
                self._inodes[path.name] = inode
            # Before its first sync a file may be all zeros.
            versions = self._versions.setdefault(path.name, [bytes(len(content))])
            if versions[-1] != content:
                del versions[1 : len(versions) - _MOST_VERSIONS]
                versions.append(content)
        return self._versions.keys() - present

    def sync_file(self, segment: Segment) -> None:
        self._versions[segment.path.name] = [segment.path.read_bytes()]
        self._synced_end[segment.path.name] = segment.end

    def sync_directory(self, _: int = 0) -> None:
        self._names = {path.name for _, path in list_segments(self._directory)}

    def durable_end(self, name: str) -> int:
        """Published bytes of data that a loss of power cannot take."""
        return self._synced_end.get(name, 0) if name in self._names else 0

    def lose_power(self, chooser: Random) -> None:
        """Nobody has a file open, or will ever use it again."""
        gone = self.observe()
        for name, versions in self._versions.items():
            path = self._directory / name
            if name in gone:
                # Deleted, and the directory not written since: it may be there again.
                if name not in self._names or chooser.random() < 0.5:
                    continue
            elif name not in self._names and chooser.random() < 0.3:
                path.unlink()
                continue
            self._write(path, mix(versions, chooser))
        self._synced_end = {}
        self.rest()

    def rest(self) -> None:
        """What is there now is on the disk."""
        self.sync_directory()
        paths = [path for _, path in list_segments(self._directory)]
        self._versions = {path.name: [path.read_bytes()] for path in paths}
        self._inodes = {path.name: path.stat().st_ino for path in paths}

    def _forget(self, name: str) -> None:
        """It was renamed, and another file has its name now."""
        self._versions.pop(name)
        self._synced_end.pop(name, None)
        self._names.discard(name)

    def _write(self, path: Path, content: bytes) -> None:
        # Under another inode: a killed receiver's mapping is still there in this process.
        draft = path.with_suffix(".draft")
        draft.write_bytes(content)
        draft.rename(path)


def mix(versions: list[bytes], chooser: Random) -> bytes:
    """Each page from one of the versions; often all of the last or of the first."""
    kind = chooser.random()
    if kind < 0.2:
        return versions[0]
    if kind < 0.4:
        return versions[-1]
    pages = range(0, len(versions[-1]), PAGE)
    return b"".join(chooser.choice(versions)[at : at + PAGE] for at in pages)
