// The proxy that inherits: held-out accuracy of a network with the weights of a trained supernet, turned into what a training
// of its own would give where the checkpoint has been calibrated.
import { createHash } from "node:crypto";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { CosearchError } from "../../../src/core/errors.js";
import { evaluationBackend } from "../../../src/tensors/backend.js";
import type { Network } from "../../network/ir.js";
import { deploymentRise } from "../deployment-effects.js";
import { describe } from "../descriptors.js";
import { estimateOf, shippedSurrogate } from "../imagenet-surrogate.js";
import { defineProxy } from "../proxy-definition.js";
import { checkSameSpace, readBytes, readCheckpoint, type SupernetCheckpoint, type SupernetFit } from "./checkpoint.js";
import type { Supernet } from "./supernet.js";

export const SUPERNET_PROXY = "supernet";
const SUMMARY = "held-out accuracy with weights inherited from a trained supernet of the same space";

const options = z.strictObject({
  checkpoint: z.string().min(1).describe("file of `cosearch supernet train`"),
  sha256: z.string().optional().describe("of the file, filled in when the study is read"),
});

export const supernetDefinition = defineProxy({
  name: SUPERNET_PROXY,
  summary: SUMMARY,
  usesTensors: true,
  options,
  resolve(given, folder) {
    const checkpoint = isAbsolute(given.checkpoint) ? given.checkpoint : join(folder, given.checkpoint);
    readCheckpoint(checkpoint); // complain before anything is written
    return { checkpoint, sha256: hashOf(checkpoint) };
  },
  checkSpace({ checkpoint }, space) {
    checkSameSpace(readCheckpoint(checkpoint), space, checkpoint);
  },
  create({ checkpoint: file, sha256 }) {
    let known: SupernetCheckpoint | undefined;
    const checkpoint = (): SupernetCheckpoint => {
      known ??= unchanged(file, sha256);
      return known;
    };
    let supernet: Promise<Supernet> | undefined;
    return {
      name: SUPERNET_PROXY,
      summary: SUMMARY,
      get error() {
        return checkpoint().fit?.error;
      },
      async estimate(network, deployment, context = {}) {
        supernet ??= restored(checkpoint(), file);
        const inherited = inheritedError(network, await supernet);
        const { error, variance } =
          checkpoint().fit === undefined
            ? { error: inherited, variance: countingVariance(inherited, (await supernet).data.heldOut.labels.length) }
            : calibrated(inherited, checkpoint().fit!);
        const { quantization } = shippedSurrogate();
        const rise = deploymentRise(network, describe(network), deployment, quantization, context.quantizationMethod);
        return estimateOf(SUPERNET_PROXY, error, variance, rise, quantization.relativeError);
      },
    };
  },
});

/** Never 0 or 1, so that logarithms of the error exist: one image more on either side. */
export function inheritedError(network: Network, supernet: Supernet): number {
  const count = supernet.data.heldOut.labels.length;
  return 1 - (supernet.inheritedAccuracy(network) * count + 0.5) / (count + 1);
}

/** What a training of its own would give. @returns error, and the variance of its logarithm */
export function calibrated(inherited: number, fit: Pick<SupernetFit, "centre" | "intercept" | "slope" | "variance">) {
  const logOdds = fit.intercept + fit.slope * (Math.log(inherited / (1 - inherited)) - fit.centre);
  const error = 1 / (1 + Math.exp(-logOdds));
  return { error, variance: fit.variance * (1 - error) ** 2 }; // d(ln error) = (1 − error) · d(ln-odds)
}

/** Of ln(error), from the number of held-out images alone: without calibration nothing else is known. */
const countingVariance = (error: number, images: number): number => (1 - error) / (error * images);

async function restored(checkpoint: SupernetCheckpoint, file: string): Promise<Supernet> {
  await evaluationBackend(checkpoint.backend);
  const { restoreSupernet } = await import("./restore.js");
  return restoreSupernet(checkpoint, file);
}

/** A study's run must not go on with another supernet than it began with. */
function unchanged(file: string, sha256: string | undefined): SupernetCheckpoint {
  if (sha256 !== undefined && hashOf(file) !== sha256) {
    throw new CosearchError("CHECKPOINT_BAD", `${file}: it has changed since the study was read`);
  }
  return readCheckpoint(file);
}

const hashOf = (file: string): string => createHash("sha256").update(readBytes(file)).digest("hex");
