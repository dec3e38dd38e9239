"""Reads a TID 1500 report with highdicom, a reader independent of ours, and prints what it finds as JSON."""

import argparse
import json
import sys
from typing import Any

import highdicom as hd
from highdicom.sr import srread

PROBABILITY = ("122157", "DCM")
PRESENT = {"52101004": True, "272519000": False}


def code(concept: Any) -> dict[str, str]:
    """A coded concept as plain values."""
    return {"value": concept.value, "scheme": concept.scheme_designator, "meaning": concept.meaning}


def numbers(group: Any) -> list[dict[str, Any]]:
    """The group's NUM items."""
    return [
        {"concept": code(item.name), "value": float(item.value), "unit": item.unit.value}
        for item in group.get_measurements()
    ]


def common(group: Any) -> dict[str, Any]:
    """What image-level and planar groups share."""
    finding = group.finding_type
    sites = [
        {
            "site": code(site.value),
            "laterality": code(site.laterality) if site.laterality is not None else None,
        }
        for site in group.finding_sites
    ]
    return {
        "tracking_identifier": group.tracking_identifier,
        "tracking_uid": str(group.tracking_uid),
        "finding": code(finding) if finding is not None else None,
        "sites": sites,
        "numbers": numbers(group),
        "evaluations": [{"concept": code(item.name), "value": code(item.value)} for item in qualitative(group)],
    }


def qualitative(group: Any) -> list[Any]:
    """The group's CODE items that are not its header."""
    evaluations: list[Any] = list(group.get_qualitative_evaluations())
    return evaluations


def regions(group: Any) -> dict[str, Any]:
    """A planar group's outline and the image it lies on."""
    roi = group.roi
    return {
        "graphic_type": roi.graphic_type.value,
        "points": [[float(value) for value in point] for point in roi.value],
        "image": [str(item.referenced_sop_instance_uid) for item in roi.ContentSequence],
    }


def main() -> int:
    """Reads the file that is named and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    report = srread(parser.parse_args().file)
    content = report.content
    assert isinstance(content, hd.sr.MeasurementReport)
    image_groups = content.get_image_measurement_groups()
    planar_groups = content.get_planar_roi_measurement_groups()
    json.dump(
        {
            "sop_class": str(report.SOPClassUID),
            "patient_name": str(report.PatientName),
            "patient_id": str(report.PatientID),
            "completion": str(report.CompletionFlag),
            "image_level": [common(group) for group in image_groups],
            "planar": [{**common(group), **regions(group)} for group in planar_groups],
        },
        sys.stdout,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
