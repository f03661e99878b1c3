import { EMPTY, missing, request } from "./pluginForm";

describe("a plugin", () => {
  test("says all that is missing", () => {
    expect(Object.keys(missing(EMPTY))).toEqual(["name", "url"]);
    expect(Object.keys(missing({ ...EMPTY, kind: "email" }))).toEqual([
      "name",
      "host",
      "sender",
      "recipients",
    ]);
    expect(missing({ ...EMPTY, name: "Board", url: "https://board.example.com" })).toEqual({});
  });
  test("a repository belongs to one project and needs a token", () => {
    const form = { ...EMPTY, kind: "commit-status" as const, name: "Ours", types: ["APPROVED"] };
    expect(Object.keys(missing(form))).toEqual(["project", "repository", "token"]);
    const whole = { ...form, project: "shop", repository: "acme/shop ", token: "ghp_1" };
    expect(missing(whole)).toEqual({});
    expect(request(whole)).toEqual({
      kind: "commit-status",
      name: "Ours",
      project: "shop",
      types: [],
      commit_status: { system: "github", repository: "acme/shop", token: "ghp_1", url: null },
    });
  });
  test("sends only what its kind needs", () => {
    const hook = request({ ...EMPTY, name: " Board ", url: "https://b.example.com", host: "left over" });
    expect(hook).toEqual({
      kind: "webhook",
      name: "Board",
      project: null,
      types: [],
      url: "https://b.example.com",
    });
    const mail = request({
      ...EMPTY,
      kind: "email",
      host: "mail",
      sender: "p@x.org",
      recipients: ["o@x.org"],
    });
    expect(mail.url).toBeUndefined();
    expect(mail.smtp).toMatchObject({ host: "mail", port: 587, password: null, recipients: ["o@x.org"] });
  });
});
