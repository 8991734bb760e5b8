// How fast the policies are: drawing a batch and a PPO update of four epochs, for the LSTM (100 units), the masked autoregressive
// and the factorised policy on 40 decisions of 6 values, batch 64; and what the default agent adds to a trial. Medians of
// repeated runs, of the clock and of processor time (what a busy machine leaves comparable), each beside a reference of the same
// run: the policy written the straight way in TensorFlow.js, and the bare matrix products that an LSTM cannot do without. With
// --python PyTorch's times stand beside them.
//   node dist/experiments/bench-policies.js [--repeat 9] [--python /path/to/python]
import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentDefinition } from "../agents/index.js";
import { layoutOf } from "../agents/policy/layout.js";
import { asVariables, matrixProducts, type PolicyKind, tensorUpdate } from "../agents/policy/tfjs-form.js";
import { RandomStream } from "../src/core/rng.js";
import { Space } from "../src/core/space.js";
import { median } from "../src/core/statistics.js";
import type { Trial } from "../src/core/trial.js";
import { packageRoot } from "../src/files/package-root.js";
import { initBackend } from "../src/tensors/backend.js";
import { scriptOptions } from "./script-options.js";

const DECISIONS = 40;
const VALUES = 6;
const BATCH = 64;
const EPOCHS = 4;
const LSTM_UNITS = 100;
const WARM_UP = 3;
const DEFAULT_AGENT_BATCHES = 100;
const DEFAULT_AGENT_WARM_UP = 50; // past the 48 trials before which nothing is screened, and until 600 trials are remembered

/** Every other knob is ordered, as in a joint space of networks and hardware. */
const space = new Space({
  name: "bench",
  knobs: Array.from({ length: DECISIONS }, (_, i) => ({
    name: `knob${i}`,
    values: i % 2 === 0 ? [1, 2, 3, 4, 6, 8] : ["a", "b", "c", "d", "e", "f"],
  })),
});

/** Medians, milliseconds. */
export interface Times {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** The agent alone: its policy draws and learns, nothing is screened, repeated or imitated. */
export function policyTimes(policy: PolicyKind, repeat: number) {
  const plain = { redraws: 0, imitationCoefficient: 0, screening: 1, childFraction: 0 };
  const hidden = policy === "lstm" ? { hiddenUnits: LSTM_UNITS } : {};
  return agentTimes({ policy, epochs: EPOCHS, batchSize: BATCH, ...plain, ...hidden }, repeat, WARM_UP);
}

/** PPO per batch after a warm-up; rewards are drawn, so that no environment is in it. */
export async function agentTimes(options: Record<string, unknown>, repeat: number, warmUp: number) {
  const definition = agentDefinition("ppo");
  const resolved = definition.resolveOptions(options);
  const batchSize = definition.batchSize(resolved);
  const agent = await definition.create(space, resolved, 1);
  const random = RandomStream.of(1, "bench/rewards");
  const [propose, observe] = [new Stopwatch(), new Stopwatch()];
  for (let update = 0; update < warmUp + repeat; update++) {
    if (update === warmUp) for (const watch of [propose, observe]) watch.reset();
    const candidates = await propose.time(() => agent.propose(batchSize));
    const trials = candidates.map((candidate, trial): Trial => ({ trial, candidate, reward: random.next() }));
    await observe.time(() => agent.observe(trials));
  }
  agent.dispose();
  return { propose: propose.median(), observe: observe.median(), batchSize };
}

/** The same update in the straight form. */
export function straightUpdate(policy: PolicyKind, repeat: number): Promise<Times> {
  const random = RandomStream.of(2, "bench/straight");
  const codes = Array.from({ length: BATCH }, () => space.sample(random));
  const rollout = {
    codes,
    oldLogProbs: codes.map(() => -DECISIONS * Math.log(VALUES)),
    advantages: codes.map((_, i) => (i % 2 === 0 ? 1 : -1)),
  };
  const layout = layoutOf(space);
  const variables = asVariables(
    shapesOf(policy).map(([name, ...shape]) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      return { name, shape, values: Float32Array.from({ length: size }, () => 0.05 * random.normal()) };
    }),
  );
  return repeated(repeat, () => tensorUpdate(policy, layout, variables, rollout, EPOCHS));
}

function shapesOf(policy: PolicyKind): (readonly [string, ...number[]])[] {
  const { decisions, width, featureCount } = layoutOf(space);
  const outputs = decisions.length * width;
  const gates = ["inputGate", "forgetGate", "cellGate", "outputGate"] as const;
  switch (policy) {
    case "factorised":
      return [["outputBiases", outputs]];
    case "autoregressive":
      return [
        ["inputWeights", featureCount, 64],
        ["inputBiases", 64],
        ["outputWeights", 64, outputs],
        ["outputBiases", outputs],
      ];
    case "lstm":
      return [
        ...gates.map((name) => [name, width + 2 + LSTM_UNITS, LSTM_UNITS] as const),
        ["outputWeights", decisions.length, LSTM_UNITS, width],
        ["outputBiases", outputs],
      ];
  }
}

/** The products [64, 100] x [100, 400] of one pass over a batch, in TensorFlow.js. */
export function productTimes(repeat: number): Promise<Times> {
  return repeated(repeat, () => matrixProducts(BATCH, LSTM_UNITS, 4 * LSTM_UNITS, DECISIONS));
}

class Stopwatch {
  readonly #wallMs: number[] = [];
  readonly #cpuMs: number[] = [];

  async time<T>(work: () => T | Promise<T>): Promise<T> {
    const [began, before] = [performance.now(), process.cpuUsage()];
    const result = await work();
    const { user, system } = process.cpuUsage(before);
    this.#wallMs.push(performance.now() - began);
    this.#cpuMs.push((user + system) / 1000);
    return result;
  }

  reset(): void {
    this.#wallMs.length = 0;
    this.#cpuMs.length = 0;
  }

  median(): Times {
    return { wallMs: median(this.#wallMs), cpuMs: median(this.#cpuMs) };
  }
}

async function repeated(repeat: number, work: () => unknown): Promise<Times> {
  const watch = new Stopwatch();
  for (let i = 0; i < repeat; i++) await watch.time(work);
  return watch.median();
}

const GOALS: Readonly<Record<PolicyKind, string>> = {
  lstm: "sampling <= 20, update <= 250",
  autoregressive: "together <= 40",
  factorised: "together <= 10",
};

const shown = ({ wallMs, cpuMs }: Times): string => `${wallMs.toFixed(2)} (${cpuMs.toFixed(2)})`;

async function main(): Promise<void> {
  const values = scriptOptions(
    { command: "node dist/experiments/bench-policies.js", about: "What drawing and learning cost each policy." },
    { repeat: { type: "string", default: "9" }, python: { type: "string" } },
    { repeat: "measurements of which the median counts", python: "an interpreter with torch, to be timed beside" },
  );
  const repeat = Number(values.repeat);
  await initBackend("wasm");
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, node ${process.versions.node}`;
  print(`${machine}, load ${loadavg()[0]!.toFixed(1)}`);
  print(`\n${DECISIONS} decisions of ${VALUES} values, batch ${BATCH}, ${EPOCHS} epochs; medians of ${repeat}:`);
  print("milliseconds of the clock (of processor time)\n");
  print(
    "| policy | sampling | update | straight tfjs update | update / straight, CPU | goal |\n|---|---|---|---|---|---|",
  );
  for (const policy of ["lstm", "autoregressive", "factorised"] as const) {
    const { propose, observe } = await policyTimes(policy, repeat);
    const straight = await straightUpdate(policy, Math.min(repeat, 3));
    const ratio = (observe.cpuMs / straight.cpuMs).toFixed(3);
    print(`| ${[policy, shown(propose), shown(observe), shown(straight), ratio, GOALS[policy]].join(" | ")} |`);
  }
  const floor = shown(await productTimes(repeat));
  print(`\nthe LSTM's hidden products of one pass, tfjs: ${floor}; an update of four epochs has 13 times as many`);
  const { propose, observe, batchSize } = await agentTimes({}, DEFAULT_AGENT_BATCHES, DEFAULT_AGENT_WARM_UP);
  const perTrial = { wallMs: 0, cpuMs: 0 };
  for (const key of ["wallMs", "cpuMs"] as const) perTrial[key] = (propose[key] + observe[key]) / batchSize;
  print(
    `the default agent, batch ${batchSize}: propose ${shown(propose)}, observe ${shown(observe)}, a trial ${shown(perTrial)}`,
  );
  if (values.python !== undefined) print(`\n${torchTimes(values.python, repeat)}`);
}

/** PyTorch's times, by bench-policies.py, on one thread. */
function torchTimes(python: string, repeat: number): string {
  const script = join(packageRoot, "experiments/bench-policies.py");
  const { status, stdout, stderr } = spawnSync(python, [script, String(repeat)], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : `${python}: ${stderr.trim().split("\n").at(-1) ?? "failed"}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
