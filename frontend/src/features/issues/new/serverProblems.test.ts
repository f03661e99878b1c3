import { ApiError } from "@/api/errors";
import { serverProblems } from "./serverProblems";

const refuse = (field: string) =>
  new ApiError({ title: "no", status: 422, code: "validation_failed", errors: [{ field, message: "m" }] });

test.each([
  ["title", 2, "title"],
  ["targets.databases[2]", 1, "databases"],
  ["release.changes[1].version", 2, "changes.1.version"],
  ["release.changes[0]", 2, "changes.0.statement"],
  ["statement", 2, "changes.0.statement"],
  ["project", 1, "project"],
  ["labels", 3, "labels"],
])("%s belongs to step %i, %s", (field, step, where) => {
  expect(serverProblems(refuse(field))).toEqual([{ step, field: where, message: "m" }]);
});

test("other errors concern no field", () => {
  expect(serverProblems(new Error("x"))).toEqual([]);
});
