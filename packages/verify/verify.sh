#!/usr/bin/env bash
# Proves what an audit bundle's hashes and signatures can prove, with bash, openssl and GNU coreutils and nothing of ours:
# read it, it is all there is. Usage: verify.sh <bundle> <keys.json> [<tsa-ca.pem>]
# Exit: 0 every proof holds, 1 one fails, 2 nothing can be concluded (wrong arguments, no bundle, no time stamp to check).
set -u
export LC_ALL=C
umask 077

PROOFS='container events named-statements statement-signatures run-tree seal seal-signature log-entries log-inclusion
checkpoint-signature time'
declare -A CLAIM=(
  [container]='header, events, seal, two log entries and end, in this order and counted'
  [events]='every event is of this run, numbered from 0 without a gap'
  [named-statements]='every manifest, provenance and test result is the one that its event names'
  [statement-signatures]='each of them was signed by an attest key that was valid during the run'
  [run-tree]='the events hash to the root that was sealed and entered in the log'
  [seal]='the seal is of this run and is the one in the log'
  [seal-signature]='the seal was signed by an attest key that was valid where it entered the log'
  [log-entries]='the log names this run by its first event, and opens it where the seal says'
  [log-inclusion]='both log entries are in the tree of one checkpoint'
  [checkpoint-signature]='the checkpoint was signed by a log key that was valid at its size'
  [time]='a time-stamping authority saw the signed checkpoint'
)
declare -A PROVED=() PROBLEM=() SKIPPED=()

# A proof holds when it was gone through to its end and nothing was wrong; the first problem of each is the one shown.
proved() { PROVED[$1]=1; }
wrong() { [[ -n ${PROBLEM[$1]:-} ]] || PROBLEM[$1]=$2; }
stop() { printf 'verify.sh: %s\n' "${1//[^ -~]/?}" >&2; exit 2; }

[[ $# -eq 2 || $# -eq 3 ]] || stop 'usage: verify.sh <bundle> <keys.json> [<tsa-ca.pem>]'
for file in "$@"; do [[ -f $file && -r $file ]] || stop "cannot read $file"; done
for tool in openssl sha256sum base64 basenc od split tr cut wc tail mktemp cat rm mkdir; do
  command -v "$tool" > /dev/null || stop "needs $tool (openssl 3 and GNU coreutils 8.31 or newer)"
done
BUNDLE=$1 KEYS=$2 CA=${3:-}
WORK=$(mktemp -d) || stop 'cannot make a temporary directory'
trap 'rm -rf -- "$WORK"' EXIT
mkdir "$WORK/leaves" "$WORK/payloads"

hex_of() { od -An -v -tx1 | tr -d ' \n'; }
bytes_of() { tr a-f A-F | tr -d '\n' | basenc --base16 -d; }

# Base64 in its one spelling: full length, its alphabet, and no stray bits before the padding.
decode() { # <base64> <file>
  local digits=${1%%=*}
  ((${#1} % 4 == 0)) && [[ $digits != *[!A-Za-z0-9+/]* ]] || return 1
  case ${1#"$digits"} in
    '') ;;
    =) [[ $digits == *[AEIMQUYcgkosw048] ]] || return 1 ;;
    ==) [[ $digits == *[AQgw] ]] || return 1 ;;
    *) return 1 ;;
  esac
  base64 -d <<< "$1" > "$2"
}

# SHA-256 of every file in a directory, in order, into HASHES.
hash_files() {
  local names=("$1"/*) at
  HASHES=()
  for ((at = 0; at < ${#names[@]}; at += 5000)); do
    mapfile -t -O "$at" HASHES < <(sha256sum -- "${names[@]:at:5000}" | cut -c 1-64)
  done
}

# Root over the leaf hashes in HASHES: pairs are joined level by level, an odd one moves up as it is.
tree_root() {
  local at count
  while count=${#HASHES[@]} && ((count > 1)); do
    local last=${HASHES[count - 1]}
    rm -rf -- "$WORK/nodes"
    mkdir "$WORK/nodes"
    for ((at = 0; at + 1 < count; at += 2)); do printf '01%s%s' "${HASHES[at]}" "${HASHES[at + 1]}"; done |
      bytes_of | split -b 65 -a 7 -d - "$WORK/nodes/n"
    hash_files "$WORK/nodes"
    ((count % 2 == 0)) || HASHES+=("$last")
  done
  ROOT=${HASHES[0]:-}
}

node_hash() { printf '01%s%s' "$1" "$2" | bytes_of | sha256sum | cut -c 1-64; }

# RFC 9162, 2.1.3.2: <leaf> <index> <size> <root> <path hash>...
is_included() {
  local hash=$1 fn=$2 sn=$(($3 - 1)) root=$4 step
  shift 4
  ((fn <= sn)) || return 1
  for step in "$@"; do
    ((sn > 0)) || return 1
    if ((fn % 2 == 1 || fn == sn)); then
      hash=$(node_hash "$step" "$hash")
      while ((fn % 2 == 0 && fn > 0)); do ((fn >>= 1, sn >>= 1)); done
    else
      hash=$(node_hash "$hash" "$step")
    fi
    ((fn >>= 1, sn >>= 1))
  done
  ((sn == 0)) && [[ $hash == "$root" ]]
}

# --- the auditor's keys ---------------------------------------------------------------------------------------------------

declare -a KEY_USE=() KEY_ID=() KEY_FROM=() KEY_TO=() KEY_REVOKED=() KEY_NOTE=()

read_keys() {
  local text rest object n=0
  text=$(tr -d ' \t\r\n' < "$KEYS")
  [[ $text == *'"format":"waybill-keys/v1"'* && $text != *\\* ]] || stop "$KEYS is no keys file (waybill-keys/v1)"
  [[ ${text%%'"keys":['*}${text##*']'} =~ \"origin\":\"([^\"]+)\" ]] || stop "$KEYS names no origin"
  TRUSTED_ORIGIN=${BASH_REMATCH[1]}
  rest=${text#*'"keys":['}
  while [[ $rest =~ ^,?\{([^{}]*)\} ]]; do
    rest=${rest:${#BASH_REMATCH[0]}}
    object=,${BASH_REMATCH[1]},
    add_key "$object" "$n" && ((n += 1))
  done
  ((n > 0)) || stop "$KEYS holds no key that this script knows"
}

field() { # <object> <name>
  [[ $1 =~ ,\"$2\":\"?([^\",]*) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# Only P-256 attest keys and Ed25519 log keys; a log key of another kind is passed over, as its signatures are.
add_key() {
  local use alg der=$WORK/key$2.der
  use=$(field "$1" use) alg=$(field "$1" alg)
  [[ $use/$alg == attest/ecdsa-p256-sha256 || $use/$alg == log/ed25519 ]] || return 1
  decode "$(field "$1" spki)" "$der" || stop "a key in $KEYS is no base64"
  KEY_ID[$2]=$(sha256sum < "$der" | cut -c 1-64)
  [[ ${KEY_ID[$2]} == "$(field "$1" keyid)" ]] || stop "a key id in $KEYS is not the SHA-256 of its key"
  openssl pkey -pubin -inform DER -in "$der" -out "$WORK/key$2.pem" 2> /dev/null || stop "a key in $KEYS cannot be read"
  KEY_USE[$2]=$use KEY_FROM[$2]=$(field "$1" from) KEY_TO[$2]=$(field "$1" to) KEY_REVOKED[$2]=$(field "$1" revoked)
  [[ ${KEY_FROM[$2]}/${KEY_TO[$2]} =~ ^(0|[1-9][0-9]{0,15})/((0|[1-9][0-9]{0,15})?)$ ]] || stop "a key in $KEYS has no valid range"
  KEY_NOTE[$2]=$({ printf '%s\n\001' "$TRUSTED_ORIGIN"; tail -c 32 "$der"; } | sha256sum | cut -c 1-8)
}

# Whether a key covers some of the log indexes <first> to <last>.
is_valid() { # <key> <first> <last>
  ((KEY_FROM[$1] <= $3)) && [[ -z ${KEY_TO[$1]} || $2 -lt ${KEY_TO[$1]} ]]
}

# --- the lines ------------------------------------------------------------------------------------------------------------

STATEMENTS=0 EVENTS=0 STATION=0 ENTRIES=0 NOTE='' TSR='' SEAL_FILE='' HAS_END=''
declare -a PENDING=() NAMED=() ENVELOPE_KEY=() ENVELOPE_SIZE=() ENVELOPE_OLDER=()
OLDER=0

read_bundle() {
  local lines n
  [[ $(tr -d '\000' < "$BUNDLE" | wc -c) -eq $(wc -c < "$BUNDLE") ]] || stop 'the bundle holds NUL bytes'
  [[ -s $BUNDLE && $(tail -c 1 "$BUNDLE" | hex_of) == 0a ]] || stop 'the bundle does not end with a line'
  mapfile -t lines < "$BUNDLE"
  [[ ${lines[0]} =~ ^\{\"format\":\"waybill-audit/v1\",\"origin\":\"([^\"\\]+)\",\"run\":\"([0-9a-f]{32})\"\}$ ]] ||
    stop "$BUNDLE is no audit bundle (waybill-audit/v1)"
  ORIGIN=${BASH_REMATCH[1]} RUN=${BASH_REMATCH[2]}
  [[ $ORIGIN == "$TRUSTED_ORIGIN" ]] || wrong checkpoint-signature "the bundle is of $ORIGIN, the keys of $TRUSTED_ORIGIN"
  for ((n = 1; n < ${#lines[@]}; n++)); do read_line "${lines[n]}" "$n"; done
  none_pending
  [[ -n $HAS_END ]] || wrong container 'there is no end record: the file is cut short'
  [[ $LAST_TYPE == run.completed ]] || wrong events 'the last event is not run.completed'
  proved container
  proved events
}

# Stations: 1 events, 2 seal, 3 and 4 log entries, 5 time, 6 end; a line may only move forward.
reach() { # <station> <line>
  local next=$((STATION + 1))
  if (($1 == next || ($1 == 1 && STATION == 1) || ($1 == 6 && STATION == 4))); then STATION=$1
  else wrong container "line $(($2 + 1)) does not belong there"; fi
}

read_line() { # <text> <lines before it>
  case $1 in
    '{"at":"'*) none_pending; reach 1 "$2"; read_event "$1" ;;
    '{"payload":"'*) read_envelope "$1" "$2" ;;
    '{"dsse":{'*',"record":"seal"}')
      none_pending; reach 2 "$2"
      local envelope=${1#'{"dsse":'}
      SEAL_FILE=$WORK/seal.payload
      open_envelope "${envelope%',"record":"seal"}'}" "$SEAL_FILE" "$WORK/seal.sig" || wrong seal 'its envelope is malformed'
      SEAL_KEY=$OPENED_KEY ;;
    '{"entry":{'*)
      none_pending
      ((ENTRIES < 2)) || wrong container "line $(($2 + 1)) is a log entry too many"
      reach $((3 + ENTRIES)) "$2"
      read_entry "$1"
      ENTRIES=$((ENTRIES + 1)) ;;
    '{"record":"time","tsr":"'*'"}')
      reach 5 "$2"
      TSR=${1#'{"record":"time","tsr":"'}
      decode "${TSR%'"}'}" "$WORK/time.tsr" || wrong time 'the time record is no base64' ;;
    "{\"end\":{\"lines\":$2}}") reach 6 "$2"; HAS_END=1 ;;
    *) wrong container "line $(($2 + 1)) is of no known kind, or its count is wrong" ;;
  esac
}

none_pending() {
  ((${#PENDING[@]} == 0)) || wrong named-statements "event $((EVENTS - 1)) names a statement that does not follow it"
  PENDING=()
}

read_event() {
  local tail=${1##*',"origin":"'} name type
  [[ $tail =~ ^([^\"\\]+)\",\"run\":\"([0-9a-f]{32})\",\"salt\":\"[0-9a-f]{32}\",\"seq\":([0-9]+),\"type\":\"([a-z.]+)\",\"v\":1\}$ ]] ||
    { wrong events "event $EVENTS is malformed"; EVENTS=$((EVENTS + 1)); return; }
  type=${BASH_REMATCH[4]}
  [[ ${BASH_REMATCH[1]} == "$ORIGIN" && ${BASH_REMATCH[2]} == "$RUN" ]] || wrong events "event $EVENTS is of another run"
  [[ ${BASH_REMATCH[3]} == "$EVENTS" ]] || wrong events "event ${BASH_REMATCH[3]} stands where event $EVENTS belongs"
  if ((EVENTS == 0)); then [[ $type == run.opened ]] || wrong events 'the first event is not run.opened'; fi
  OLDER=0
  if [[ $type == attempt.dispatched ]]; then
    [[ $1 =~ ,\"manifest\":\"sha256:([0-9a-f]{64})\"\},\"origin\" ]] || wrong events "event $EVENTS names no manifest"
    PENDING=("${BASH_REMATCH[1]:-}")
  elif [[ $type == item.reused ]]; then
    # What it names may have been signed before this run was opened.
    OLDER=1
    [[ $1 =~ ,\"provenance\":\"sha256:([0-9a-f]{64})\"\},\"origin\" ]] || wrong events "event $EVENTS names no provenance"
    PENDING=("${BASH_REMATCH[1]:-}")
  elif [[ $type == attempt.settled ]]; then
    [[ ${1:0:600} =~ ^\{\"at\":\"[^\"\\]+\",\"data\":\{\"attempt\":[0-9]+,\"attestations\":\[([^]]*)\],(\"checkpoint\":\"sha256:[0-9a-f]{64}\",)?\"claimed\": ]] ||
      wrong events "event $EVENTS does not say which statements it names"
    local list=${BASH_REMATCH[1]:-}
    list=${list//\"/}
    list=${list//sha256:/}
    read -r -a PENDING <<< "${list//,/ }"
  fi
  LAST_TYPE=$type
  printf -v name '%07d' "$EVENTS"
  printf '\0%s' "$1" > "$WORK/leaves/$name"
  EVENTS=$((EVENTS + 1))
}

# Cuts an envelope of the one accepted form into its parts. Sets OPENED_KEY and OPENED_SIZE.
open_envelope() { # <envelope> <payload file> <signature file>
  local payload=${1#'{"payload":"'} rest
  rest=${payload#*'"'}
  payload=${payload%%'"'*}
  OPENED_KEY='' OPENED_SIZE=0
  [[ $rest =~ ^,\"payloadType\":\"application/vnd\.in-toto\+json\",\"signatures\":\[\{\"keyid\":\"([0-9a-f]{64})\",\"sig\":\"([A-Za-z0-9+/=]+)\"\}\]\}$ ]] ||
    return 1
  OPENED_KEY=${BASH_REMATCH[1]}
  decode "$payload" "$2" && decode "${BASH_REMATCH[2]}" "$3" || return 1
  local padding=${payload##*[!=]}
  OPENED_SIZE=$((${#payload} / 4 * 3 - ${#padding}))
}

read_envelope() { # <text> <lines before it>
  local name
  printf -v name '%07d' "$STATEMENTS"
  if ((STATION != 1 || ${#PENDING[@]} == 0)); then
    wrong container "line $(($2 + 1)) is a statement that no event names"
    return
  fi
  open_envelope "$1" "$WORK/payloads/$name" "$WORK/$name.sig" || wrong named-statements "the envelope in line $(($2 + 1)) is malformed"
  NAMED+=("${PENDING[0]}")
  PENDING=("${PENDING[@]:1}")
  ENVELOPE_KEY+=("$OPENED_KEY")
  ENVELOPE_SIZE+=("$OPENED_SIZE")
  ENVELOPE_OLDER+=("$OLDER")
  STATEMENTS=$((STATEMENTS + 1))
}

# --- the log --------------------------------------------------------------------------------------------------------------

declare -a ENTRY=() INDEX=() PATH_OF=()

read_entry() {
  local entry=${1#'{"entry":'} proof note head lines
  proof=${entry##*',"proof":"'}
  entry=${entry%',"proof":"'*}
  [[ $proof == *'","record":"log"}' ]] || { wrong log-entries 'a log record is malformed'; return; }
  proof=${proof%'","record":"log"}'}
  proof=${proof//\\n/$'\n'}
  [[ $proof != *[\"\\]* ]] || { wrong log-entries 'a proof is malformed'; return; }
  head=${proof%%$'\n\n'*}
  note=${proof#*$'\n\n'}
  mapfile -t lines <<< "$head"
  [[ ${lines[0]} == c2sp.org/tlog-proof@v1 && ${lines[1]:-} =~ ^index\ (0|[1-9][0-9]{0,15})$ ]] ||
    { wrong log-inclusion 'a proof is malformed'; return; }
  ENTRY+=("$entry")
  INDEX+=("${BASH_REMATCH[1]}")
  local IFS=$'\n'
  PATH_OF+=("${lines[*]:2}")
  [[ -z $NOTE || $NOTE == "$note" ]] || wrong log-inclusion 'the two proofs lead to different checkpoints'
  NOTE=$note
}

read_checkpoint() {
  local body=${NOTE%$'\n\n'*} lines
  mapfile -t lines <<< "$body"
  [[ $NOTE == *$'\n' ]] || wrong checkpoint-signature 'the checkpoint is malformed'
  if [[ ${#lines[@]} -ne 3 || ! ${lines[1]} =~ ^(0|[1-9][0-9]{0,15})$ ]] || ! decode "${lines[2]}" "$WORK/root"; then
    wrong checkpoint-signature 'the checkpoint is malformed'
    return
  fi
  LOG_ORIGIN=${lines[0]} LOG_SIZE=${lines[1]} LOG_ROOT=$(hex_of < "$WORK/root")
  printf '%s\n' "$body" > "$WORK/checkpoint.body"
  printf '%s' "$NOTE" > "$WORK/checkpoint.note"
}

prove_inclusion() {
  local n step hash path steps
  for n in 0 1; do
    path=() steps=()
    [[ -z ${PATH_OF[n]} ]] || mapfile -t steps <<< "${PATH_OF[n]}"
    for step in ${steps[@]+"${steps[@]}"}; do
      decode "$step" "$WORK/step" && hash=$(hex_of < "$WORK/step") && ((${#hash} == 64)) ||
        { wrong log-inclusion 'a proof holds something that is no hash'; return; }
      path+=("$hash")
    done
    is_included "$({ printf '\0'; printf '%s' "${ENTRY[n]}"; } | sha256sum | cut -c 1-64)" "${INDEX[n]}" "$LOG_SIZE" \
      "$LOG_ROOT" ${path[@]+"${path[@]}"} || wrong log-inclusion "the proof of log entry ${INDEX[n]} does not lead to the checkpoint"
  done
  proved log-inclusion
}

prove_checkpoint() {
  local line key hash count=0 pattern=$'^\xe2\x80\x94 ([^ ]+) ([A-Za-z0-9+/]+={0,2})$' signatures=${NOTE##*$'\n\n'}
  signatures=${signatures%$'\n'}
  [[ $LOG_ORIGIN == "$TRUSTED_ORIGIN" ]] || wrong checkpoint-signature "the checkpoint is of the log $LOG_ORIGIN"
  while IFS= read -r line; do
    [[ $line =~ $pattern ]] && decode "${BASH_REMATCH[2]}" "$WORK/note.sig" ||
      { wrong checkpoint-signature 'a signature line is malformed'; return; }
    [[ ${line#* } == "$TRUSTED_ORIGIN "* ]] || continue
    hash=$(od -An -v -tx1 -N 4 "$WORK/note.sig" | tr -d ' \n')
    for key in "${!KEY_USE[@]}"; do
      [[ ${KEY_USE[key]} == log && ${KEY_NOTE[key]} == "$hash" ]] || continue
      tail -c +5 "$WORK/note.sig" > "$WORK/checkpoint.sig"
      openssl pkeyutl -verify -pubin -inkey "$WORK/key$key.pem" -rawin -in "$WORK/checkpoint.body" \
        -sigfile "$WORK/checkpoint.sig" > /dev/null 2>&1 || wrong checkpoint-signature 'its signature is wrong'
      ! is_valid "$key" $((LOG_SIZE - 1)) $((LOG_SIZE - 1)) || count=$((count + 1))
    done
  done <<< "$signatures"
  ((count > 0)) || wrong checkpoint-signature 'no log key that was valid at its size has signed it'
  proved checkpoint-signature
}

# --- statements, tree and seal --------------------------------------------------------------------------------------------

# Verifies a DSSE signature with the pinned key of that id, which has to cover some of the log indexes <first> to <last>.
is_signed() { # <payload file> <size> <signature file> <keyid> <first> <last>
  local key first
  for key in "${!KEY_USE[@]}"; do
    first=$5
    # What a revoked key signed before the run cannot be told from what its thief signed later.
    [[ -z ${KEY_REVOKED[key]} || $first -gt ${INDEX[0]} ]] || first=${INDEX[0]}
    [[ ${KEY_USE[key]} == attest && ${KEY_ID[key]} == "$4" ]] && is_valid "$key" "$first" "$6" || continue
    { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$2"; cat "$1"; } |
      openssl dgst -sha256 -verify "$WORK/key$key.pem" -signature "$3" > /dev/null 2>&1 && return
  done
  return 1
}

prove_statements() {
  local n name first
  ((STATEMENTS == 0)) || hash_files "$WORK/payloads"
  for ((n = 0; n < STATEMENTS; n++)); do
    printf -v name '%07d' "$n"
    [[ ${HASHES[n]:-} == "${NAMED[n]}" ]] || wrong named-statements "statement $((n + 1)) is not the one that its event names"
    first=${INDEX[0]}
    ((ENVELOPE_OLDER[n] == 0)) || first=0
    is_signed "$WORK/payloads/$name" "${ENVELOPE_SIZE[n]}" "$WORK/$name.sig" "${ENVELOPE_KEY[n]}" "$first" "${INDEX[1]}" ||
      wrong statement-signatures "statement $((n + 1)) is not signed by a pinned key that was valid"
  done
  proved named-statements
  proved statement-signatures
}

prove_seal() {
  local payload=$(< "$SEAL_FILE") hex='[0-9a-f]{64}' number='[0-9]+' plain='[^"\\]*' pattern first
  pattern="^\{\"_type\":\"https://in-toto\.io/Statement/v1\",\"predicate\":\{\"completedAt\":\"$plain\",\"counts\":\{[^}]*\},"
  pattern+="\"openedAt\":\"$plain\",\"openedIndex\":($number),\"origin\":\"($plain)\",\"plan\":\"sha256:$hex\","
  pattern+="\"root\":\"sha256:($hex)\",\"run\":\"([0-9a-f]{32})\",\"runSeq\":($number),\"sealedAt\":\"($plain)\",\"size\":($number),"
  pattern+="\"state\":\"[a-z]+\",\"submission\":\"sha256:$hex\"\},"
  pattern+="\"predicateType\":\"https://waybill\.dev/attestation/run-seal/v1\","
  pattern+="\"subject\":\[\{\"digest\":\{\"sha256\":\"($hex)\"\},\"name\":\"run/([0-9a-f]{32})\"\}\]\}$"
  [[ ${#payload} -eq $(wc -c < "$SEAL_FILE") && $payload =~ $pattern ]] || { wrong seal 'its statement is malformed'; return; }
  local seal=("${BASH_REMATCH[@]}")
  [[ ${seal[2]}/${seal[4]}/${seal[9]} == "$ORIGIN/$RUN/$RUN" && ${seal[8]} == "${seal[3]}" ]] || wrong seal 'it is of another run'
  is_signed "$SEAL_FILE" "$(wc -c < "$SEAL_FILE")" "$WORK/seal.sig" "$SEAL_KEY" "${INDEX[1]}" "${INDEX[1]}" ||
    wrong seal-signature 'it is not signed by a pinned key that was valid'
  proved seal-signature

  hash_files "$WORK/leaves"
  first=${HASHES[0]:-}
  tree_root
  [[ $ROOT == "${seal[3]}" && $EVENTS == "${seal[7]}" ]] || wrong run-tree 'the seal covers other events'

  pattern="^\{\"at\":\"$plain\",\"event\":\"sha256:$first\",\"origin\":\"($plain)\",\"run\":\"$RUN\",\"runSeq\":($number),"
  pattern+="\"type\":\"run\.opened\",\"v\":1\}$"
  [[ ${ENTRY[0]} =~ $pattern && ${BASH_REMATCH[1]} == "$ORIGIN" && ${BASH_REMATCH[2]} == "${seal[5]}" ]] ||
    wrong log-entries 'the log opened another run, or another first event'
  [[ ${INDEX[0]} == "${seal[1]}" && ${INDEX[0]} -lt ${INDEX[1]} ]] || wrong log-entries 'the seal says another place in the log'
  pattern="^\{\"at\":\"($plain)\",\"origin\":\"($plain)\",\"root\":\"sha256:($hex)\",\"run\":\"$RUN\",\"runSeq\":($number),"
  pattern+="\"seal\":\"sha256:($hex)\",\"size\":($number),\"type\":\"run\.sealed\",\"v\":1\}$"
  [[ ${ENTRY[1]} =~ $pattern ]] || { wrong log-entries 'the log sealed another run'; return; }
  local entry=("${BASH_REMATCH[@]}")
  [[ ${entry[1]}/${entry[2]}/${entry[4]} == "${seal[6]}/$ORIGIN/${seal[5]}" ]] || wrong log-entries 'the log and the seal differ'
  [[ ${entry[3]} == "$ROOT" && ${entry[6]} == "$EVENTS" ]] || wrong run-tree 'the log holds another tree of this run'
  [[ ${entry[5]} == "$(sha256sum < "$SEAL_FILE" | cut -c 1-64)" ]] || wrong seal 'the log holds another seal'
  proved run-tree
  proved seal
  proved log-entries
}

prove_time() {
  if [[ -z $CA ]]; then
    SKIPPED[time]=$([[ -n $TSR ]] && echo 'no certificate of the authority was given' || echo 'the bundle holds no time stamp')
  elif [[ -z $TSR ]]; then
    SKIPPED[time]='the bundle holds no time stamp'
    INCOMPLETE=1
  else
    openssl ts -verify -data "$WORK/checkpoint.note" -in "$WORK/time.tsr" -CAfile "$CA" > /dev/null 2>&1 ||
      wrong time 'the time stamp is not of this checkpoint, or not of that authority'
    proved time
  fi
}

# --- all of it ------------------------------------------------------------------------------------------------------------

INCOMPLETE='' LAST_TYPE='' SEAL_KEY='' LOG_SIZE=''
read_keys
read_bundle
if ((${#ENTRY[@]} == 2)) && [[ -n $SEAL_FILE ]]; then
  read_checkpoint
  if [[ -n $LOG_SIZE ]]; then
    prove_inclusion
    prove_checkpoint
  fi
  prove_statements
  prove_seal
  prove_time
else
  wrong container 'the seal or a log entry is missing'
fi

printf 'run %s of %s\n' "$RUN" "${ORIGIN//[^ -~]/?}"
for proof in $PROOFS; do
  if [[ -n ${PROBLEM[$proof]:-} ]]; then printf 'FAIL  %-21s %s\n' "$proof" "${PROBLEM[$proof]//[^ -~]/?}"
  elif [[ -n ${PROVED[$proof]:-} ]]; then printf 'ok    %-21s %s\n' "$proof" "${CLAIM[$proof]}"
  else printf 'skip  %-21s %s\n' "$proof" "${SKIPPED[$proof]:-it could not be gone through}"; fi
done
printf '\nNot checked here: that the JSON is canonical and of closed shapes; that the events follow from one another, the plan and\n'
printf 'the locks; that inputs are outputs of earlier attempts; that manifests, provenances and test results say what their\n'
printf 'events say; witnesses and anchors; other runs of the log. waybill-verify checks these, or says that it did not.\n'
((${#PROBLEM[@]} == 0)) || exit 1
[[ -z $INCOMPLETE && ${#PROVED[@]} -ge 10 ]] || exit 2
