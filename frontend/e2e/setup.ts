import type { TestProject } from "vitest/node";
import { install } from "./installation";
import type { Servers } from "./seed";

declare module "vitest" {
  export interface ProvidedContext {
    url: string;
    servers: Servers;
    databases: Record<string, number>;
    data: string;
  }
}

/** Starts the installation before the first test and stops it after the last. */
export default async function setup(project: TestProject) {
  const installation = await install();
  project.provide("url", installation.url);
  project.provide("servers", installation.servers);
  project.provide("databases", installation.databases);
  project.provide("data", installation.data);
  return installation.stop;
}
