import { readCode } from "./code";

test("case, spaces and hyphens do not count", () => {
  for (const typed of ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "BC-DF-GH-JK"])
    expect(readCode(typed)).toBe("BCDF-GHJK");
});

test("what has vowels, digits or another length is no code", () => {
  for (const typed of ["", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-FGHJ", "BCDF-GHJ1", "BCDF/GHJK"])
    expect(readCode(typed)).toBeUndefined();
});
