"""Reads a Structured Report with highdicom and prints what it says as JSON.

usage: read_sr.py FILE

{"sop_class", "patient_id", "study", "accession", "evidence": [SOP Instance UID...],
 "contributors": [{"manufacturer", "model", "version", "device"}],
 "groups": [{"kind": "image" | "region", "tracking", "tracking_uid", "finding": [value, scheme, meaning] | null,
             "measurements": [{"name": [...], "value", "unit"}], "evaluations": [{"name": [...], "value": [...]}],
             "points": [[x, y]...] | null}]}
"""

from __future__ import annotations

import json
import sys
from typing import Any

import highdicom as hd
from pydicom.dataset import Dataset


def code(concept: Any) -> list[str] | None:
    return None if concept is None else [concept.value, concept.scheme_designator, concept.meaning]


def group(kind: str, measured: Any) -> dict[str, Any]:
    points = None
    if kind == "region" and measured.roi is not None:
        points = measured.roi.value.tolist()
    return {
        "kind": kind,
        "tracking": measured.tracking_identifier,
        "tracking_uid": measured.tracking_uid,
        "finding": code(measured.finding_type),
        "measurements": [
            {"name": code(m.name), "value": float(m.value), "unit": m.unit.value} for m in measured.get_measurements()
        ],
        "evaluations": [
            {"name": code(e.name), "value": code(e.value)} for e in measured.get_qualitative_evaluations()
        ],
        "points": points,
    }


def evidence(report: Dataset) -> list[str]:
    return [
        str(instance.ReferencedSOPInstanceUID)
        for study in report.get("CurrentRequestedProcedureEvidenceSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]


def main() -> None:
    report = hd.sr.srread(sys.argv[1])
    content = report.content
    print(
        json.dumps(
            {
                "sop_class": str(report.SOPClassUID),
                "patient_id": str(report.get("PatientID", "")),
                "study": str(report.StudyInstanceUID),
                "accession": str(report.get("AccessionNumber", "")),
                "evidence": evidence(report),
                "contributors": [
                    {
                        "manufacturer": str(c.get("Manufacturer", "")),
                        "model": str(c.get("ManufacturerModelName", "")),
                        "version": str(c.get("SoftwareVersions", "")),
                        "device": str(c.get("DeviceUID", "")),
                    }
                    for c in report.get("ContributingEquipmentSequence", [])
                ],
                "groups": [group("image", g) for g in content.get_image_measurement_groups()]
                + [group("region", g) for g in content.get_planar_roi_measurement_groups()],
            }
        )
    )


if __name__ == "__main__":
    main()
