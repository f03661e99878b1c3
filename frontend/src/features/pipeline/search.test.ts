import { pipelineSearch } from "./search";

test.each([
  [{}, {}],
  [
    { stage: "prod", task: 3, run: "9", line: 123 },
    { stage: "prod", task: 3, run: 9, line: 123 },
  ],
  [{ stage: 7, task: "x", run: -1, line: 1.5, other: 1 }, { stage: "7" }],
  [{ status: "failed" }, { status: "failed" }],
])("%j reads %j", (raw, search) => {
  expect(pipelineSearch(raw)).toEqual(search);
});
