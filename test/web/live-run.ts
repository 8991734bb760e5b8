// A real run of a study in a process of its own, through the command line.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const program = join(import.meta.dirname, "../../bin/cosearch.js");

export interface LiveRun {
  readonly process: ChildProcess;
  readonly folder: string;
  readonly ended: Promise<number | null>;
}

/** Runs a command line to its end. @throws Error with what it said when it fails */
export async function command(options: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [program, ...options], { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`cosearch ${options.join(" ")} ended with ${code}`);
}

/** Starts it. @param trials its budget  @param more further options */
export async function startRun(
  root: string,
  id: string,
  trials: number,
  more: readonly string[] = [],
  study = "quick",
): Promise<LiveRun> {
  const options = ["run", study, "--trials", String(trials), "--out", root, "--id", id, "--quiet", ...more];
  const child = spawn(process.execPath, [program, ...options], { stdio: ["ignore", "ignore", "pipe"] });
  const errors: string[] = [];
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const folder = join(root, id);
  await until(
    () => existsSync(join(folder, "trials.jsonl")) || child.exitCode !== null,
    () => errors.join(""),
  );
  return { process: child, folder, ended };
}

export const trialCount = (folder: string): number =>
  readFileSync(join(folder, "trials.jsonl"), "utf8").split("\n").length - 1;

/** Waits for what must come true. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  why: () => string = () => "",
  ms = 30_000,
): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`did not come true within ${ms} ms ${why()}`);
    await sleep(30);
  }
}

/** How many trials there are once none has come for a second. @throws Error when they keep coming */
export async function settled(folder: string): Promise<number> {
  let [count, since] = [-1, Date.now()];
  await until(() => {
    const now = trialCount(folder);
    if (now !== count) [count, since] = [now, Date.now()];
    return Date.now() - since > 1000;
  });
  return count;
}
