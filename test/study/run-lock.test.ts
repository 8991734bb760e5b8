import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRunFolder, openRunFolder } from "../../src/study/run-folder.js";
import { lockHolder, lockRun } from "../../src/study/run-lock.js";
import { tempRoot } from "./temp-root.js";
import { tickingClock, toyPlan } from "./toy.js";

const lockFile = (): string => join(tempRoot(), "lock");
const refused = (pid: number) =>
  expect.objectContaining({ code: "RUN_LOCKED", message: expect.stringContaining(`process ${pid}`) });

describe("the lock of a run folder", () => {
  it("refuses a second writer and names the first, until it is given back", () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    expect(() => openRunFolder(folder.path, tickingClock())).toThrow(refused(process.pid));
    expect(lockHolder(folder.file("lock"))).toBe(process.pid);
    folder.close();
    folder.close();
    expect(readdirSync(folder.path).sort()).toEqual(["checkpoints", "manifest.json"]);
    openRunFolder(folder.path, tickingClock()).close();
  });

  it("refuses while another process lives, and is free the moment that one is killed", async () => {
    const file = lockFile();
    const other = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"]);
    await new Promise((done) => other.once("spawn", done));
    const stat = readFileSync(`/proc/${other.pid}/stat`, "utf8");
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    writeFileSync(file, JSON.stringify({ pid: other.pid, host: hostname(), started: `${boot}/${ticks}` }));
    expect(() => lockRun(file)).toThrow(refused(other.pid!));
    const gone = new Promise((done) => other.once("exit", done));
    other.kill("SIGKILL");
    await gone;
    lockRun(file)();
    expect(existsSync(file)).toBe(false);
  });

  it("is not fooled by a later process with the same number, or by a garbled lock", () => {
    for (const stale of [
      JSON.stringify({ pid: process.pid, host: hostname(), started: "another boot/123" }),
      JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: null }), // above the largest number Linux gives
      "",
      "not json",
    ]) {
      const file = lockFile();
      writeFileSync(file, stale);
      expect(lockHolder(file)).toBeUndefined();
      lockRun(file)();
      expect(existsSync(file)).toBe(false);
    }
  });

  it("cannot judge a process of another machine, so refuses and says what to do", () => {
    const file = lockFile();
    writeFileSync(file, JSON.stringify({ pid: 7, host: "elsewhere", started: null }));
    expect(() => lockRun(file)).toThrow(/process 7 on elsewhere.*remove .*lock/);
  });
});
