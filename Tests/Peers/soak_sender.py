"""Sends varied objects without end to a node that is killed again and again, and writes down what was acknowledged.

usage: soak_sender.py PORT SOURCES ACKNOWLEDGED STOP [--seed N]

SOURCES is a folder of images in any transfer syntax. Each is sent as new instances, a few to a study; now and then one
is sent again unchanged, answered before or not. The SOP Instance UID of each that is answered with Success becomes a
line of ACKNOWLEDGED, before the next is sent. Ends when the file STOP is there.
"""

from __future__ import annotations

import argparse
import random
import struct
import time
from io import BytesIO
from pathlib import Path

from pdu import Peer
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

PAUSE = 0.15


class Objects:
    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance = chance
        self.sources = [dcmread(path) for path in sorted(folder.rglob("*.dcm"))]
        for ds in self.sources:
            ds.decode()
        self.study = str(generate_uid())
        self.patient = 0
        self.sent: list[tuple[str, str, str, bytes]] = []

    def next(self) -> tuple[str, str, str, bytes]:
        """SOP class, instance, transfer syntax and data set."""
        if self.sent and self.chance.random() < 0.15:
            return self.chance.choice(self.sent)
        ds = self.chance.choice(self.sources)
        if self.chance.random() < 0.3:
            self.study = str(generate_uid())
            self.patient += 1
        ds.StudyInstanceUID = self.study
        # The issuer too: a study of two patients would be parked.
        ds.PatientID, ds.PatientName, ds.IssuerOfPatientID = f"SOAK{self.patient}", f"Soak^{self.patient}", "SOAK"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made = (str(ds.SOPClassUID), str(ds.SOPInstanceUID), str(ds.file_meta.TransferSyntaxUID), encoded(ds))
        self.sent = [*self.sent[-40:], made]
        return made


def encoded(ds: Dataset) -> bytes:
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    whole = file.getvalue()
    # 128 bytes preamble, "DICM", then (0002,0000) UL 4 whose value is the length of the rest of the group.
    (length,) = struct.unpack_from("<I", whole, 140)
    return whole[144 + length :]


def send(port: int, made: tuple[str, str, str, bytes]) -> bool:
    """Whether it was acknowledged. An association for each: then there is something to kill at all of its stages."""
    sop_class, instance, syntax, data = made
    try:
        with Peer(port, sop_class, UID(syntax)) as peer:
            acknowledged = peer.store(instance, peer.pieces(data)).status == "0000"
            peer.socket.settimeout(5)
            return acknowledged
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("sources", type=Path)
    parser.add_argument("acknowledged", type=Path)
    parser.add_argument("stop", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    objects = Objects(args.sources, random.Random(args.seed))
    with args.acknowledged.open("a") as file:
        while not args.stop.exists():
            made = objects.next()
            if send(args.port, made):
                file.write(made[1] + "\n")
                file.flush()
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
