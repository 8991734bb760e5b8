// policy-loops.as, compiled, and the memory that it works on: one for all policies of a process (or worker thread), since a
// policy leaves nothing in it between two calls. To compile again: scripts/compile-simd.sh agents/policy/kernels/policy-loops.as
import { CosearchError } from "../../../src/core/errors.js";
import { bindLoops, type SimdMemory, simdMemory } from "../../../src/tensors/simd.js";

/** Addresses, strides in bytes and counts, as policy-loops.as names them. */
export interface PolicyLoops {
  multiply(...given: number[]): void;
  takeRows(table: number, places: number, to: number, rows: number, columns: number): void;
  addRows(table: number, places: number, from: number, rows: number, columns: number): void;
  lstmForward(...given: number[]): void;
  lstmBackward(...given: number[]): void;
}

/** Of policy-loops.as when it was compiled; a test compares. */
export const SOURCE_SHA256 = "2868576906001c9a78a3a25880a59456e4491744c2bbc8f88995fbde77b609dc";

const COMPILED = `
AGFzbQEAAAABIQNgBX9/f39/AGAHf39/f39/fwBgC39/f39/f39/f39/AAIPAQNlbnYGbWVtb3J5AgAAAwYFAAIBAQAHRwYIbXVsdGlwbHkAAQ
h0YWtlUm93cwAAB2FkZFJvd3MABAtsc3RtRm9yd2FyZAACDGxzdG1CYWNrd2FyZAADBm1lbW9yeQIACpgdBT4BAX8gBEECdCEEA0AgAyAFSgRA
IAIgBCAFbGogACABIAVBAnRqKAIAIARsaiAE/AoAACAFQQFqIQUMAQsLC8wGAg5/C3sgCEECdCEVIAdBfHEhDQNAIBEgFUkEQCAAIQggBSARai
EOQQAhEANAIA0gEEoEQCADIBFqIQwgBiAOaiIWIAZqIhcgBmohGP0MAAAAAAAAAAAAAAAAAAAAACEa/QwAAAAAAAAAAAAAAAAAAAAAIRv9DAAA
AAAAAAAAAAAAAAAAAAAhHP0MAAAAAAAAAAAAAAAAAAAAACEd/QwAAAAAAAAAAAAAAAAAAAAAIR79DAAAAAAAAAAAAAAAAAAAAAAhH/0MAAAAAA
AAAAAAAAAAAAAAACEgIAoEeyAO/QAEECEaIBb9AAQAIRsgFv0ABBAhHCAX/QAEACEdIBf9AAQQIR4gGP0ABAAhHyAY/QAEECEgIA79AAQABf0M
AAAAAAAAAAAAAAAAAAAAAAshGSAIIQsgASAIaiIPIAFqIhIgAWohE0EAIRQDQCAJIBRKBEAgGSAL/QkCACIiIAz9AAQAIiH95gH95AEhGSAaIC
IgDP0ABBAiIv3mAf3kASEaIBsgD/0JAgAiIyAh/eYB/eQBIRsgHCAjICL95gH95AEhHCAdIBL9CQIAIiMgIf3mAf3kASEdIB4gIyAi/eYB/eQB
IR4gHyAT/QkCACIjICH95gH95AEhHyAgICMgIv3mAf3kASEgIAIgC2ohCyACIA9qIQ8gAiASaiESIAIgE2ohEyAEIAxqIQwgFEEBaiEUDAELCy
AOIBn9CwQAIA4gGv0LBBAgFiAb/QsEACAWIBz9CwQQIBcgHf0LBAAgFyAe/QsEECAYIB/9CwQAIBggIP0LBBAgEEEEaiEQIAggAUECdGohCCAO
IAZBAnRqIQ4MAQsLIA0hCwNAIAcgC0oEQCAIIQwgAyARaiEP/QwAAAAAAAAAAAAAAAAAAAAAIRogCgR7IA79AAQAIRogDv0ABBAF/QwAAAAAAA
AAAAAAAAAAAAAACyEZQQAhEANAIAkgEEoEQCAaIAz9CQIAIhsgD/0ABAD95gH95AEhGiAZIBsgD/0ABBD95gH95AEhGSAQQQFqIRAgAiAMaiEM
IAQgD2ohDwwBCwsgDiAa/QsEACAOIBn9CwQQIAtBAWohCyABIAhqIQggBiAOaiEODAELCyARQSBqIREMAQsLC/sRAgh7CH8gBkECdCEQA0AgBS
ASSgRAIAAgD0ECdGohEUEAIQYDQCAGIBBJBEAgBiARaiIT/QAEAP3hAf0MAACuQgAArkIAAK5CAACuQv3oAf0MAACuwgAArsIAAK7CAACuwv3p
ASIH/Qw7qrg/O6q4PzuquD87qrg//eYB/WohCCAQIBFqIAZqIhT9AAQA/eEB/QwAAK5CAACuQgAArkIAAK5C/egB/QwAAK7CAACuwgAArsIAAK
7C/ekBIgn9DDuquD87qrg/O6q4PzuquD/95gH9aiEKIBEgEEEBdGogBmoiFf0ABAAiCyAL/eQB/QwAAK5CAACuQgAArkIAAK5C/egB/QwAAK7C
AACuwgAArsIAAK7C/ekBIgv9DDuquD87qrg/O6q4PzuquD/95gH9aiEMIBEgEEEDbGogBmoiFv0ABAD94QH9DAAArkIAAK5CAACuQgAArkL96A
H9DAAArsIAAK7CAACuwgAArsL96QEiDf0MO6q4PzuquD87qrg/O6q4P/3mAf1qIQ79DAAAgD8AAIA/AACAPwAAgD/9DAAAgD8AAIA/AACAPwAA
gD/9DAENUDkBDVA5AQ1QOQENUDkgCSAK/QwAgDE/AIAxPwCAMT8AgDE//eYB/eUBIAr9DIOAXrmDgF65g4BeuYOAXrn95gH95QEiCf3mAf0MYQ
u2OmELtjphC7Y6YQu2Ov3kASAJ/eYB/QyJiAg8iYgIPImICDyJiAg8/eQBIAn95gH9DKuqKj2rqio9q6oqPauqKj395AEgCf3mAf0Mq6oqPquq
Kj6rqio+q6oqPv3kASAJ/eYB/QwAAAA/AAAAPwAAAD8AAAA//eQBIAn95gH9DAAAgD8AAIA/AACAPwAAgD/95AEgCf3mAf0MAACAPwAAgD8AAI
A/AACAP/3kASAK/fgB/Qx/AAAAfwAAAH8AAAB/AAAA/a4BQRf9qwH95gH95AH95wEiCSABIA9qIAZq/QAEAP3mAf0MAACAPwAAgD8AAIA/AACA
P/0MAACAPwAAgD8AAIA/AACAP/0MAQ1QOQENUDkBDVA5AQ1QOSAHIAj9DACAMT8AgDE/AIAxPwCAMT/95gH95QEgCP0Mg4BeuYOAXrmDgF65g4
Beuf3mAf3lASIH/eYB/QxhC7Y6YQu2OmELtjphC7Y6/eQBIAf95gH9DImICDyJiAg8iYgIPImICDz95AEgB/3mAf0Mq6oqPauqKj2rqio9q6oq
Pf3kASAH/eYB/Qyrqio+q6oqPquqKj6rqio+/eQBIAf95gH9DAAAAD8AAAA/AAAAPwAAAD/95AEgB/3mAf0MAACAPwAAgD8AAIA/AACAP/3kAS
AH/eYB/QwAAIA/AACAPwAAgD8AAIA//eQBIAj9+AH9DH8AAAB/AAAAfwAAAH8AAAD9rgFBF/2rAf3mAf3kAf3nASIH/QwAAIA/AACAPwAAgD8A
AIA//QwAAABAAAAAQAAAAEAAAABA/QwBDVA5AQ1QOQENUDkBDVA5IAsgDP0MAIAxPwCAMT8AgDE/AIAxP/3mAf3lASAM/QyDgF65g4BeuYOAXr
mDgF65/eYB/eUBIgj95gH9DGELtjphC7Y6YQu2OmELtjr95AEgCP3mAf0MiYgIPImICDyJiAg8iYgIPP3kASAI/eYB/Qyrqio9q6oqPauqKj2r
qio9/eQBIAj95gH9DKuqKj6rqio+q6oqPquqKj795AEgCP3mAf0MAAAAPwAAAD8AAAA/AAAAP/3kASAI/eYB/QwAAIA/AACAPwAAgD8AAIA//e
QBIAj95gH9DAAAgD8AAIA/AACAPwAAgD/95AEgDP34Af0MfwAAAH8AAAB/AAAAfwAAAP2uAUEX/asB/eYB/QwAAIA/AACAPwAAgD8AAIA//eQB
/ecB/eUBIgj95gH95AEiCiAK/eQB/QwAAK5CAACuQgAArkIAAK5C/egB/QwAAK7CAACuwgAArsIAAK7C/ekBIgv9DDuquD87qrg/O6q4PzuquD
/95gH9aiEMIBMgB/0LBAAgFCAJ/QsEACAVIAj9CwQAIBb9DAAAgD8AAIA/AACAPwAAgD/9DAAAgD8AAIA/AACAPwAAgD/9DAENUDkBDVA5AQ1Q
OQENUDkgDSAO/QwAgDE/AIAxPwCAMT8AgDE//eYB/eUBIA79DIOAXrmDgF65g4BeuYOAXrn95gH95QEiB/3mAf0MYQu2OmELtjphC7Y6YQu2Ov
3kASAH/eYB/QyJiAg8iYgIPImICDyJiAg8/eQBIAf95gH9DKuqKj2rqio9q6oqPauqKj395AEgB/3mAf0Mq6oqPquqKj6rqio+q6oqPv3kASAH
/eYB/QwAAAA/AAAAPwAAAD8AAAA//eQBIAf95gH9DAAAgD8AAIA/AACAPwAAgD/95AEgB/3mAf0MAACAPwAAgD8AAIA/AACAP/3kASAO/fgB/Q
x/AAAAfwAAAH8AAAB/AAAA/a4BQRf9qwH95gH95AH95wEiB/0LBAAgAiAPaiAGaiAK/QsEACADIA9qIAZq/QwAAIA/AACAPwAAgD8AAIA//QwA
AABAAAAAQAAAAEAAAABA/QwBDVA5AQ1QOQENUDkBDVA5IAsgDP0MAIAxPwCAMT8AgDE/AIAxP/3mAf3lASAM/QyDgF65g4BeuYOAXrmDgF65/e
YB/eUBIgj95gH9DGELtjphC7Y6YQu2OmELtjr95AEgCP3mAf0MiYgIPImICDyJiAg8iYgIPP3kASAI/eYB/Qyrqio9q6oqPauqKj2rqio9/eQB
IAj95gH9DKuqKj6rqio+q6oqPquqKj795AEgCP3mAf0MAAAAPwAAAD8AAAA/AAAAP/3kASAI/eYB/QwAAIA/AACAPwAAgD8AAIA//eQBIAj95g
H9DAAAgD8AAIA/AACAPwAAgD/95AEgDP34Af0MfwAAAH8AAAB/AAAAfwAAAP2uAUEX/asB/eYB/QwAAIA/AACAPwAAgD8AAIA//eQB/ecB/eUB
Igj9CwQAIAQgD2ogBmogByAI/eYB/QsEACAGQRBqIQYMAQsLIA8gEGohDyASQQFqIRIMAQsLC58DAgh/B3sgBkECdCEIA0AgBSAKSgRAIAAgB0
ECdGohCUEAIQYDQCAGIAhJBEAgCCAJaiAGaiIL/QAEACEPIAYgCWoiDP0ABAAhECAMIAQgB2ogBmoiDv0ABAAgAyAHaiAGav0ABAAiFSAJIAhB
A2xqIAZqIg39AAQAIhL95gH9DAAAgD8AAIA/AACAPwAAgD8gAiAHaiAGav0ABAAiEyAT/eYB/eUB/eYB/eQBIhEgCSAIQQF0aiAGaiIM/QAEAC
IU/eYBIBD9DAAAgD8AAIA/AACAPwAAgD8gEP3lAf3mAf3mAf0LBAAgCyARIAEgB2ogBmr9AAQA/eYBIA/9DAAAgD8AAIA/AACAPwAAgD8gD/3l
Af3mAf3mAf0LBAAgDCARIBD95gH9DAAAgD8AAIA/AACAPwAAgD8gFCAU/eYB/eUB/eYB/QsEACANIBUgE/3mASAS/QwAAIA/AACAPwAAgD8AAI
A/IBL95QH95gH95gH9CwQAIA4gESAP/eYB/QsEACAGQRBqIQYMAQsLIAcgCGohByAKQQFqIQoMAQsLC2sBBH8gBEECdCEGA0AgAyAFSgRAIAAg
ASAFQQJ0aigCACAGbGohB0EAIQQDQCAEIAZJBEAgBCAHaiIIIAj9AAQAIAL9AAQA/eQB/QsEACAEQRBqIQQgAkEQaiECDAELCyAFQQFqIQUMAQ
sLCw==
`;

const PAGE_BYTES = 65_536;
const ALIGNMENT_BYTES = 16;

/** A block of floats in the memory: where it begins, in bytes, and how many there are. */
export interface Block {
  readonly at: number;
  readonly size: number;
}

/** The memory, handed out block by block; a call clears it, takes what it needs, and reads its results before it returns. */
export class LoopMemory {
  readonly loops: PolicyLoops;
  readonly #memory: SimdMemory = simdMemory();
  #top = 0;

  /** @throws CosearchError BACKEND_UNAVAILABLE where WebAssembly has no SIMD */
  constructor() {
    const loops = bindLoops<PolicyLoops>(COMPILED, this.#memory);
    if (loops === undefined) {
      throw new CosearchError(
        "BACKEND_UNAVAILABLE",
        "the policies need WebAssembly with SIMD, which this machine lacks",
      );
    }
    this.loops = loops;
  }

  /** Gives all blocks back. */
  clear(): void {
    this.#top = 0;
  }

  /** Room for `size` floats. Views that were made before may be of an older buffer: make them after the last block. */
  take(size: number): Block {
    const at = this.#top;
    this.#top = at + Math.ceil((4 * size) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const missing = this.#top - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    return { at, size };
  }

  floats({ at, size }: Block): Float32Array {
    return new Float32Array(this.#memory.buffer, at, size);
  }

  integers({ at, size }: Block): Int32Array {
    return new Int32Array(this.#memory.buffer, at, size);
  }
}

let shared: LoopMemory | undefined;

/** The memory of this process, empty. @throws CosearchError BACKEND_UNAVAILABLE where WebAssembly has no SIMD */
export function loopMemory(): LoopMemory {
  shared ??= new LoopMemory();
  shared.clear();
  return shared;
}

/** The next multiple of 8: the loops do eight columns at once. */
export const padded = (columns: number): number => Math.ceil(columns / 8) * 8;
