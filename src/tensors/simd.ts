// Own loops in WebAssembly with SIMD: what scripts/compile-simd.sh made of an AssemblyScript file, bound to a memory. Results do
// not depend on the machine, because WebAssembly's arithmetic does not.

/** A WebAssembly memory; `buffer` is another one after it has grown. */
export interface SimdMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of WebAssembly's interface that is used; the types of Node leave it out. */
interface WebAssemblyInterface {
  readonly Memory: new (size: { readonly initial: number }) => SimdMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: unknown) => { readonly exports: unknown };
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface };

/** A new memory of one page, 64 KiB. */
export function simdMemory(): SimdMemory {
  return new WebAssembly.Memory({ initial: 1 });
}

/** The functions of compiled loops on a memory; undefined where `memory` is none, or the machine has no SIMD.
 *  @param compiled base64 of the WebAssembly bytes, line breaks allowed */
export function bindLoops<Loops>(compiled: string, memory: unknown): Loops | undefined {
  if (!(memory instanceof WebAssembly.Memory)) return undefined;
  try {
    const module = new WebAssembly.Module(Buffer.from(compiled, "base64"));
    return new WebAssembly.Instance(module, { env: { memory } }).exports as Loops;
  } catch {
    return undefined;
  }
}
