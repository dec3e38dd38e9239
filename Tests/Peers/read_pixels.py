"""Decodes an image with pydicom and prints rows, columns, samples and the SHA-256 of its pixels."""

import argparse
import hashlib
import json
import sys

from pydicom import dcmread


def main() -> int:
    """Reads the file that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    pixels = dcmread(parser.parse_args().file).pixel_array
    json.dump({"shape": list(pixels.shape), "digest": hashlib.sha256(pixels.tobytes()).hexdigest()}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
