/** So many that have left are kept in front of those that wait. */
const LEFT = 1_000;

/** Runs what it is given one after another, in order. */
export function createLane(): <T>(task: () => Promise<T>) => Promise<T> {
  // Thousands may wait, and to take the first of an array moves all others.
  let [waiting, first]: [(() => void)[], number] = [[], 0];
  let isTaken = false;
  return async (task) => {
    // Whoever leaves hands the lane over: it is not free in between.
    if (isTaken) await new Promise<void>((resolve) => waiting.push(resolve));
    isTaken = true;
    try {
      return await task();
    } finally {
      const next = waiting[first];
      first += 1;
      if (first >= waiting.length || first === LEFT) [waiting, first] = [waiting.slice(first), 0];
      if (next) next();
      else isTaken = false;
    }
  };
}
