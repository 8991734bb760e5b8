// The supernet from the command line: train, kill, go on, score, and what is refused.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { TINY_SPACE } from "../envs/accuracy/supernet/tiny-space.js";

const program = join(import.meta.dirname, "../../bin/cosearch.js");
const folder = mkdtempSync(join(tmpdir(), "supernet-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "space.yaml"), JSON.stringify(TINY_SPACE));
const STEPS = 30;
const train = (out: string): string[] =>
  `supernet train space.yaml --out ${out} --steps ${STEPS} --batch 8 --resolution 8 --train-images 80 --held-out-images 20 --checkpoint-every 1`.split(
    " ",
  );

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const cosearch = (argv: readonly string[]): Promise<Result> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...argv], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const stepsDone = (file: string): number => {
  if (!existsSync(file)) return -1;
  const bytes = readFileSync(file);
  return (JSON.parse(bytes.subarray(0, bytes.indexOf("\n")).toString()) as { stepsDone: number }).stepsDone;
};

describe("cosearch supernet", () => {
  it("killed half-way and resumed, writes the bytes of a training that never stopped; a study then runs on it", async () => {
    const whole = await cosearch([...train("whole.supernet"), "--json"]);
    expect(whole.code).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({ status: "finished", stepsDone: STEPS, space: "tiny-supernet" });

    const file = join(folder, "killed.supernet");
    const child = spawn(process.execPath, [program, ...train("killed.supernet")], { cwd: folder, stdio: "ignore" });
    const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
    while (stepsDone(file) < 3 && child.exitCode === null) await sleep(5);
    child.kill("SIGKILL");
    await ended;
    expect(stepsDone(file)).toBeLessThan(STEPS);
    const resumed = await cosearch(["supernet", "train", "--resume", "--out", "killed.supernet"]);
    expect([resumed.code, resumed.stdout]).toEqual([0, expect.stringMatching(/^finished: .* 30 of 30 steps/)]);
    expect(readFileSync(file).equals(readFileSync(join(folder, "whole.supernet")))).toBe(true);

    writeFileSync(
      join(folder, "study.yaml"),
      "name: inherits\nspace: { network: space.yaml, accelerator: nahas-edge, deployment: default }\n" +
        "accuracy: { proxy: supernet, checkpoint: killed.supernet }\nagent: random\nbudget: { trials: 6 }\n",
    );
    const run = await cosearch(["run", "study.yaml", "--json", "--workers", "1"]);
    expect(run.code).toBe(0);
    const { best } = JSON.parse(run.stdout) as { best: { metrics: Record<string, number> } };
    expect(best.metrics.accuracyFraction).toBeGreaterThan(0);
    expect(best.metrics.accuracyStandardError).toBeGreaterThan(0);
  }, 240_000);

  it("refuses what it cannot do, and says what would do", async () => {
    writeFileSync(join(folder, "there.supernet"), "not one");
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["supernet", "train", "mbconv-32", "--out", "there.supernet"], /error USAGE: .*exists: go on with --resume/],
      [["supernet", "train", "--resume", "--out", "there.supernet"], /error CHECKPOINT_BAD: .*no supernet checkpoint/],
      [["supernet", "train", "mobilenet-v2", "--out", "new.supernet"], /error STUDY_UNKNOWN/],
      [["supernet", "train", "mbconv-32", "--sampling", "uniform", "--out", "new"], /single-path, fair, sandwich/],
    ];
    for (const [argv, message] of cases) {
      const { code, stderr } = await cosearch(argv);
      expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    }
    expect(existsSync(join(folder, "new.supernet"))).toBe(false);
    const help = await cosearch(["supernet", "train", "--help"]);
    expect(help.stdout).toMatch(/Examples:\n +\$ cosearch supernet train mbconv-32/);
  });
});
