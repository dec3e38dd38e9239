#!/usr/bin/env python3
"""Write the Swift tables of Sources/DeIdentification/Profile from the CSV tables beside them.

Run from anywhere: Scripts/generate-profile.py. Nothing but the standard library is needed.
"""

import csv
import re
from pathlib import Path

PROFILE = Path(__file__).resolve().parent.parent / "Sources" / "DeIdentification" / "Profile"
EDITION = "2026d"
ACTIONS = {
    "X": "x",
    "Z": "z",
    "D": "d",
    "U": "u",
    "X/Z": "xz",
    "X/D": "xd",
    "Z/D": "zd",
    "X/Z/D": "xzd",
    "X/Z/U*": "xzu",
}
# The order is that of OptionActions in ProfileRow.swift: two bits a column, K = 1, C = 2.
OPTIONS = [
    "rtn_safe_priv",
    "rtn_uids",
    "rtn_dev_id",
    "rtn_inst_id",
    "rtn_pat_chars",
    "rtn_long_full_dates",
    "rtn_long_modif_dates",
    "clean_desc",
    "clean_struct_cont",
    "clean_graph",
]
CODES = {"": 0, "K": 1, "C": 2}
CONCRETE = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)")


def options(row: dict[str, str]) -> str:
    """The option columns of a row as one number."""
    bits = sum(CODES[row[name]] << (2 * index) for index, name in enumerate(OPTIONS))
    return f"0x{bits:05X}"


def pattern(tag: str) -> str | None:
    """The Swift case of a row that stands for many tags; None for a concrete tag."""
    if tag.startswith("(gggg,eeee)"):
        return ".privateGroups"
    if tag == "(50xx,xxxx)":
        return ".curves"
    if match := re.fullmatch(r"\(60xx,([0-9A-F]{4})\)", tag):
        return f".overlays(element: 0x{match[1]})"
    if CONCRETE.fullmatch(tag):
        return None
    raise ValueError(f"a tag pattern that this generator does not know: {tag}")


def profile(rows: list[dict[str, str]]) -> str:
    """BasicProfile<edition>.generated.swift."""
    concrete: list[str] = []
    repeating: list[str] = []
    for row in sorted(rows, key=lambda row: row["tag"]):
        action = ACTIONS[row["basic_prof"]]
        cells = f'"{row["vr"]}", "{row["keyword"]}", .{action}, {options(row)}'
        if case := pattern(row["tag"]):
            repeating.append(f"        PatternRow({case}, .{action}, {options(row)}),")
        else:
            group, element = row["tag"][1:5], row["tag"][6:10]
            concrete.append(f"        ProfileRow(0x{group}_{element}, {cells}),")
    lines = [
        f"// Written by Scripts/generate-profile.py from Tables/ps315_e1_1_{EDITION}.csv. Not to be edited.",
        f"// DICOM PS3.15 {EDITION}, © NEMA: Table E.1-1, facts only.",
        "// swift-format-ignore-file",
        "",
        f"/// Table E.1-1 of PS3.15, edition {EDITION}.",
        f"package enum BasicProfile{EDITION} {{",
        "    /// The edition as it is written into (0012,0063).",
        f'    package static let edition = "{EDITION}"',
        "",
        "    /// The rows of one attribute each, by tag.",
        "    package static let rows: [ProfileRow] = [",
        *concrete,
        "    ]",
        "",
        "    /// The rows that stand for many tags.",
        "    package static let patterns: [PatternRow] = [",
        *repeating,
        "    ]",
        "}",
        "",
    ]
    return "\n".join(lines)


def uids(rows: list[dict[str, str]]) -> str:
    """RegisteredUIDs.generated.swift."""
    lines = [
        "// Written by Scripts/generate-profile.py from Tables/ps36_a_uids.csv. Not to be edited.",
        "// DICOM PS3.6, © NEMA: Tables A-1 and A-2, facts only.",
        "// swift-format-ignore-file",
        "",
        "extension RegisteredUIDs {",
        "    /// The registered values without the root 1.2.840.10008 and its period.",
        "    static let suffixes: Set<String> = [",
    ]
    root = "1.2.840.10008."
    for row in rows:
        if not row["uid"].startswith(root):
            raise ValueError(f"a UID outside DICOM's root: {row['uid']}")
        lines.append(f'        "{row["uid"].removeprefix(root)}",')
    lines += ["    ]", "}", ""]
    return "\n".join(lines)


def read(name: str) -> list[dict[str, str]]:
    """The rows of a table of facts."""
    with (PROFILE / "Tables" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Write both files."""
    target = PROFILE / f"BasicProfile{EDITION}.generated.swift"
    target.write_text(profile(read(f"ps315_e1_1_{EDITION}.csv")), encoding="utf-8")
    (PROFILE / "RegisteredUIDs.generated.swift").write_text(uids(read("ps36_a_uids.csv")), encoding="utf-8")


if __name__ == "__main__":
    main()
