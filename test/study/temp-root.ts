// Folders for the runs of a test file, gone when it ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function tempRoot(): string {
  const folder = mkdtempSync(join(tmpdir(), "cosearch-run-"));
  folders.push(folder);
  return folder;
}
