"""What a power cut leaves of a folder, from the journal of Tests/FaultShim; prints a summary as JSON.

usage: durable.py JOURNAL ROOT OUT [--keep-some SEED]

Writes to OUT what of ROOT was synced: the bytes of a file that a sync of the file came after, under a name that a sync
of its folder came after. With --keep-some a random part of what was not synced survives as well, as a disk that writes
back when it likes would leave it. After a failed sync nothing that was written before it ever becomes durable.

ROOT must have been empty when the journal began.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass
class Change:
    """Bytes at an offset; None: the file's size becomes the offset."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
        else:
            content.extend(bytes(max(0, self.offset - len(content))))
            content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)
    size: int = 0
    has_failed: bool = False

    def change(self, change: Change) -> None:
        self.pending.append(change)
        self.size = change.offset if change.data is None else max(self.size, change.offset + len(change.data))

    def sync(self) -> None:
        for change in self.pending:
            change.apply(self.durable)
        self.pending = []


@dataclass
class Folder:
    """Names as they are, as they are on the disk, and the changes between; None takes a name away."""

    live: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[tuple[str, File | Folder | None]] = field(default_factory=list)

    def set(self, name: str, entry: File | Folder | None) -> None:
        self.pending.append((name, entry))
        put(self.live, name, entry)

    def sync(self) -> None:
        for name, entry in self.pending:
            put(self.durable, name, entry)
        self.pending = []


def put(names: dict[str, File | Folder], name: str, entry: File | Folder | None) -> None:
    if entry is None:
        names.pop(name, None)
    else:
        names[name] = entry


class Disk:
    def __init__(self, root: str) -> None:
        self.root = PurePosixPath(root)
        self.top = Folder()
        self.inodes: dict[int, File] = {}
        self.used_after_failure: list[str] = []
        self.syncs = 0

    def find(self, path: PurePosixPath) -> File | Folder | None:
        entry: File | Folder | None = self.top
        for part in path.relative_to(self.root).parts:
            entry = entry.live.get(part) if isinstance(entry, Folder) else None
        return entry

    def folder(self, path: PurePosixPath) -> Folder:
        entry = self.find(path)
        assert isinstance(entry, Folder), path
        return entry

    def replay(self, op: str, inode: int, offset: int, length: int, names: tuple[str, str], data: bytes) -> None:
        path, other = PurePosixPath(names[0].removesuffix(" (deleted)")), PurePosixPath(names[1])
        match op:
            case "M":
                if path != self.root:
                    self.folder(path.parent).set(path.name, Folder())
            case "C":
                self.inodes[inode] = File()
                self.folder(path.parent).set(path.name, self.inodes[inode])
            case "U":
                self.folder(path.parent).set(path.name, None)
            case "R" | "L":
                entry = self.folder(path.parent).live[path.name]
                if op == "R":
                    self.folder(path.parent).set(path.name, None)
                self.folder(other.parent).set(other.name, entry)
            case "S" if isinstance(self.find(path), Folder):
                self.syncs += 1
                self.folder(path).sync()
            case "S" | "F" | "W" | "T" | "A":
                self.contents(op, self.inodes[inode], offset, length, path, data)
            case _:
                raise ValueError(op)

    def contents(self, op: str, file: File, offset: int, length: int, path: PurePosixPath, data: bytes) -> None:
        # SQLite writes what a failed sync may have lost anew; a spool file must not be used again at all.
        if file.has_failed and path.suffix == ".dcm":
            self.used_after_failure.append(op)
        match op:
            case "S":
                self.syncs += 1
                file.sync()
            case "F":
                file.has_failed = True
                # Clean in the kernel's eyes and not on the disk: no later sync writes it.
                file.pending = []
            case "W":
                file.change(Change(offset, data))
            case "T":
                file.change(Change(offset, None))
            case "A" if offset + length > file.size:
                file.change(Change(offset + length, None))


def records(journal: Path) -> Iterator[tuple[str, int, int, int, tuple[str, str], bytes]]:
    with journal.open("rb") as file:
        while line := file.readline():
            op, inode, offset, length, path, other = line.decode().rstrip("\n").split("\t")
            data = file.read(int(length)) if op == "W" else b""
            if op == "W" and len(data) < int(length):
                return
            yield op, int(inode), int(offset), int(length), (path, other), data


def keep_some(entry: File | Folder, chance: random.Random) -> None:
    """Lets each change that was not synced survive or not."""
    entry.pending = [change for change in entry.pending if chance.random() < 0.5]  # type: ignore[misc]
    entry.sync()
    if isinstance(entry, Folder):
        for child in entry.durable.values():
            keep_some(child, chance)


def write(folder: Folder, out: Path) -> int:
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = 0
    for name, entry in folder.durable.items():
        if isinstance(entry, Folder):
            count += write(entry, out / name)
        else:
            (out / name).write_bytes(entry.durable)
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("journal", type=Path)
    parser.add_argument("root")
    parser.add_argument("out", type=Path)
    parser.add_argument("--keep-some", type=int)
    args = parser.parse_args()
    disk = Disk(args.root)
    for record in records(args.journal):
        disk.replay(*record)
    if args.keep_some is not None:
        keep_some(disk.top, random.Random(args.keep_some))
    files = write(disk.top, args.out)
    print(json.dumps({"files": files, "syncs": disk.syncs, "usedAfterFailure": disk.used_after_failure}))


if __name__ == "__main__":
    main()
