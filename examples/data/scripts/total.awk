# Rows and revenue in cents for each region of one part, in the order of the regions.
BEGIN { FS = ","; OFS = "," }
NR > 1 { rows[$2] += 1; cents[$2] += $3 * $4 }
END {
  count = split("east north south west", regions, " ")
  for (n = 1; n <= count; n++) print regions[n], rows[regions[n]] + 0, cents[regions[n]] + 0
}
