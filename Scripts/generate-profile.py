#!/usr/bin/env python3
"""Write the Swift tables of Sources/DeIdentification/Profile from the CSV tables beside them.

Run from anywhere: Scripts/generate-profile.py. Nothing but the standard library is needed.
"""

import csv
import re
from pathlib import Path

PROFILE = Path(__file__).resolve().parent.parent / "Sources" / "DeIdentification" / "Profile"
EDITION = "2026d"
# The edition of the tables that the options need.
OPTIONS_EDITION = "2026c"
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
    """The option columns of a row as one number; table E.3.4-1 has not all of them."""
    bits = sum(CODES[row.get(name, "")] << (2 * index) for index, name in enumerate(OPTIONS))
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


def head(source: str, table: str) -> list[str]:
    """The first lines of a generated file."""
    return [
        f"// Written by Scripts/generate-profile.py from Tables/{source}. Not to be edited.",
        f"// DICOM {table}, © NEMA: facts only.",
        "// swift-format-ignore-file",
        "",
    ]


def safe_private(rows: list[dict[str, str]]) -> str:
    """SafePrivate<edition>.generated.swift."""
    lines = head(f"ps315_e3_10_1_{OPTIONS_EDITION}.csv", f"PS3.15 {OPTIONS_EDITION}: Table E.3.10-1")
    lines += [
        f"/// Table E.3.10-1 of PS3.15, edition {OPTIONS_EDITION}.",
        f"enum SafePrivate{OPTIONS_EDITION} {{",
        "    static let rows: [SafePrivateRow] = [",
    ]
    for row in rows:
        match = re.fullmatch(r"\(([0-9A-F]{4}),xx([0-9A-Fa-f]{2})\)", row["tag"])
        if not match:
            raise ValueError(f"a private tag that this generator does not know: {row['tag']}")
        creator = row["private_creator"].strip()
        group, element = match[1], match[2].upper()
        lines.append(f'        SafePrivateRow(0x{group}, 0x{element}, "{creator}", "{row["vr"]}"),')
    return "\n".join([*lines, "    ]", "}", ""])


def content_items(rows: list[dict[str, str]], equivalents: list[dict[str, str]]) -> str:
    """StructuredContent<edition>.generated.swift: with SRT codes where a concept has one."""
    srt = {row["sct"]: row["srt"] for row in equivalents}
    lines = head(
        f"ps315_e3_4_1_{OPTIONS_EDITION}.csv and ps316_srt_equivalents.csv",
        f"PS3.15 {OPTIONS_EDITION}: Table E.3.4-1",
    )
    lines += [
        f"/// Table E.3.4-1 of PS3.15, edition {OPTIONS_EDITION}.",
        f"enum StructuredContent{OPTIONS_EDITION} {{",
        "    static let rows: [ContentItemRow] = [",
    ]
    for row in rows:
        # "NCDR [2.0b]" is the designator NCDR with a version.
        scheme = row["scheme"].split(" ")[0]
        end = f'"{row["value_type"]}", .{ACTIONS[row["basic_prof"]]}, {options(row)}),'
        lines.append(f'        ContentItemRow("{row["code_value"]}", "{scheme}", {end}')
        if scheme == "SCT":
            lines.append(f'        ContentItemRow("{srt[row["code_value"]]}", "SRT", {end}')
    return "\n".join([*lines, "    ]", "}", ""])


def method_codes(rows: list[dict[str, str]]) -> str:
    """DeIdentificationMethods<edition>.generated.swift."""
    lines = head(f"cid_7050_{EDITION}.csv", f"PS3.16 {EDITION}: CID 7050")
    lines += [
        f"/// CID 7050 of PS3.16, edition {EDITION}.",
        f"enum DeIdentificationMethods{EDITION} {{",
        "    static let codes: [DeIdentificationMethodCode] = [",
    ]
    for row in rows:
        if row["scheme"] != "DCM":
            raise ValueError(f"a code of another scheme: {row['code']}")
        lines.append(f'        DeIdentificationMethodCode("{row["code"]}", "{row["meaning"]}"),')
    return "\n".join([*lines, "    ]", "}", ""])


def read(name: str) -> list[dict[str, str]]:
    """The rows of a table of facts."""
    with (PROFILE / "Tables" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(name: str, text: str) -> None:
    """A generated file."""
    (PROFILE / f"{name}.generated.swift").write_text(text, encoding="utf-8")


def main() -> None:
    """Write all files."""
    write(f"BasicProfile{EDITION}", profile(read(f"ps315_e1_1_{EDITION}.csv")))
    write("RegisteredUIDs", uids(read("ps36_a_uids.csv")))
    write(f"SafePrivate{OPTIONS_EDITION}", safe_private(read(f"ps315_e3_10_1_{OPTIONS_EDITION}.csv")))
    content = read(f"ps315_e3_4_1_{OPTIONS_EDITION}.csv")
    write(f"StructuredContent{OPTIONS_EDITION}", content_items(content, read("ps316_srt_equivalents.csv")))
    write(f"DeIdentificationMethods{EDITION}", method_codes(read(f"cid_7050_{EDITION}.csv")))


if __name__ == "__main__":
    main()
