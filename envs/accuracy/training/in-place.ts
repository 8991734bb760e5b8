// Runs a loop over the memory of tensors. On WebAssembly it reads and writes the backend's own memory, without a copy: as
// compiled code where four channels at a time fit, else as a plain loop; on other backends a plain loop works on copies.
// A loop must write every element of its results.
import * as tf from "@tensorflow/tfjs";
import { type SimdLoops, simdLoops } from "./simd/channel-loops-wasm.js";

/** What the WebAssembly backend offers beside the common interface. */
interface SharedMemory {
  makeOutput(shape: readonly number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
  getMemoryOffset(dataId: object): number;
  readonly wasm: { readonly asm?: { readonly memory?: unknown } };
}

type Loop = (inputs: readonly Float32Array[], outputs: readonly Float32Array[]) => void;
/** @param inputs, outputs addresses */
export type CompiledLoop = (loops: SimdLoops, inputs: readonly number[], outputs: readonly number[]) => void;

/** @param compiled does the same as `loop`; left out where it does not apply
 *  @returns float tensors of the given shapes, which the loop has filled */
export function runLoop(
  inputs: readonly tf.Tensor[],
  shapes: readonly (readonly number[])[],
  loop: Loop,
  compiled?: CompiledLoop,
): tf.Tensor[] {
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
  const loops = compiled === undefined ? undefined : loopsOn(memory);
  if (compiled !== undefined && loops !== undefined) {
    const address = (info: tf.TensorInfo): number => memory.getMemoryOffset(info.dataId);
    compiled(loops, inputs.map(address), infos.map(address));
  } else {
    // views come last: memory that grows leaves older ones behind
    loop(
      inputs.map((input) => memory.typedArrayFromHeap(input)),
      infos.map((info) => memory.typedArrayFromHeap(info)),
    );
  }
  return infos.map((info) => tf.engine().makeTensorFromTensorInfo(info));
}

function sharedMemory(): SharedMemory | undefined {
  if (tf.getBackend() !== "wasm") return undefined;
  return tf.backend() as unknown as SharedMemory;
}

let known: { readonly memory: unknown; readonly loops: SimdLoops | undefined } | undefined;

/** @returns undefined where the library does not show its memory, or the machine has no SIMD */
function loopsOn({ wasm }: SharedMemory): SimdLoops | undefined {
  const memory = wasm.asm?.memory;
  if (known === undefined || known.memory !== memory) known = { memory, loops: simdLoops(memory) };
  return known.loops;
}
