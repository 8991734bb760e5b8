import { defineConfig } from "vitest/config";

// Worker threads and the command line run the compiled files, so `npm test` builds before vitest starts.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
