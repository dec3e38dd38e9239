"""Prints attributes of DICOM files as JSON: one object a file, keyword to text; a keyword that is absent is left out.

usage: read_attributes.py FILE... --keywords K,K...
"""

from __future__ import annotations

import argparse
import json

from pydicom import dcmread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--keywords", required=True)
    args = parser.parse_args()
    answers = []
    for file in args.files:
        ds = dcmread(file, stop_before_pixels=True)
        answers.append({key: str(ds[key].value) for key in args.keywords.split(",") if key in ds})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
