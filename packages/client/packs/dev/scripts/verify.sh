# verify.sh apply: applies the patch, unless it is empty. verify.sh judge: runs the command on what came of it. What either exited with stands
# in the verdict. Between the two the patch is captured: what runs of a change has no say in what is handed on as that change.
set -u
verdict="$WAYBILL_OUTPUTS/verdict.json"
digest=$(sha256sum < "$WAYBILL_INPUTS/change.patch") || exit 1
patch="sha256:${digest%% *}"

if test "$1" = apply; then
  test -s "$WAYBILL_INPUTS/change.patch" || exit 0
  git apply "$WAYBILL_INPUTS/change.patch" && exit 0
  exit=$?
  printf '{"passed":false,"exit":%d,"patch":"%s","reason":"the patch does not apply"}\n' "$exit" "$patch" > "$verdict"
else
  # Nothing of the change has run so far: what stands there says that it does not apply.
  test -e "$verdict" && exit 0
  sh -c "$PARAM_COMMAND"
  exit=$?
  passed=false
  test "$exit" -eq 0 && passed=true
  printf '{"passed":%s,"exit":%d,"patch":"%s"}\n' "$passed" "$exit" "$patch" > "$verdict"
fi
test "$PARAM_MUST_PASS" = false || exit "$exit"
