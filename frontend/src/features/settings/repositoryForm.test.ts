import type { MemberOut } from "@/api/types";
import { EMPTY, filers, missing, type RepositoryForm, request } from "./repositoryForm";

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
