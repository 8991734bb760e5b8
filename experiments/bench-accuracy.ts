// How many networks the default accuracy proxy answers in a second of one core's time: on networks that are built already, and
// with the building. The reference in the same run is the building alone, which every search pays whatever its proxy.
import { imagenetSurrogate } from "../envs/accuracy/imagenet-surrogate.js";
import { defaultDeployment } from "../envs/deployment/deployment.js";
import type { Network } from "../envs/network/ir.js";
import { buildNetwork, type NetworkFile } from "../envs/network/network-file.js";
import { loadSpaceFile } from "../envs/space-file.js";
import { RandomStream } from "../src/core/rng.js";
import { median } from "../src/core/statistics.js";
import { fillTemplate } from "../src/core/template.js";

const NETWORKS = 1000;

/** Networks per second of processor time: medians over the repetitions, after one that warms up the compiler. */
export interface AccuracyRates {
  /** of the first thousand that a process answers, when most of the time is compiling and reading the coefficients */
  readonly firstEstimates: number;
  readonly estimate: number;
  readonly buildAndEstimate: number;
  readonly build: number;
}

/** Random networks of the Once-for-all space, new ones in every repetition. */
export function accuracyRates(repeat: number): AccuracyRates {
  const { space, template } = loadSpaceFile("ofa-mobilenet-v3");
  const proxy = imagenetSurrogate();
  const [first, ...rounds] = Array.from({ length: repeat + 1 }, (_, i) => {
    const random = RandomStream.of(i + 1, "bench/accuracy");
    const files = Array.from(
      { length: NETWORKS },
      () => fillTemplate(template, space.decode(space.sample(random))) as NetworkFile,
    );
    let networks: Network[] = [];
    const build = rate(() => {
      networks = files.map(buildNetwork);
    });
    const estimate = rate(() => {
      for (const network of networks) proxy.estimate(network, defaultDeployment);
    });
    const buildAndEstimate = rate(() => {
      for (const file of files) proxy.estimate(buildNetwork(file), defaultDeployment);
    });
    return { build, estimate, buildAndEstimate };
  });
  const middle = (of: (rates: (typeof rounds)[number]) => number): number => median(rounds.map(of));
  return {
    firstEstimates: first!.estimate,
    estimate: middle((rates) => rates.estimate),
    buildAndEstimate: middle((rates) => rates.buildAndEstimate),
    build: middle((rates) => rates.build),
  };
}

function rate(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return NETWORKS / ((user + system) / 1e6);
}
