import { activity } from "@/test/samples";
import { activityText, foldTimeline, standsAlone, withoutEchoes } from "./timeline";

const many = (n: number) => Array.from({ length: n }, (_, i) => activity(i));
const shape = (entries: ReturnType<typeof foldTimeline>) =>
  entries.map((e) => (e.kind === "fold" ? `fold ${e.items.length}` : e.item.id));

test("a short timeline is whole", () => {
  expect(shape(foldTimeline(many(12)))).toHaveLength(12);
});

test("the middle folds between the first and the last five", () => {
  const folded = shape(foldTimeline(many(40)));
  expect(folded).toEqual(["e0", "e1", "e2", "e3", "e4", "fold 30", "e35", "e36", "e37", "e38", "e39"]);
});

test("comments stay where they are", () => {
  const items = many(40);
  items[20] = activity(20, { kind: "comment", body: "why?" });
  expect(shape(foldTimeline(items))).toEqual([
    ...["e0", "e1", "e2", "e3", "e4"],
    "fold 15",
    "e20",
    "fold 14",
    ...["e35", "e36", "e37", "e38", "e39"],
  ]);
});

test("an opened fold shows its items, others stay folded", () => {
  const items = many(40);
  items[20] = activity(20, { kind: "comment" });
  const folded = shape(foldTimeline(items, new Set(["e5"])));
  expect(folded).toContain("e6");
  expect(folded).toContain("fold 14");
});

test.each([
  [activity(1, { type: "APPROVED", data: { stage: "prod" } }), "approved prod"],
  [
    activity(1, { type: "REJECTED", data: { stages: ["prod"], comment: "No index" } }),
    "requested changes for prod: No index",
  ],
  [
    activity(1, { type: "TASK_FAIL", data: { database: "shop_eu", stage: "staging" } }),
    "Failed shop_eu in staging",
  ],
  [
    activity(1, { type: "PIPELINE_HELD", data: { reason: "Black Friday" } }),
    "put the pipeline on hold: Black Friday",
  ],
  [
    activity(1, { type: "STAGE_SKIPPED", data: { stage: "prod", reason: "upstream_failed", count: 1 } }),
    "1 task skipped in prod: an earlier stage failed",
  ],
  [activity(1, { type: "ISSUE_UPDATED", data: { fields: ["release"], release: 3 } }), "edited the SQL"],
  [activity(1, { type: "ISSUE_UPDATED", data: { fields: ["title"] } }), "edited the issue"],
  [
    activity(1, {
      type: "ISSUE_UPDATED",
      data: { fields: ["release"], release: 3, task: 9, name: "pg/shop_eu" },
    }),
    "gave pg/shop_eu SQL of its own",
  ],
  [
    activity(1, { type: "ISSUE_UPDATED", data: { fields: ["release"], release: 3, task: 9 } }),
    "gave task 9 SQL of its own",
  ],
  [activity(1, { type: "BRAND_NEW", data: {} }), "brand new"],
])("reads %#", (item, sentence) => {
  expect(activityText(item)).toBe(sentence);
});

test("system sentences stand alone, people's follow a name", () => {
  expect(standsAlone("Pipeline started")).toBe(true);
  expect(standsAlone("approved prod")).toBe(false);
});

test("a task's end is told once", () => {
  const items = [
    activity(1, { type: "TASK_SUCCESS", data: { task: 4, attempt: 1 } }),
    activity(2, { type: "TASK_COMPLETE", data: { task: 4, attempt: 1 } }),
    activity(3, { type: "TASK_COMPLETE", data: { task: 5, attempt: 1, outcome: "canceled" } }),
    activity(4, { type: "PIPELINE_COMPLETE" }),
  ];
  expect(withoutEchoes(items).map((i) => i.id)).toEqual(["e1", "e3"]);
});
