"""Patient's Name of DICOM files as pydicom decodes it: one JSON list of strings.

usage: read_names.py FILE...
"""

from __future__ import annotations

import json
import sys

from pydicom import dcmread

print(json.dumps([str(dcmread(path, force=True).get("PatientName", "")) for path in sys.argv[1:]]))
