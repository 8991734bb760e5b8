// From outputs to logits, for all decisions of a space at once: outputs are scaled, ordered knobs sum theirs (adjacent
// categories), and values that a knob does not have get a logit that no softmax lets through.
import * as tf from "@tensorflow/tfjs";
import type { Layout } from "./layout.js";
import { matMul } from "./ops.js";

const PADDING_LOGIT = -1e9;

export interface Heads {
  /** outputs [count, decisions * width] to logits [count * decisions, width]
   *  @param forbidden added to them, where the space has rules */
  logits(outputs: tf.Tensor, count: number, forbidden?: tf.Tensor2D): tf.Tensor2D;
  dispose(): void;
}

export function headConstants({ decisions, width }: Layout): Heads {
  const outputCount = decisions.length * width;
  const padding = new Float32Array(outputCount);
  const ordered = new Float32Array(outputCount);
  const scale = new Float32Array(outputCount);
  decisions.forEach((decision, d) => {
    padding.fill(PADDING_LOGIT, d * width + decision.valueCount, (d + 1) * width);
    scale.fill(decision.outputScale, d * width, (d + 1) * width);
    if (decision.ordered) ordered.fill(1, d * width, d * width + decision.valueCount);
  });
  const cumulate = new Float32Array(width * width); // T - I, where T sums the outputs 1..v
  for (let from = 0; from < width; from++) {
    for (let v = 0; v < width; v++) {
      cumulate[from * width + v] = (from >= 1 && from <= v ? 1 : 0) - (from === v ? 1 : 0);
    }
  }
  const tensors = {
    padding: tf.tensor2d(padding, [1, outputCount]),
    ordered: tf.tensor2d(ordered, [1, outputCount]),
    scale: tf.tensor2d(scale, [1, outputCount]),
    cumulate: tf.tensor2d(cumulate, [width, width]),
  };
  return {
    logits(outputs, count, forbidden) {
      const scaled = tf.mul(outputs, tensors.scale);
      const perDecision = tf.reshape(scaled, [count * decisions.length, width]);
      const shift = tf.mul(tf.reshape(matMul(perDecision, tensors.cumulate), [count, outputCount]), tensors.ordered);
      const all = tf.add(tf.add(scaled, shift), tensors.padding);
      const logits = tf.reshape(all, [count * decisions.length, width]) as tf.Tensor2D;
      return forbidden === undefined ? logits : tf.add(logits, forbidden);
    },
    dispose: () => tf.dispose(tensors),
  };
}
