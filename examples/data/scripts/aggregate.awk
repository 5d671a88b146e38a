# Adds up the parts: a table of the regions, and all of them together.
BEGIN { FS = ","; OFS = ","; print "region", "rows", "revenue_cents" }
{
  if (!($1 in rows)) order[++regions] = $1
  rows[$1] += $2; cents[$1] += $3; allRows += $2; allCents += $3
}
END {
  for (n = 1; n <= regions; n++) print order[n], rows[order[n]], cents[order[n]]
  print "all", allRows, allCents
}
