import { inForce, isStop, placeOf, untilOf } from "./places";

test("a freeze of nothing in particular stops everything", () => {
  expect(isStop({ environment: null, project: null })).toBe(true);
  expect(placeOf({ environment: null, project: null })).toBe("workspace");
  expect(placeOf({ environment: "prod", project: null })).toEqual({ environment: "prod" });
  expect(placeOf({ environment: null, project: "shop" })).toEqual({ project: "shop" });
});

test("what has ended by itself is not in force", () => {
  const now = Date.parse("2026-11-01T10:00:00Z");
  const freezes = [{ until: null }, { until: "2026-11-01T10:00:01Z" }, { until: "2026-11-01T10:00:00Z" }];
  expect(inForce(freezes, now)).toEqual(freezes.slice(0, 2));
});

test.each([
  ["", { until: null }],
  ["soon", { until: null, problem: "This is not a time." }],
  ["2026-11-01T09:00", { until: null, problem: "This time has passed." }],
  ["2026-11-02T09:00", { until: new Date("2026-11-02T09:00").toISOString() }],
])("until %j", (local, read) => {
  expect(untilOf(local, new Date("2026-11-01T10:00").getTime())).toEqual(read);
});
