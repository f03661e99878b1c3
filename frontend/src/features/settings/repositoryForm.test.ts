import type { MemberOut } from "@/api/types";
import { EMPTY, filers, missing, type RepositoryForm, request, secretText } from "./repositoryForm";

const FULL: RepositoryForm = {
  ...EMPTY,
  slug: "shop",
  project: "shop",
  repository: "acme/shop",
  directory: "/db/migrations/",
  actsAs: "7",
  token: " secret ",
};

test("everything that is needed is asked for at once", () => {
  expect(Object.keys(missing(EMPTY)).sort()).toEqual(["actsAs", "project", "repository", "slug", "token"]);
  expect(missing(FULL)).toEqual({});
});

test("issues are filed by a service account that is a developer of the project at least", () => {
  const member = (id: number, kind: MemberOut["person"]["kind"], role: MemberOut["role"]): MemberOut => ({
    principal: String(id),
    role,
    person: { id, name: `Number ${id}`, email: null, kind },
  });
  const members = [
    member(1, "person", "owner"),
    member(2, "service_account", "viewer"),
    member(3, "service_account", "developer"),
    member(4, "service_account", "releaser"),
  ];
  expect(filers(members)).toEqual([
    { value: "3", label: "Number 3" },
    { value: "4", label: "Number 4" },
  ]);
});

test("what is left empty is left out", () => {
  expect(request(FULL)).toEqual({
    slug: "shop",
    project: "shop",
    system: "github",
    repository: "acme/shop",
    branch: "main",
    directory: "db/migrations",
    acts_as: 7,
    token: "secret",
  });
  expect(request({ ...FULL, environment: "dev", previewInstance: "pg" })).toMatchObject({
    environment: "dev",
    preview_instance: "pg",
  });
});

test("a signing token is GitLab's, as GitLab makes them, and goes nowhere else", () => {
  const given: RepositoryForm = { ...FULL, system: "gitlab", signingToken: " whsec_c2VjcmV0IQ== " };
  expect(request(given)).toMatchObject({ system: "gitlab", signing_token: "whsec_c2VjcmV0IQ==" });
  expect(missing(given)).toEqual({});
  expect(missing({ ...given, signingToken: "of-my-own" })).toEqual({
    signingToken: "GitLab's begin with whsec_.",
  });
  // Typed before it turned out to be GitHub, and left empty.
  const github: RepositoryForm = { ...given, system: "github", signingToken: "of-my-own" };
  expect(missing(github)).toEqual({});
  for (const form of [github, { ...given, signingToken: " " }])
    expect(request(form)).not.toHaveProperty("signing_token");
});

test("a secret is given to the webhook in the words of its host", () => {
  const address = "https://penstock.example.com/api/v1/webhooks/git/shop";
  expect(secretText("github", address)).toContain(`pull requests at ${address}, sent as application/json`);
  expect(secretText("gitlab", address)).toContain(`merge requests at ${address}, as its secret token`);
});
