"""Two hundred peers that want to keep a node busy: they say nothing, half of it, or what no peer should say.

usage: hostile.py PORT SECONDS [--tls-port PORT] [--peers N] [--calling AE] [--called AE] [--address A]
                  [--ready FILE] [--only KIND]

They connect from another address of the loopback interface than well-behaved peers do, again and again until the time
is over. FILE is made when each of them has begun, and has its association if it wants one. Prints as JSON, for each
kind: connections made, associations got and rejected, aborts and closes that the node answered with, and connections
that still stood at the end. With a port for TLS, kinds that call it as well: "raw:..." without TLS, "tls:..." over TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
VERIFICATION = "1.2.840.10008.1.1"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def associate_request(called: str, calling: str) -> bytes:
    """Verification as context 1, CT Image Storage as context 3."""
    body = struct.pack(">Hxx16s16s32x", 1, called.ljust(16).encode(), calling.ljust(16).encode())
    body += item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, abstract in ((1, VERIFICATION), (3, CT_IMAGE_STORAGE)):
        syntaxes = item(0x30, abstract.encode()) + item(0x40, EXPLICIT_LITTLE_ENDIAN.encode())
        body += item(0x20, struct.pack(">B3x", number) + syntaxes)
    return pdu(ASSOCIATE_RQ, body + item(0x50, item(0x51, struct.pack(">I", 16384))))


def data(control: int, value: bytes) -> bytes:
    return pdu(P_DATA, struct.pack(">IBB", len(value) + 2, 3, control) + value)


def store_command() -> bytes:
    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(value)) + value

    return data(
        3,
        element(0x0002, CT_IMAGE_STORAGE.encode() + b"\0")
        + element(0x0100, b"\1\0")
        + element(0x0110, b"\7\0")
        + element(0x0700, b"\0\0")
        + element(0x0800, b"\0\0")
        + element(0x1000, b"2.25.99\0"),
    )


class Connection:
    """One connection of one peer, and what it saw."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        request: bytes,
        seen: Counter[str],
        begun: asyncio.Event,
    ) -> None:
        self.reader, self.writer = streams
        self.request, self.seen, self.begun = request, seen, begun

    async def say(self, *pieces: bytes, pause: float = 0) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if pause:
                await asyncio.sleep(pause)

    async def drip(self, value: bytes) -> None:
        """A byte a second, and the last one for ever."""
        await self.say(*(bytes([byte]) for byte in value), pause=1)
        await self.listen()

    async def listen(self) -> None:
        """Until the node closes. What it says is counted."""
        while True:
            header = await self.reader.readexactly(6)
            kind, length = struct.unpack(">BxI", header)
            await self.reader.readexactly(length)
            if kind == ABORT:
                self.seen["aborted"] += 1

    async def associate(self) -> bool:
        await self.say(self.request)
        kind, length = struct.unpack(">BxI", await self.reader.readexactly(6))
        body = await self.reader.readexactly(length)
        self.begun.set()
        if kind == ASSOCIATE_RJ:
            self.seen["rejected " + " ".join(str(number) for number in body[1:4])] += 1
        self.seen["associated"] += kind == ASSOCIATE_AC
        return kind == ASSOCIATE_AC


def trusting() -> ssl.SSLContext:
    """These peers do not care whom they talk to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        trusting().wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


Behaviour = Callable[[Connection], Awaitable[None]]


async def silent(peer: Connection) -> None:
    await peer.listen()


async def half_a_request(peer: Connection) -> None:
    await peer.say(peer.request[: len(peer.request) // 2])
    await peer.listen()


async def dripped_request(peer: Connection) -> None:
    await peer.drip(peer.request)


async def silent_after_association(peer: Connection) -> None:
    if await peer.associate():
        await peer.listen()


async def silent_in_a_value(peer: Connection) -> None:
    if await peer.associate():
        await peer.say(store_command(), data(0, bytes(5000))[:3000])
        await peer.listen()


async def dripped_data(peer: Connection) -> None:
    if await peer.associate():
        await peer.say(store_command())
        # Each a whole PDU with one byte of the data set in it.
        await peer.say(*(data(0, b"\0") for _ in range(600)), pause=1)


async def half_closed(peer: Connection) -> None:
    if await peer.associate():
        peer.writer.write_eof()
        await peer.listen()


async def garbage(peer: Connection) -> None:
    await peer.say(os.urandom(4000).replace(b"\1", b"\2"))
    await peer.listen()


async def huge_length(peer: Connection) -> None:
    if await peer.associate():
        await peer.say(struct.pack(">BxI", P_DATA, 0xFFFFFFFF) + bytes(10000))
        await peer.listen()


async def wrong_length(peer: Connection) -> None:
    await peer.say(peer.request[:2] + struct.pack(">I", len(peer.request) - 7) + peer.request[6:])
    await peer.listen()


async def release_collision(peer: Connection) -> None:
    if await peer.associate():
        await peer.say(pdu(RELEASE_RQ, bytes(4)), pdu(RELEASE_RP, bytes(4)), pdu(RELEASE_RQ, bytes(4)))
        await peer.listen()


async def flood(peer: Connection) -> None:
    """Gone as soon as it came."""


async def silent_after_client_hello(peer: Connection) -> None:
    await peer.say(client_hello())
    await peer.listen()


async def half_a_client_hello(peer: Connection) -> None:
    hello = client_hello()
    await peer.say(hello[: len(hello) // 2])
    await peer.listen()


async def dripped_client_hello(peer: Connection) -> None:
    await peer.drip(client_hello())


BEHAVIOURS: list[Behaviour] = [
    silent,
    half_a_request,
    dripped_request,
    silent_after_association,
    silent_in_a_value,
    dripped_data,
    half_closed,
    garbage,
    huge_length,
    wrong_length,
    release_collision,
    flood,
]
ASSOCIATING = {
    silent_after_association,
    silent_in_a_value,
    dripped_data,
    half_closed,
    huge_length,
    release_collision,
}


# On the port for TLS, without and with it.
RAW: list[Behaviour] = [
    silent,
    half_a_client_hello,
    silent_after_client_hello,
    dripped_client_hello,
    half_a_request,
    garbage,
    flood,
]
OVER_TLS: list[Behaviour] = [
    silent,
    half_a_request,
    dripped_request,
    silent_after_association,
    silent_in_a_value,
    dripped_data,
    wrong_length,
    release_collision,
]


def kinds(args: argparse.Namespace) -> dict[str, Behaviour]:
    all_of_them = {behave.__name__: behave for behave in BEHAVIOURS}
    if args.tls_port:
        all_of_them |= {"raw:" + behave.__name__: behave for behave in RAW}
        all_of_them |= {"tls:" + behave.__name__: behave for behave in OVER_TLS}
    return {name: behave for name, behave in all_of_them.items() if args.only in (None, name)}


async def one_peer(
    kind: str, behave: Behaviour, seen: Counter[str], args: argparse.Namespace, begun: asyncio.Event
) -> None:
    request = associate_request(args.called, args.calling)
    security = trusting() if kind.startswith("tls:") else None
    port = args.tls_port if ":" in kind else args.port
    while True:
        try:
            streams = await asyncio.open_connection("127.0.0.1", port, local_addr=(args.address, 0), ssl=security)
        except ConnectionError:
            if not security:
                raise
            seen["closed by the node"] += 1  # evicted in the middle of the handshake
            continue
        seen["connections"] += 1
        seen["standing"] += 1
        if behave not in ASSOCIATING:
            begun.set()
        try:
            await behave(Connection(streams, request, seen, begun))
        except (asyncio.IncompleteReadError, ConnectionError):
            seen["closed by the node"] += 1
        seen["standing"] -= 1
        streams[1].transport.abort()
        await asyncio.sleep(0.02 if behave is flood else 0.5)


async def all_peers(args: argparse.Namespace) -> dict[str, Counter[str]]:
    behaviours = kinds(args)
    seen: dict[str, Counter[str]] = {kind: Counter() for kind in behaviours}
    begun = [asyncio.Event() for _ in range(args.peers)]
    tasks = []
    for number in range(args.peers):
        kind, behave = list(behaviours.items())[number % len(behaviours)]
        tasks.append(asyncio.create_task(one_peer(kind, behave, seen[kind], args, begun[number])))
    ready = asyncio.gather(*(event.wait() for event in begun))
    done, _ = await asyncio.wait([ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()  # a peer's own mistake ends the program
    if args.ready:
        args.ready.touch()
    await asyncio.wait(tasks, timeout=args.seconds, return_when=asyncio.FIRST_COMPLETED)
    standing = {name: Counter(counts) for name, counts in seen.items()}
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)
    return standing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--tls-port", type=int)
    parser.add_argument("--peers", type=int, default=200)
    parser.add_argument("--calling", default="HOSTILE")
    parser.add_argument("--called", default="OVERREAD")
    parser.add_argument("--address", default="127.0.0.2")
    parser.add_argument("--ready", type=Path)
    parser.add_argument("--only", metavar="KIND")
    print(json.dumps(asyncio.run(all_peers(parser.parse_args()))))


main()
