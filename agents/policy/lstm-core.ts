// The LSTM itself, in the form that the WebAssembly backend runs fast: four gate matrices on [token, hidden] side by side, no
// splits, and one gradient for the whole sequence that transposes explicitly and multiplies each gate's weights once.
// Paper: Hochreiter & Schmidhuber 1997, Neural Computation 9(8); forget gate of Gers et al. 2000, its bias 1.
import * as tf from "@tensorflow/tfjs";

/** Input, forget, cell and output gate, each [inputs + hidden, hidden]. */
export type LstmWeights = readonly [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];

export interface LstmState {
  readonly hidden: tf.Tensor;
  readonly cell: tf.Tensor;
}

interface Step extends LstmState {
  /** [count, inputs + hidden] */
  readonly joined: tf.Tensor2D;
  /** after their nonlinearity: input, forget, cell, output */
  readonly gates: readonly tf.Tensor[];
  readonly tanhCell: tf.Tensor;
  readonly cellBefore: tf.Tensor;
}

/** One step of a batch. Call it inside a tidy. */
export function lstmStep(token: tf.Tensor2D, before: LstmState, weights: LstmWeights): Step {
  const joined = tf.concat([token, before.hidden as tf.Tensor2D], 1);
  const [i, f, g, o] = weights.map((weight) => tf.matMul(joined, weight));
  const gates = [tf.sigmoid(i!), tf.sigmoid(tf.add(f!, 1)), tf.tanh(g!), tf.sigmoid(o!)];
  const cell = tf.add(tf.mul(gates[1]!, before.cell), tf.mul(gates[0]!, gates[2]!));
  const tanhCell = tf.tanh(cell);
  return { joined, gates, cell, tanhCell, hidden: tf.mul(gates[3]!, tanhCell), cellBefore: before.cell };
}

/** Outputs of all steps, [steps * count, hidden], with the gradient of the weights. @param tokens per step [count, inputs] */
export function lstmOutputs(tokens: readonly tf.Tensor2D[], weights: LstmWeights, hiddenUnits: number): tf.Tensor2D {
  const count = tokens[0]!.shape[0];
  const run = tf.customGrad((...inputs) => {
    const gateWeights = inputs.slice(0, 4) as unknown as LstmWeights;
    const save = inputs[4] as unknown as tf.GradSaveFunc;
    const steps: Step[] = [];
    let state: LstmState = { hidden: tf.zeros([count, hiddenUnits]), cell: tf.zeros([count, hiddenUnits]) };
    for (const token of tokens) {
      const step = lstmStep(token, state, gateWeights);
      steps.push(step);
      state = step;
    }
    const saved = steps.flatMap(({ joined, gates, tanhCell, cellBefore }) => [joined, ...gates, tanhCell, cellBefore]);
    save([...gateWeights, ...saved]);
    const value = tf.concat(
      steps.map(({ hidden }) => hidden as tf.Tensor2D),
      0,
    );
    return { value, gradFunc: (dy, kept) => backward(dy as tf.Tensor2D, kept as tf.Tensor[], count, hiddenUnits) };
  });
  return run(...weights) as tf.Tensor2D;
}

/** dL/d(weights) from dL/d(outputs), back through time. */
function backward(dy: tf.Tensor2D, kept: readonly tf.Tensor[], count: number, hiddenUnits: number): tf.Tensor[] {
  const weights = kept.slice(0, 4) as tf.Tensor2D[];
  const inputs = weights[0]!.shape[0] - hiddenUnits;
  const recurrent = weights.map((weight) => tf.transpose(tf.slice(weight, [inputs, 0], [hiddenUnits, hiddenUnits])));
  const stepCount = (kept.length - 4) / 7;
  const perStep = tf.split(dy, stepCount, 0); // along the first axis: contiguous
  const joinedAll: tf.Tensor2D[] = [];
  const deltas: tf.Tensor2D[][] = [[], [], [], []];
  let dHidden: tf.Tensor | undefined;
  let dCell: tf.Tensor = tf.zeros([count, hiddenUnits]);
  for (let t = stepCount - 1; t >= 0; t--) {
    const [joined, i, f, g, o, tanhCell, cellBefore] = kept.slice(4 + 7 * t, 11 + 7 * t) as tf.Tensor[];
    const dh: tf.Tensor = dHidden === undefined ? perStep[t]! : tf.add(perStep[t]!, dHidden);
    dCell = tf.add(dCell, tf.mul(tf.mul(dh, o!), tf.sub(1, tf.square(tanhCell!))));
    const slope = (gate: tf.Tensor) => tf.mul(gate, tf.sub(1, gate));
    const dz = [
      tf.mul(tf.mul(dCell, g!), slope(i!)),
      tf.mul(tf.mul(dCell, cellBefore!), slope(f!)),
      tf.mul(tf.mul(dCell, i!), tf.sub(1, tf.square(g!))),
      tf.mul(tf.mul(dh, tanhCell!), slope(o!)),
    ] as tf.Tensor2D[];
    joinedAll.push(joined as tf.Tensor2D);
    dz.forEach((delta, k) => {
      deltas[k]!.push(delta);
    });
    dHidden = tf.addN(dz.map((delta, k) => tf.matMul(delta, recurrent[k]!)));
    dCell = tf.mul(dCell, f!);
  }
  const joined = tf.transpose(tf.concat(joinedAll, 0)); // [inputs + hidden, steps * count], last step first
  return deltas.map((delta) => tf.matMul(joined, tf.concat(delta, 0)));
}
