import { issue, stage } from "@/test/samples";
import { changedSince, look, seenDigests } from "./seen";

const before = look(
  issue({ stages: [stage({ name: "dev", digest: "a" }), stage({ name: "prod", digest: "b" })] }),
);

test("nothing changed", () => {
  expect(changedSince(before, { ...before })).toBeNull();
});

test("an edit changes the release and the stages' digests", () => {
  const now = { ...before, release: 4, revision: 2, digests: { dev: "a", prod: "c" } };
  expect(changedSince(before, now)).toEqual({ sql: true, stages: ["prod"] });
});

test("a retarget changes digests alone, and a stage that came or went counts", () => {
  expect(changedSince(before, { ...before, digests: { dev: "a", staging: "d" } })).toEqual({
    sql: false,
    stages: ["prod", "staging"],
  });
});

test("an approval sends what was seen", () => {
  expect(seenDigests(before, ["prod", "gone"])).toEqual({ prod: "b" });
});
