// The native backend through the command line: what a run records, repeats and resumes with it, and what is said where it is
// missing. The first part runs only where tfjs-node loads (docs/native-backend.md); the second hides it, so it runs everywhere.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { initBackend } from "../../src/tensors/backend.js";
import { tempRoot } from "../study/temp-root.js";
import { whyNativeIsMissing } from "./native-loads.js";

const program = fileURLToPath(new URL("../../bin/cosearch.js", import.meta.url));
const missing = await whyNativeIsMissing();

function cosearch(args: readonly string[], nodeOptions: readonly string[] = []) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [...nodeOptions, program, ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  return { status, stderr, stdout };
}

/** Six trials in batches of two, whose networks are trained for a step: estimates of accuracy compute with tensors. */
const runOf = (root: string, id: string, backend: string, more: readonly string[] = []): string[] => [
  ...["run", "quick", "--agent", "ppo", "--seed", "7", "--out", root, "--id", id],
  ...[`backend=${backend}`, "budget.trials=6", "budget.batch=2", "accuracy.proxy=short-training"]
    .concat(["accuracy.resolution=8", "accuracy.steps=1", "accuracy.batch=2"])
    .concat(["accuracy.trainImages=10", "accuracy.heldOutImages=40"])
    .flatMap((setting) => ["--set", setting]),
  ...more,
];
const recordOf = (root: string, id: string): string =>
  ["trials.jsonl", "updates.jsonl", "policy.jsonl"].map((file) => readFileSync(join(root, id, file), "utf8")).join("");
const manifestOf = (root: string, id: string) =>
  JSON.parse(readFileSync(join(root, id, "manifest.json"), "utf8")) as {
    backend: string;
    versions: Record<string, string>;
  };

const title = `native tensors${missing === undefined ? "" : `, skipped: ${missing}`}`;
describe.skipIf(missing !== undefined)(title, { timeout: 300_000 }, () => {
  const root = tempRoot();
  let whole: ReturnType<typeof cosearch>;
  beforeAll(() => {
    whole = cosearch(runOf(root, "whole", "auto"));
  }, 300_000);

  it("are what auto takes, said once; later calls keep them, and WebAssembly can be had beside them", async () => {
    expect(whole.status).toBe(0);
    expect(whole.stderr.match(/computing with the native tensor library, TensorFlow \d+\.\d+/g)).toHaveLength(1);
    const native = await initBackend("native");
    expect(native).toMatchObject({ name: "native", tensorflow: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(await initBackend("auto")).toBe(native);
    expect((await initBackend("wasm")).name).toBe("wasm");
    expect((await initBackend("native")).name).toBe("native");
  });

  it("are recorded with the library's version, which results may depend on", () => {
    const { backend, versions } = manifestOf(root, "whole");
    expect(backend).toBe("native");
    expect(versions).toMatchObject({ tfjs: "4.22.0", tensorflow: expect.stringMatching(/^\d+\.\d+/) });
  });

  it.each([
    1, 4,
  ])("make the same trials, updates and policy with %i workers, and say nothing of their own", (workers) => {
    const run = cosearch(runOf(root, `workers-${workers}`, "native", ["--workers", `${workers}`, "--quiet"]));
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(recordOf(root, `workers-${workers}`)).toBe(recordOf(root, "whole"));
  });

  it("go on after kill -9 as if nothing had happened, byte for byte", async () => {
    const child = spawn(process.execPath, [program, ...runOf(root, "killed", "native", ["--quiet"])], {
      stdio: "ignore",
    });
    const trials = join(root, "killed", "trials.jsonl");
    const hasBegun = () => existsSync(trials) && readFileSync(trials, "utf8").split("\n").length >= 4;
    while (!hasBegun() && child.exitCode === null) await wait(2);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    expect(cosearch(["resume", join(root, "killed"), "--quiet"])).toMatchObject({ status: 0, stderr: "" });
    expect(recordOf(root, "killed")).toBe(recordOf(root, "whole"));
  });
});

/** Lets no import find the native package. */
const HIDDEN = [
  "--import",
  `data:text/javascript,${encodeURIComponent(`
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(\`
      export async function resolve(name, context, next) {
        if (name !== "@tensorflow/tfjs-node") return next(name, context);
        throw Object.assign(new Error("Cannot find package '@tensorflow/tfjs-node'"), { code: "ERR_MODULE_NOT_FOUND" });
      }\`));`)}`,
];

describe("where the native tensor library is missing", { timeout: 300_000 }, () => {
  const root = tempRoot();
  beforeAll(() => {
    const run = cosearch(runOf(root, "auto", "auto", ["--trials", "2"]), HIDDEN);
    expect(run.stderr).toContain("note: the native tensor library is not installed; using WebAssembly\n");
    expect(run.status).toBe(0);
  }, 300_000);

  it("auto computes on WebAssembly, says so, and records it", () => {
    const { backend, versions } = manifestOf(root, "auto");
    expect(backend).toBe("wasm");
    expect(versions).not.toHaveProperty("tensorflow");
  });

  it("a run that asks for it does not start, and hears what to do", () => {
    const { status, stderr } = cosearch(runOf(root, "native", "native"), HIDDEN);
    expect(status).toBe(3);
    expect(stderr).toContain("BACKEND_UNAVAILABLE");
    expect(stderr).toMatch(/not installed; install it \(.*scripts\/setup-native\.sh.*\), or compute with `wasm`/);
    expect(existsSync(join(root, "native"))).toBe(false);
  });

  it("a run that began with it does not go on with another, and hears how to keep what it learnt", () => {
    const file = join(root, "auto", "manifest.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"backend": "wasm"', '"backend": "native"'));
    expect(manifestOf(root, "auto").backend).toBe("native");
    const before = recordOf(root, "auto");
    const { status, stderr } = cosearch(["resume", join(root, "auto"), "--trials", "8"], HIDDEN);
    expect(status).toBe(3);
    expect(stderr).toContain("BACKEND_UNAVAILABLE");
    expect(stderr).toContain(
      "A run goes on with the backend it began with; on another one start a new run, with --init-from",
    );
    expect(recordOf(root, "auto")).toBe(before);
  });
});
