/** Fixed width, so that the order of the bytes is the order of the numbers. */
export function ordinal(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
