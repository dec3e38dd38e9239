"""Prints what a node's database holds of sealed identity, as hexadecimal strings in JSON: keys, ciphertexts, indexes.

usage: vault_rows.py DATABASE
"""

from __future__ import annotations

import json
import sqlite3
import sys


def main() -> None:
    database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    blobs: list[bytes] = []
    for sql in (
        "SELECT encapsulated_key FROM sealed_identity",
        "SELECT ciphertext FROM sealed_identity",
        "SELECT digest FROM identity_index",
        "SELECT patient_index FROM pseudonym",
    ):
        blobs += [row[0] for row in database.execute(sql)]
    print(json.dumps([blob.hex() for blob in blobs]))


if __name__ == "__main__":
    main()
