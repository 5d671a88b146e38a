tr -s '[:space:]' '\n' < "$WAYBILL_INPUTS/text.txt" |
  awk -v least="$PARAM_LEAST" 'length($0) >= least { words++ } END { printf "{\"words\":%d}\n", words }' > "$WAYBILL_OUTPUTS/count.json"
