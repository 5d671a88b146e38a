#!/bin/sh
# split.sh <csv> <parts> <directory>: deals the rows out to part-1.csv, part-2.csv, ..., each with the head.
set -eu
awk -v parts="$2" -v directory="$3" '
  NR == 1 { for (n = 1; n <= parts; n++) print > (directory "/part-" n ".csv"); next }
  { print > (directory "/part-" ((NR - 2) % parts + 1) ".csv") }
' "$1"
