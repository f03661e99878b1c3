import type { SessionOut } from "@/api/types";
import { session } from "@/test/samples";
import { headline, lockTexts, roleText, sessionName } from "./sessions";

const own = session({ role: "own", pid: 10, task: 1 });
const psql = session({ role: "blocker", pid: 20, application_name: "psql" });

test.each<[string, SessionOut[], string]>([
  [
    "the next try",
    [session({ ...own, state: "idle" })],
    "Between two tries: this task waits for nothing right now.",
  ],
  ["nobody", [], "This task has no session in the database right now."],
  ["itself", [own], "Nothing is in the way: this task works."],
  [
    "a lock nobody holds",
    [session({ ...own, waits_for: "Waiting for table metadata lock" })],
    "This task waits for: table metadata lock.",
  ],
  ["one", [session({ ...own, blocked_by: [20] }), psql], "This task waits for psql, pid 20."],
  [
    "the nearest of a queue",
    [session({ ...own, blocked_by: [20] }), psql, session({ role: "blocker", pid: 30 })],
    "This task waits for psql, pid 20.",
  ],
  ["somebody before it began", [psql], "Not begun: psql, pid 20 is in the way."],
])("it waits for %s", (_, sessions, words) => {
  expect(headline(sessions)).toBe(words);
});

test("a session by its application, else its account; what is not certain is said", () => {
  expect(sessionName(session({ pid: 5, application_name: "", username: "ana" }))).toBe("ana, pid 5");
  expect(sessionName(own)).toBe("Penstock's task 1, pid 10");
  expect(roleText(psql)).toBe("In the way");
  expect(roleText({ ...psql, certain: false })).toContain("perhaps");
});

test("what is waited for comes first, nothing comes twice", () => {
  const lock = (object: string | null, granted: boolean) => ({
    kind: "relation",
    object,
    mode: "AccessShareLock",
    granted,
  });
  const locks = [lock("orders", true), lock("orders", true), lock("items", false), lock(null, true)];
  expect(lockTexts(session({ locks }))).toEqual([
    "waits for AccessShareLock on items",
    "holds AccessShareLock on orders",
    "holds AccessShareLock relation",
  ]);
});
