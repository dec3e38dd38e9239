"""pynetdicom as the peers of storage commitment; prints lines of JSON.

usage: commitment.py ask PORT TRANSACTION CLASS:INSTANCE... [--calling AE]
       commitment.py listen PORT [--refuse-first N]
       commitment.py archive PORT LIE CLASS:INSTANCE...

ask      sends N-ACTION and prints {"status": "0000"}
listen   takes N-EVENT-REPORTs on associations of others, in the role of SCU, and prints each: {"event": 1,
         "transaction": UID, "keeper": AE, "role": [as SCU, as SCP], "committed": [UID],
         "failed": {UID: "0112"}}. The first N get 0110.
archive  answers C-FIND by a lie about the instances:
           others        names instances that nobody asked about
           other-series  names them in another series
           other-class   names them with another SOP class
           nothing       Success, and no match
           failure       C001, after having named them
         and prints {"level": "IMAGE"} for each query.

listen and archive print {"ready": true} first.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
)

MR = "1.2.840.10008.5.1.4.1.1.4"


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def reference(pair: str) -> Dataset:
    sop_class, instance = pair.split(":")
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = instance
    return item


def serve(entity: AE, port: int, handler: Any) -> None:
    entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[handler])
    say({"ready": True})
    threading.Event().wait()


class Sink:
    """Takes reports."""

    def __init__(self, refuse_first: int) -> None:
        self.left = refuse_first

    def take(self, event: Any) -> tuple[int, None]:
        if self.left > 0:
            self.left -= 1
            return 0x0110, None
        info = event.event_information
        context = event.assoc.accepted_contexts[0]
        say(
            {
                "event": event.event_type,
                "transaction": str(info.TransactionUID),
                "keeper": str(info.get("RetrieveAETitle", "")),
                "role": [context.as_scu, context.as_scp],
                "committed": [str(i.ReferencedSOPInstanceUID) for i in info.get("ReferencedSOPSequence", [])],
                "failed": {
                    str(i.ReferencedSOPInstanceUID): f"{i.FailureReason:04X}" for i in info.get("FailedSOPSequence", [])
                },
            }
        )
        return 0x0000, None


def ask(args: argparse.Namespace) -> None:
    entity = AE(ae_title=args.calling)
    entity.add_requested_context(StorageCommitmentPushModel)
    association = entity.associate("127.0.0.1", args.port, ae_title="OVERREAD")
    if not association.is_established:
        say({"status": None, "why": "rejected" if association.is_rejected else "no context"})
        return
    request = Dataset()
    request.TransactionUID = args.transaction
    request.ReferencedSOPSequence = [reference(pair) for pair in args.instances]
    status, _ = association.send_n_action(request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
    say({"status": f"{status.Status:04X}" if "Status" in status else None})
    association.release()


def listen(args: argparse.Namespace) -> None:
    entity = AE(ae_title="MODALITY")
    # The other side is SCP on the association that it opens.
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    sink = Sink(args.refuse_first)
    serve(entity, args.port, (evt.EVT_N_EVENT_REPORT, sink.take))


class Archive:
    """Lies."""

    def __init__(self, lie: str, pairs: list[str]) -> None:
        self.lie = lie
        self.pairs = [pair.split(":") for pair in pairs]

    def answer(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        say({"level": query.QueryRetrieveLevel})
        for sop_class, instance in [] if self.lie == "nothing" else self.pairs:
            match = Dataset()
            match.QueryRetrieveLevel = "IMAGE"
            match.StudyInstanceUID = query.StudyInstanceUID
            match.SeriesInstanceUID = generate_uid() if self.lie == "other-series" else query.SeriesInstanceUID
            match.SOPInstanceUID = generate_uid() if self.lie == "others" else UID(instance)
            match.SOPClassUID = MR if self.lie == "other-class" else sop_class
            yield 0xFF00, match
        if self.lie == "failure":
            yield 0xC001, None


def archive(args: argparse.Namespace) -> None:
    entity = AE(ae_title="PACS")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    liar = Archive(args.lie, args.instances)
    serve(entity, args.port, (evt.EVT_C_FIND, liar.answer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(required=True)
    mode = modes.add_parser("ask")
    mode.set_defaults(run=ask)
    mode.add_argument("port", type=int)
    mode.add_argument("transaction")
    mode.add_argument("instances", nargs="+")
    mode.add_argument("--calling", default="MODALITY")
    mode = modes.add_parser("listen")
    mode.set_defaults(run=listen)
    mode.add_argument("port", type=int)
    mode.add_argument("--refuse-first", type=int, default=0)
    mode = modes.add_parser("archive")
    mode.set_defaults(run=archive)
    mode.add_argument("port", type=int)
    mode.add_argument("lie")
    mode.add_argument("instances", nargs="+")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
