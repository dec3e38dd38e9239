"""A DICOM peer that writes its own PDUs (PS3.8 9.3): for what no toolkit would send."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

C_STORE_RQ = 0x0001


@dataclass
class Answer:
    """What a C-STORE was answered with."""

    status: str
    comment: str


class Peer:
    """An association with one presentation context."""

    def __init__(self, port: int, sop_class: str, syntax: str, calling: str = "MODALITY", called: str = "OVERREAD"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.sop_class = sop_class
        context = item(0x20, b"\x01\x00\x00\x00" + item(0x30, sop_class.encode()) + item(0x40, syntax.encode()))
        user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"2.25.1"))
        body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode() + bytes(32)
        body += item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
        self.send_pdu(1, body)
        kind, answer = self.receive_pdu()
        # The result of the one presentation context: its item's fifth byte after the identifier.
        accepted = kind == 2 and answer[answer.index(b"\x21\x00", 68) + 6] == 0
        if not accepted:
            raise ConnectionError(f"the presentation context was not accepted (PDU {kind})")
        at = answer.index(b"\x51\x00\x00\x04")
        self.longest = int(struct.unpack_from(">I", answer, at + 4)[0]) or 16384

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send_pdu(self, kind: int, body: bytes) -> None:
        self.socket.sendall(struct.pack(">BxI", kind, len(body)) + body)

    def receive_pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self.exactly(6))
        return kind, self.exactly(length)

    def exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            part = self.socket.recv(count - len(parts))
            if not part:
                raise ConnectionError("closed")
            parts += part
        return parts

    def send_fragment(self, data: bytes, flags: int) -> None:
        self.socket.sendall(struct.pack(">BxIIBB", 4, len(data) + 6, len(data) + 2, 1, flags) + data)

    def store(self, instance: str, data: Iterable[bytes] | None, **changes: str | int) -> Answer:
        """Sends a C-STORE-RQ and the pieces of a data set, each at most `longest` - 6 bytes; None: no data set."""
        self.send_fragment(command(self.sop_class, instance, data is not None, changes), 3)
        pending = None
        for piece in data or []:
            if pending is not None:
                self.send_fragment(pending, 0)
            pending = piece
        if data is not None:
            self.send_fragment(pending or b"", 2)
        return self.answer()

    def pieces(self, data: bytes) -> Iterable[bytes]:
        size = self.longest - 6
        return (data[at : at + size] for at in range(0, len(data), size))

    def answer(self) -> Answer:
        kind, body = self.receive_pdu()
        if kind != 4:
            raise ConnectionError(f"PDU {kind} instead of an answer")
        fields = elements(body[6:])
        comment = fields.get(0x0902, b"").decode().strip("\0 ")
        return Answer(f"{struct.unpack('<H', fields[0x0900])[0]:04X}", comment)

    def release(self) -> None:
        self.send_pdu(5, bytes(4))
        self.receive_pdu()


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def text(value: str) -> bytes:
    return value.encode() + b"\0" * (len(value) % 2)


def command(sop_class: str, instance: str, has_data: bool, changes: dict[str, str | int]) -> bytes:
    """A command set; `changes` are affected_class, affected_instance and field (the Command Field)."""

    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(value)) + value

    body = element(0x0002, text(str(changes.get("affected_class", sop_class))))
    body += element(0x0100, struct.pack("<H", int(changes.get("field", C_STORE_RQ))))
    body += element(0x0110, struct.pack("<H", 1)) + element(0x0700, struct.pack("<H", 0))
    body += element(0x0800, struct.pack("<H", 0 if has_data else 0x0101))
    body += element(0x1000, text(str(changes.get("affected_instance", instance))))
    return element(0x0000, struct.pack("<I", len(body))) + body


def elements(data: bytes) -> dict[int, bytes]:
    """Of a command set, by element number."""
    found, at = {}, 0
    while at + 8 <= len(data):
        _, number, length = struct.unpack_from("<HHI", data, at)
        found[number] = data[at + 8 : at + 8 + length]
        at += 8 + length
    return found
