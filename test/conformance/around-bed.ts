/** A case of a suite: it gets a new bed, which is closed however the case ends. */
export function aroundBed<Bed extends { close(): Promise<void> }>(
  open: () => Promise<Bed>,
  use: (bed: Bed) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const bed = await open();
    try {
      await use(bed);
    } finally {
      await bed.close();
    }
  };
}
