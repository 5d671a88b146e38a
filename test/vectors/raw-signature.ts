/** ECDSA signatures on P-256 as IEEE P1363 writes them, for vectors in that form; evidence carries DER alone. */

/** The DER of r and s side by side, 32 bytes each; of any other length, nothing that could verify. */
export function derOfRaw(raw: Uint8Array): Uint8Array {
  if (raw.length !== 64) return new Uint8Array();
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function integer(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Buffer.of(0) : Buffer.from(bytes.subarray(start));
  const value = (digits[0] as number) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
  return Buffer.concat([Buffer.of(0x02, value.length), value]);
}
