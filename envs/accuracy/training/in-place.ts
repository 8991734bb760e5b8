// Runs a loop over the memory of tensors. On WebAssembly the loop reads and writes the backend's own memory, without a copy;
// on other backends it works on copies. The loop must write every element of its results.
import * as tf from "@tensorflow/tfjs";

/** What the WebAssembly backend offers beside the common interface. */
interface SharedMemory {
  makeOutput(shape: readonly number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
}

type Loop = (inputs: readonly Float32Array[], outputs: readonly Float32Array[]) => void;

/** @returns float tensors of the given shapes, which the loop has filled */
export function runLoop(inputs: readonly tf.Tensor[], shapes: readonly (readonly number[])[], loop: Loop): tf.Tensor[] {
  const memory = sharedMemory();
  if (memory === undefined) {
    const results = shapes.map((shape) => new Float32Array(shape.reduce((product, extent) => product * extent, 1)));
    loop(
      inputs.map((input) => input.dataSync() as Float32Array),
      results,
    );
    return results.map((values, i) => tf.tensor(values, [...shapes[i]!]));
  }
  const infos = shapes.map((shape) => memory.makeOutput(shape, "float32"));
  // views come last: memory that grows leaves older ones behind
  loop(
    inputs.map((input) => memory.typedArrayFromHeap(input)),
    infos.map((info) => memory.typedArrayFromHeap(info)),
  );
  return infos.map((info) => tf.engine().makeTensorFromTensorInfo(info));
}

function sharedMemory(): SharedMemory | undefined {
  if (tf.getBackend() !== "wasm") return undefined;
  return tf.backend() as unknown as SharedMemory;
}
