"""A PACS that writes a line of JSON for each object it is sent, and keeps nothing else.

usage: recording_pacs.py PORT FILE

{"instance": UID, "digest": SHA-256 of the data set as it came, "evidence": [SOP Instance UIDs that it refers to]}
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, TextIO

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import Comprehensive3DSRStorage, ComprehensiveSRStorage, SecondaryCaptureImageStorage


def evidence(ds: Dataset) -> list[str]:
    return [
        str(instance.ReferencedSOPInstanceUID)
        for study in ds.get("CurrentRequestedProcedureEvidenceSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]


def record(event: Any, file: TextIO) -> int:
    line = {
        "instance": str(event.request.AffectedSOPInstanceUID),
        "digest": hashlib.sha256(event.request.DataSet.getvalue()).hexdigest(),
        "evidence": evidence(event.dataset),
    }
    file.write(json.dumps(line) + "\n")
    file.flush()
    return 0x0000


def main() -> None:
    entity = AE(ae_title="PACS")
    for sop_class in (Comprehensive3DSRStorage, ComprehensiveSRStorage, SecondaryCaptureImageStorage):
        entity.add_supported_context(sop_class)
    with Path(sys.argv[2]).open("a") as file:
        entity.start_server(
            ("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_STORE, record, [file])], block=True
        )


if __name__ == "__main__":
    main()
