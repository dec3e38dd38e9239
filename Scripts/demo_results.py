"""Waits until Orthanc holds the node's results in every study that it holds; downloads them.

usage: demo_results.py ORTHANC_URL QUEUE_LOG FOLDER

What Orthanc holds at the start is what was sent. A study's results are a Structured Report, and Secondary Captures as
soon as the report calls a finding present. Prints the node's queue log meanwhile. Exit status 1 when the results are
not there in time or are in another study.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

PATIENCE = 170.0
REPORTS = {"1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.33"}
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
PRESENT = "52101004"


class Orthanc:
    def __init__(self, url: str) -> None:
        self.url = url

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read()

    def studies(self) -> dict[str, list[dict[str, Any]]]:
        """Instances by Study Instance UID."""
        studies: dict[str, list[dict[str, Any]]] = {}
        for identifier in json.loads(self.read("/instances")):
            tags = json.loads(self.read(f"/instances/{identifier}/simplified-tags"))
            studies.setdefault(tags["StudyInstanceUID"], []).append(tags | {"identifier": identifier})
        return studies


def says_present(content: Any) -> bool:
    """Whether a content tree holds the value (52101004, SCT, "Present")."""
    if isinstance(content, dict):
        return content.get("CodeValue") == PRESENT or any(says_present(value) for value in content.values())
    return isinstance(content, list) and any(says_present(value) for value in content)


def complete(results: list[dict[str, Any]]) -> bool:
    reports = [i for i in results if i["SOPClassUID"] in REPORTS]
    captures = [i for i in results if i["SOPClassUID"] == CAPTURE]
    return bool(reports) and (bool(captures) or not any(says_present(r.get("ContentSequence")) for r in reports))


class QueueLog:
    """The node's own account, printed as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = 0
        self.opened: set[str] = set()
        self.delivered: set[str] = set()

    def show(self) -> None:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        for line in lines[self.seen :]:
            event = json.loads(line)
            if event.get("event") == "study-opened":
                self.opened.add(event["study"])
            elif event.get("event") == "study-delivered":
                self.delivered.add(event["study"])
            fields = " ".join(f"{key}={value}" for key, value in event.items() if key not in ("time", "seq", "event"))
            print(f"  {event.get('event', ''):20} {fields}", flush=True)
        self.seen = len(lines)


def results_of(study: list[dict[str, Any]], sent: set[str]) -> list[dict[str, Any]]:
    return [instance for instance in study if instance["SOPInstanceUID"] not in sent]


def main() -> int:
    orthanc, log, folder = Orthanc(sys.argv[1]), QueueLog(Path(sys.argv[2])), Path(sys.argv[3])
    first = orthanc.studies()
    sent = {instance["SOPInstanceUID"] for study in first.values() for instance in study}
    begin = time.monotonic()
    while True:
        log.show()
        studies = orthanc.studies()
        if set(studies) - set(first):
            print("demo: a result was filed in a study of its own", file=sys.stderr)
            return 1
        # The node is done, and what it says is there is looked for in the PACS itself.
        done = bool(log.opened) and log.opened <= log.delivered
        if done and studies and all(complete(results_of(study, sent)) for study in studies.values()):
            break
        if time.monotonic() - begin > PATIENCE:
            print(f"demo: not within {PATIENCE:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.5)
    log.show()
    print(f"demo: results {time.monotonic() - begin:.1f} s after the study was sent")
    reports = captures = 0
    for result in (result for study in studies.values() for result in results_of(study, sent)):
        file = orthanc.read(f"/instances/{result['identifier']}/file")
        if result["SOPClassUID"] in REPORTS:
            reports += 1
            (folder / f"report-{reports}.dcm").write_bytes(file)
        elif result["SOPClassUID"] == CAPTURE:
            captures += 1
            (folder / f"heatmap-{captures}.dcm").write_bytes(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
