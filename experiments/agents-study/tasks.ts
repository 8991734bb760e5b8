// Tasks for comparing agents. Those with a known optimum: the sizing task (a table, dynamic programming), a chain (Viterbi),
// and any study whose space is small enough to be enumerated. A study that is not has no known optimum.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCodesignEnvironment } from "../../envs/codesign-env.js";
import { scoreFunction } from "../../envs/reward.js";
import { CosearchError } from "../../src/core/errors.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { type Candidate, checkedEvaluation, type Trial } from "../../src/core/trial.js";
import { readText } from "../../src/files/documents.js";
import { codesignOptions, resolveStudy } from "../resolve-study.js";
import { type SizingData, sizingTask } from "../sizing-task.js";
import { loadStudy, parseOverride } from "../study-file.js";

/** One search problem. */
export interface Task {
  readonly name: string;
  readonly space: Space;
  /** best feasible reward, where it is known */
  readonly optimum: number | undefined;
  /** worst feasible reward, where it is known: with the optimum it gives the range of rewards */
  readonly worst?: number | undefined;
  evaluate(candidate: Candidate, trial: number): Promise<Omit<Trial, "trial" | "candidate">>;
}

/** `sizing:<m>[:fine]` (needs the table), `chain:<knobs>`, or `study:<name>[,key=value...]`, with `enumerated:` instead of
 *  `study:` when the optimum is to be found by enumeration. @throws CosearchError USAGE, FILE_UNREADABLE */
export async function taskOf(text: string, tableFile: string): Promise<Task> {
  const [kind, ...rest] = text.split(":");
  if (kind === "sizing") return sizing(text, Number(rest[0]), rest[1] === "fine", tableFile);
  if (kind === "chain") return chain(text, Number(rest[0]));
  if (kind === "study" || kind === "enumerated") return study(text, rest.join(":"), kind === "enumerated");
  throw new CosearchError(
    "USAGE",
    `task ${text}: sizing:<m>, chain:<knobs>, study:<name> or enumerated:<name> is needed`,
  );
}

function sizing(name: string, areaFraction: number, isFine: boolean, tableFile: string): Task {
  if (!existsSync(tableFile)) throw new CosearchError("FILE_UNREADABLE", `task ${name}: ${tableFile} is not there`);
  const task = sizingTask(JSON.parse(readText(tableFile)) as SizingData, areaFraction, isFine ? "fine" : "coarse");
  return { name, space: task.space, optimum: 0, evaluate: async (candidate, trial) => task.evaluate(candidate, trial) };
}

/** Knobs of six levels in a row; a candidate is worth the sum of its levels' values and of how well neighbours fit. */
function chain(name: string, length: number): Task {
  const random = RandomStream.of(7, `chain/${length}`);
  const levels = [0, 1, 2, 3, 4, 5];
  const own = Array.from({ length }, () => levels.map(() => random.next()));
  const pair = Array.from({ length }, () => levels.map(() => levels.map(() => 2 * random.next())));
  const space = new Space({
    name: "chain",
    knobs: own.map((_, i) => ({ name: `link${i}`, values: levels, ordered: false })),
  });
  let best = own[0]!;
  let worst = own[0]!;
  for (let i = 1; i < length; i++) {
    best = levels.map((to) => own[i]![to]! + Math.max(...levels.map((from) => best[from]! + pair[i]![from]![to]!)));
    worst = levels.map((to) => own[i]![to]! + Math.min(...levels.map((from) => worst[from]! + pair[i]![from]![to]!)));
  }
  const evaluate = async (candidate: Candidate) => {
    let reward = 0;
    for (let i = 0; i < length; i++) {
      const level = candidate[`link${i}`] as number;
      reward += own[i]![level]! + (i === 0 ? 0 : pair[i]![candidate[`link${i - 1}`] as number]![level]!);
    }
    return { reward };
  };
  return { name, space, optimum: Math.max(...best), worst: Math.min(...worst), evaluate };
}

/** A study's own environment and score; evaluations are remembered, so that agents and seeds share them. */
async function study(name: string, text: string, isEnumerated: boolean): Promise<Task> {
  const [studyName, ...sets] = text.split(",");
  const resolved = resolveStudy(loadStudy(studyName!, sets.map(parseOverride)));
  const environment = createCodesignEnvironment(codesignOptions(resolved));
  const space = environment.space.fix(resolved.fix);
  const score = scoreFunction(resolved.reward, resolved.limits, environment.metricNames);
  const known = new Map<string, Outcome>();
  const evaluate = async (candidate: Candidate) => {
    const key = space.key(space.encode(candidate));
    const found = known.get(key);
    if (found !== undefined) return found;
    const evaluation = checkedEvaluation(await environment.evaluate(candidate), candidate);
    const metrics = evaluation.kind === "measured" ? { metrics: evaluation.metrics } : {};
    const outcome = { ...metrics, ...score(evaluation) };
    known.set(key, outcome);
    return outcome;
  };
  if (!isEnumerated) return { name, space, optimum: undefined, evaluate };
  const range = await enumeratedRange(space, evaluate, known);
  return { name, space, ...range, evaluate };
}

/** Best and worst feasible reward of all points, found by evaluating each of them once. With COSEARCH_STUDY_CACHE the answer is
 *  kept in that folder, under a name that depends on the space and on what some of its points are worth. */
async function enumeratedRange(
  space: Space,
  evaluate: (candidate: Candidate) => Promise<Outcome>,
  known: ReadonlyMap<string, Outcome>,
): Promise<{ readonly optimum: number | undefined; readonly worst: number | undefined }> {
  const random = RandomStream.of(1, "fingerprint");
  const sample: number[] = [];
  for (let i = 0; i < FINGERPRINT_POINTS; i++) sample.push((await evaluate(space.decode(space.sample(random)))).reward);
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([space.toData(), sample]))
    .digest("hex")
    .slice(0, 16);
  const folder = process.env.COSEARCH_STUDY_CACHE;
  const file = folder === undefined ? undefined : join(folder, `range-${fingerprint}.json`);
  if (file !== undefined && existsSync(file)) return JSON.parse(readText(file)) as { optimum: number; worst: number };
  let optimum: number | undefined;
  let worst: number | undefined;
  for (const codes of space.enumerate(300_000)) {
    const candidate = space.decode(codes);
    const { reward, infeasible } = known.get(space.key(codes)) ?? (await evaluate(candidate));
    if (infeasible !== undefined) continue;
    optimum = Math.max(optimum ?? reward, reward);
    worst = Math.min(worst ?? reward, reward);
  }
  if (file !== undefined && folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify({ optimum, worst }));
  }
  return { optimum, worst };
}

type Outcome = Omit<Trial, "trial" | "candidate">;
const FINGERPRINT_POINTS = 20;
