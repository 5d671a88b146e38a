# Applies the patch, unless it is empty, and runs the command. What it exited with stands in the verdict.
set -u
if test -s "$WAYBILL_INPUTS/change.patch"; then
  git apply "$WAYBILL_INPUTS/change.patch" || exit 1
fi
sh -c "$PARAM_COMMAND"
exit=$?
passed=false
test "$exit" -eq 0 && passed=true
printf '{"passed":%s,"exit":%d}\n' "$passed" "$exit" > "$WAYBILL_OUTPUTS/verdict.json"
test "$PARAM_MUST_PASS" = false || exit "$exit"
