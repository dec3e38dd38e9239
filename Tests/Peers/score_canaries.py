"""Searches files for every canary, in every form that it could have taken; prints what it found as JSON.

usage: score_canaries.py KEY PATH...

Texts, identifiers and UIDs: as they are, without case, backwards, with zero bytes between (UTF-16, either order), in
base64 at each of the three alignments. Dates, times and numbers: wherever their digits stand alone. Names: in each of
the character sets that they could have been written in. Names of files and folders are searched as well.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
from pathlib import Path
from typing import Any

from canary_charsets import CODECS
from canary_values import IDENTITY, UID_ROOT

DIGITS = re.compile(rb"(?<![0-9.])[0-9]{8,16}(?:\.[0-9]{6})?(?![0-9])|(?<![0-9.])[0-9]{6}\.[0-9]{6}")


def base64_forms(marker: bytes) -> dict[bytes, str]:
    """What base64 makes of the marker whatever stands around it."""
    forms = {}
    for shift in range(3):
        code = base64.b64encode(b"\0" * shift + marker).rstrip(b"=")
        # Characters that also depend on the bytes before or after are left out.
        begin = (0, 2, 3)[shift]
        end = len(code) - (1 if (shift + len(marker)) % 3 else 0)
        forms[code[begin:end]] = f"base64+{shift}"
    return forms


class Scorer:
    def __init__(self, key: dict[str, Any]) -> None:
        self.identity: dict[str, str] = key["identity"]
        self.digits = {text for text in self.identity if text[0].isdigit() and not text.startswith(UID_ROOT)}
        self.names: dict[str, Any] = key["names"]
        self.found: list[dict[str, str]] = []
        self.searched = 0
        self.bytes = 0
        self.name_forms: dict[bytes, tuple[str, str]] = {}
        for part in self.names:
            for text in {part, part.upper(), part.lower(), part[::-1]}:
                for codec in CODECS:
                    try:
                        form = text.encode(codec)
                    except UnicodeEncodeError:
                        continue
                    # Without the escape sequences around it, so that a longer run is found as well.
                    form = form.removeprefix(b"\x1b$B").removeprefix(b"\x1b$(D").removesuffix(b"\x1b(B")
                    if len(form) >= 4:
                        self.name_forms.setdefault(form, (part, codec))

    def note(self, canary: str, form: str, where: str) -> None:
        attribute = self.identity.get(canary) or self.names.get(canary, {}).get("where", "?")
        self.found.append({"canary": canary, "attribute": attribute, "form": form, "file": where})

    def search(self, data: bytes, where: str) -> None:
        self.searched += 1
        self.bytes += len(data)
        for form, text in [("as it is", data), ("UTF-16", data.replace(b"\0", b""))]:
            self.markers(text, form, where)
            self.numbers(text, form, where)
        for code, form in base64_forms(IDENTITY.encode()).items() | base64_forms(UID_ROOT.encode()).items():
            if code in data:
                self.note(code.decode(), form, where)
        for form, (part, codec) in self.name_forms.items():
            if form in data:
                self.note(part, codec, where)

    def markers(self, data: bytes, form: str, where: str) -> None:
        folded = data.upper()
        for match in re.finditer(re.escape(IDENTITY.encode()) + rb"[A-Z2-7]{0,5}", folded):
            self.note(match.group().decode(), form, where)
        if IDENTITY.encode()[::-1] in folded:
            self.note(IDENTITY, f"{form}, backwards", where)
        for match in re.finditer(re.escape(UID_ROOT.encode()) + rb"\.?[0-9]*", data):
            self.note(match.group().decode(), form, where)
        if UID_ROOT.encode()[::-1] in data:
            self.note(UID_ROOT, f"{form}, backwards", where)

    def numbers(self, data: bytes, form: str, where: str) -> None:
        for match in DIGITS.finditer(data):
            text = match.group().decode()
            # A byte of the next element's tag may be a digit as well; a run as long as a UID's is none of a date.
            windows = {text}
            if len(text) <= 10:
                windows |= {text[i : i + 8] for i in range(len(text) - 7)}
            for window in windows:
                if window in self.digits:
                    self.note(window, form, where)
                if window[::-1] in self.digits:
                    self.note(window[::-1], f"{form}, backwards", where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key", type=Path)
    parser.add_argument("paths", type=Path, nargs="+")
    args = parser.parse_args()
    scorer = Scorer(json.loads(args.key.read_text()))
    for root in args.paths:
        for path in sorted([root, *root.rglob("*")]):
            if path.is_file():
                scorer.search(path.read_bytes(), path.name)
            if path != root:
                scorer.search(path.name.encode(), f"the name of {path.name}")
    print(
        json.dumps(
            {
                "searched": scorer.searched,
                "bytes": scorer.bytes,
                "found": scorer.found[:100],
                "count": len(scorer.found),
                "distinct": len({hit["canary"] for hit in scorer.found}),
            }
        )
    )


if __name__ == "__main__":
    main()
