import { blocker } from "@/test/samples";
import { bypassable } from "./bypass";

test("only gates of place and time can be passed over, and only while they are closed", () => {
  const blockers = [
    blocker("approval"),
    blocker("freeze", "frozen", "The environment is frozen: sale"),
    blocker("window", "closed", "Outside the maintenance windows of this environment."),
    blocker("freeze", "stopped", "Everything is stopped: incident"),
    blocker("review", "findings"),
  ];
  expect(bypassable({ blockers })).toEqual([
    {
      gate: "window",
      label: "Maintenance windows and start time",
      why: "Outside the maintenance windows of this environment.",
    },
    {
      gate: "freeze",
      label: "Freezes",
      why: "The environment is frozen: sale Everything is stopped: incident",
    },
  ]);
  expect(bypassable({ blockers: [blocker("advance")] })).toEqual([]);
});
