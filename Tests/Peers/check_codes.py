"""Looks coded triples up in pydicom's dictionaries of PS3.16. Reads lines of value, scheme, meaning with tabs between
from a file; prints a line for each that is not there or means something else, and exits 1 if there was one."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from pydicom.sr._concepts_dict import concepts

# Meanings of PS3.16 that pydicom, which takes names from its context group tables, spells otherwise.
SYNONYMS = {
    ("276214006", "SCT"): "finding category",
    ("51440002", "SCT"): "right and left",
    ("121058", "DCM"): "procedure reported",
}
MISSING_BY_DESIGN = {"RFC5646"}


def plain(meaning: str) -> str:
    """Without the semantic tag in brackets, and in lower case."""
    return re.sub(r"\s*\([^)]*\)$", "", meaning).strip().lower()


def main() -> int:
    """Checks the file that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    tables: dict[str, Any] = concepts
    known: dict[tuple[str, str], set[str]] = {}
    for scheme, by_keyword in tables.items():
        for by_value in by_keyword.values():
            for value, (meaning, _) in by_value.items():
                known.setdefault((value, scheme), set()).add(plain(meaning))
    bad = 0
    for line in parser.parse_args().file.read_text("utf-8").splitlines():
        value, scheme, meaning = line.split("\t")
        if scheme in MISSING_BY_DESIGN:
            continue
        meanings = known.get((value, scheme), set())
        if (value, scheme) in SYNONYMS and meanings:
            meanings = meanings | {SYNONYMS[value, scheme]}
        if plain(meaning) not in meanings:
            print(f"{value} {scheme} {meaning!r}: {sorted(meanings) or 'unknown'}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
