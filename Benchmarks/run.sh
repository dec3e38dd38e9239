#!/usr/bin/env bash
# run.sh [ingest|barriers|deidentify|queue]: without a word, ingest beside other receivers, the node's own time for an image, and
# its memory. Quiet machine, please.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ ${1:-} == queue ]]; then
    swift build -c release --package-path Benchmarks --product queue-benchmark
    exec Benchmarks/.build/release/queue-benchmark "${@:2}"
fi
swift build -c release --package-path Benchmarks --product benchmark
part=()
case ${1:-} in [a-z]*) part=("$1"); shift ;; esac
exec Benchmarks/.build/release/benchmark "${part[@]}" --overread .build/release/overread --models Models "$@"
