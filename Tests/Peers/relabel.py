"""Writes DICOM files again for another patient, with the same UIDs, as a PACS does after a correction; prints JSON.

usage: relabel.py FOLDER FILE... --id ID [--issuer ISSUER] [--name NAME]

{"files": [path...]}
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pydicom import dcmread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--id", required=True)
    parser.add_argument("--issuer", default="")
    parser.add_argument("--name", default="")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    files = []
    for source in args.files:
        ds = dcmread(source)
        ds.PatientID, ds.IssuerOfPatientID, ds.PatientName = args.id, args.issuer, args.name
        path = args.folder.resolve() / source.name
        ds.save_as(path, enforce_file_format=True)
        files.append(str(path))
    print(json.dumps({"files": files}))


if __name__ == "__main__":
    main()
