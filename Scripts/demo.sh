#!/usr/bin/env bash
# The main job, on this machine: Orthanc is the PACS, storescu the modality, and the node gives the study a second look.
#   Scripts/demo.sh [FOLDER]     FOLDER: a study of your own (DICOM files); else RG1_UNCR.dcm of pydicom-data is sent
# Ends 0 only if Orthanc holds the results in the same study. Leaves nothing running; the results stay in .build/demo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly python=.deps/python/bin/python
readonly results=.build/demo
study=${1:-}
PATH=$PATH:/usr/sbin

say() { printf 'demo: %s\n' "$*"; }
fail() {
    printf 'demo: %s\n' "$*" >&2
    [[ -f ${work:-}/node.errors ]] && tail -n 20 "$work/node.errors" >&2
    exit 1
}

say "building (release)"
swift build -c release --product overread 2>&1 | { grep -E 'error|Compiling|Linking|Build' || true; } | tail -n 3

work=$(mktemp -d)
processes=()
clean_up() {
    local process
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    for process in "${processes[@]}"; do wait "$process" 2>/dev/null || true; done
    rm -rf "$work"
}
trap clean_up EXIT

if [[ -n $study ]]; then
    [[ -d $study ]] || fail "there is no folder $study"
    study=$(cd "$study" && pwd)
else
    mkdir "$work/study"
    cp .deps/python/lib/python3.*/site-packages/data_store/data/RG1_UNCR.dcm "$work/study/" ||
        fail "RG1_UNCR.dcm is not there; Scripts/setup.sh installs pydicom-data"
    study=$work/study
fi

# Free ports, held together so that no two are the same.
read -r dicom_port http_port < <("$python" -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')

cat >"$work/AETitles.conf" <<CONFIGURATION
[OVERREAD]
role = self
port = 0

[MODALITY]
role = source
host = 127.0.0.1
quiet = 2s
results = ORTHANC

[ORTHANC]
role = destination
host = 127.0.0.1
port = $dicom_port
CONFIGURATION
cat >"$work/orthanc.json" <<CONFIGURATION
{
  "Name": "PACS of the demo", "StorageDirectory": "$work/orthanc", "IndexDirectory": "$work/orthanc",
  "HttpPort": $http_port, "DicomPort": $dicom_port, "DicomAet": "ORTHANC",
  "AuthenticationEnabled": false, "RemoteAccessAllowed": false, "Plugins": []
}
CONFIGURATION

say "starting Orthanc, the PACS (DICOM port $dicom_port, http://127.0.0.1:$http_port until the demo ends)"
Orthanc "$work/orthanc.json" >"$work/orthanc.log" 2>&1 &
processes+=($!)
say "starting the node"
.build/release/overread serve --ae-titles "$work/AETitles.conf" --data "$work/data" --keys "$work/keys" \
    >"$work/node.output" 2>"$work/node.errors" &
node=$!
processes+=("$node")

port=
for ((tries = 0; tries < 600; tries++)); do
    port=$(sed -n 's/^ready .*port=\([0-9]*\).*/\1/p' "$work/node.output")
    if [[ -n $port ]]; then break; fi
    kill -0 "$node" 2>/dev/null || fail "the node did not start"
    sleep 0.1
done
[[ -n $port ]] || fail "the node did not say within a minute that it listens"
curl --silent --fail --retry 60 --retry-delay 1 --retry-connrefused --output /dev/null \
    "http://127.0.0.1:$http_port/system" || fail "Orthanc did not start: $(tail -n 3 "$work/orthanc.log")"

say "sending the study as a modality does: to the PACS and to the node (AE title OVERREAD, port $port)"
send() { storescu +sd +r -aet MODALITY -aec "$1" 127.0.0.1 "$2" "$study" >"$work/send.log" 2>&1; }
# Where every file is uncompressed storescu does; for anything else dcmsend proposes what the files hold.
send_any() { dcmsend +sd +r -aet MODALITY -aec "$1" 127.0.0.1 "$2" "$study" >"$work/send.log" 2>&1; }
if [[ -n ${1:-} ]]; then sender=send_any; else sender=send; fi
"$sender" ORTHANC "$dicom_port" || fail "the PACS did not take the study: $(tail -n 3 "$work/send.log")"
"$sender" OVERREAD "$port" || fail "the node did not take the study: $(tail -n 3 "$work/send.log")"

rm -rf "$results"
mkdir -p "$results"
status=0
"$python" Scripts/demo_results.py "http://127.0.0.1:$http_port" "$work/data/queue.jsonl" "$results" || status=$?
if ((status != 0)); then fail "the results were not found in the PACS"; fi

for report in "$results"/report-*.dcm; do
    printf '\n'
    dsrdump +Pc "$report" 2>/dev/null || fail "dsrdump does not read $report"
done
printf '\n'
shopt -s nullglob
for heatmap in "$results"/heatmap-*.dcm; do
    dcm2pnm --write-png "$heatmap" "${heatmap%.dcm}.png" || fail "dcm2pnm does not read $heatmap"
    say "heatmap: $PWD/${heatmap%.dcm}.png"
done
[[ -n $(echo "$results"/heatmap-*.png) ]] || say "no heatmap: the model saw nothing above its thresholds, and a negative study gets none"
say "the results are in the PACS, in the patient's own study. Research use only: not a medical device."
