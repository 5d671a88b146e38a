# Applies the patch (apply), runs the command on what comes of it (judge) and says how that ended (tell): each in a block of its own.
# After the first the patch is captured: what runs of a change has no say in what is handed on as that change. The last runs nothing of it,
# and what the change left running has ended by then: of the verdict it can write what the command exited with, where that need not be 0.
set -u
change="$WAYBILL_INPUTS/change.patch"
kept="$HOME/dev-verify"

# What has to hold and does not ends the item here, and nothing that the change can write is asked for it.
end() {
  test "$PARAM_MUST_PASS" = false || exit "$2"
  rm -rf "$kept" && printf '%s %d\n' "$1" "$2" > "$kept" || exit 1
}

case "$1" in
  apply)
    test -s "$change" || exit 0
    git apply "$change" || end unapplied "$?"
    ;;
  judge)
    # Nothing of the change has run so far: what stands there says that it does not apply.
    test -e "$kept" && exit 0
    sh -c "$PARAM_COMMAND"
    end judged "$?"
    ;;
  tell)
    how=judged exit=0 passed=false reason=
    test "$PARAM_MUST_PASS" != false || read -r how exit < "$kept" || exit 1
    test "$how $exit" = 'judged 0' && passed=true
    test "$how" = unapplied && reason=',"reason":"the patch does not apply"'
    digest=$(sha256sum < "$change") || exit 1
    verdict="$WAYBILL_OUTPUTS/verdict.json"
    rm -rf "$verdict" || exit 1
    printf '{"passed":%s,"exit":%d,"patch":"sha256:%s"%s}\n' "$passed" "$exit" "${digest%% *}" "$reason" > "$verdict" || exit 1
    ;;
esac
