/** The largest number of a page, and whether the listing goes on behind it. */
export interface Page {
  last: bigint | null;
  more: boolean;
}

/**
 * The largest of ascending numbers, found through pages of those after a given one: S3 lists forwards only. From a number
 * that was the largest before, one page nearly always ends the search; without one, the number is doubled until nothing
 * lies behind it and then halved in, some twenty pages for a million of them.
 */
export async function largest(
  pageAfter: (after: bigint | null) => Promise<Page>,
  known: bigint | null,
): Promise<bigint | null> {
  let page = await pageAfter(known);
  let low = page.last ?? known;
  let nothingAfter: bigint | null = null;
  while (page.more && low !== null) {
    const probe: bigint = nothingAfter === null ? low * 2n : (low + nothingAfter) / 2n;
    const behind = await pageAfter(probe);
    if (behind.last === null) nothingAfter = probe;
    else {
      low = behind.last;
      page = behind;
    }
  }
  return low;
}
