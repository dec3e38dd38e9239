#!/usr/bin/env bash
# De-identification beside other programs, each on one core. Quiet machine, please.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The Python peers have an environment of their own; its stamp is the requirements file itself.
peers=${OVERREAD_BENCH_PEERS:-.deps/bench}
if ! cmp -s Benchmarks/requirements.txt "$peers/requirements.txt"; then
    rm -rf "$peers"
    python3 -m venv "$peers"
    "$peers/bin/python" -m pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt
    cp Benchmarks/requirements.txt "$peers/requirements.txt"
fi

swift build -c release --package-path Benchmarks --product benchmark
exec Benchmarks/.build/release/benchmark deidentify --overread .build/release/overread --peers "$peers/bin" "$@"
