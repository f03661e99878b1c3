/** What a number field says of a limit: nothing written, or less than one, lifts it. */
export function toLimit(value: number | string): number | null {
  const number = Math.floor(Number(value));
  return value !== "" && Number.isFinite(number) && number >= 1 ? number : null;
}
