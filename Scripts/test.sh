#!/usr/bin/env bash
# Lint, build and every test, with a summary at the end. Needs Scripts/setup.sh to have run.
# OVERREAD_REQUIRE_PEERS=1 (set by .ci/run) makes a test that would be skipped for a missing peer fail.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

logs=.build/test-logs
mkdir -p "$logs"
summary=()
failed=0
begin=$SECONDS

# step NAME COMMAND...: runs it, keeps its output, notes how it went.
step() {
    local name=$1 start=$SECONDS status=0 log
    shift
    log="$logs/${name// /-}.log"
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log" | grep -vE 'started\.$|^\[[0-9]+/[0-9]+\]|^◇|Test .* (started|passed)|Suite .* (started|passed)'
    # Nothing may stand between the pipeline and this line: an `|| true` there would be what it tells of.
    status=${PIPESTATUS[0]}
    if ((status == 0)); then
        summary+=("passed  $name ($((SECONDS - start)) s)")
    else
        summary+=("FAILED  $name ($((SECONDS - start)) s; all of its output: $log)")
        failed=1
    fi
    return "$status"
}

step lint Scripts/lint.sh
if step build swift build --build-tests; then
    if [[ -x Tests/ShimTests/run.sh ]]; then
        step "shim tests under the sanitizers" Tests/ShimTests/run.sh
    fi
    # Long enough to see that it is built and runs; `make fuzz` is for finding.
    step "fuzzer of associations, ten seconds" Fuzz/association.sh 10
    step "unit and conformance tests" swift test --skip-build --skip 'IntegrationTests|DICOMNetworkTests'
    # Apart, because they start processes and watch the clock, and there may be two cores only.
    step "network tests" swift test --skip-build --filter DICOMNetworkTests
    step "integration tests" swift test --skip-build --filter IntegrationTests
fi

printf '\n== summary, after %d s\n' $((SECONDS - begin))
printf '  %s\n' "${summary[@]}"
cat "$logs"/*tests.log 2>/dev/null | grep -E 'Test run with [0-9]+ test' | sed 's/^[^T]*/  /'
skipped=$(cat "$logs"/*tests.log 2>/dev/null | grep -aE ' skipped' | sed 's/^[^A-Za-z]*/    /' | sort -u)
if [[ -n $skipped ]]; then
    printf '  skipped:\n%s\n' "$skipped"
fi
exit "$failed"
