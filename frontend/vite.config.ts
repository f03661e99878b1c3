import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [tanstackRouter({ target: "react", autoCodeSplitting: true }), react()],
  server: { proxy: { "/api": process.env.PENSTOCK_URL ?? "http://127.0.0.1:8000" } },
  resolve: { tsconfigPaths: true },
  build: { target: "es2022", manifest: true },
  test: {
    // Decisions are tested without a page, components (.tsx) with one.
    projects: [
      { extends: true, test: { name: "decisions", environment: "node", include: ["src/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "components",
          environment: "jsdom",
          setupFiles: "src/test/setup.ts",
          include: ["src/**/*.test.tsx"],
        },
      },
    ],
    globals: true,
  },
});
