const CODE = /^[BCDFGHJKLMNPQRSTVWXZ]{8}$/;

/** What somebody typed, as the server writes it: BCDF-GHJK; undefined when it cannot be a code. */
export function readCode(typed: string): string | undefined {
  const letters = typed.replace(/[\s-]/g, "").toUpperCase();
  return CODE.test(letters) ? `${letters.slice(0, 4)}-${letters.slice(4)}` : undefined;
}
