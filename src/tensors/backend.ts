// Which tensor backend computes: native tfjs-node when it loads, else WebAssembly, which ships in its package.
// Results of one backend repeat bit for bit; two backends differ in the last bits, so a run records the one it used
// and a resume asks for the same one. WebAssembly does not depend on the CPU: it is the reference. docs/native-backend.md.
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { CosearchError, suggestion } from "../core/errors.js";

export const BACKEND_CHOICES = ["auto", "wasm", "native", "cpu"] as const;
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

export type BackendName = Exclude<BackendChoice, "auto">;

/** What computes; `note` says what "auto" took, and why it is not the first choice. */
export interface Backend {
  readonly name: BackendName;
  /** of tfjs */
  readonly version: string;
  /** of the native library, whose results may move from version to version */
  readonly tensorflow?: string;
  readonly note?: string;
}

// Package names in variables: the native one is optional, so neither the compiler nor a bundler may insist on it.
const NATIVE_PACKAGE: string = "@tensorflow/tfjs-node";
const WASM_PACKAGE = "@tensorflow/tfjs-backend-wasm";
let current: Backend | undefined;
let expected: BackendName | undefined;

/** Says which backend the run computes on, in a worker thread that may never need one. */
export function expectBackend(name: BackendName): void {
  expected = name;
}

/** Loads what evaluations compute on: the backend that is set or expected, so that a run has only one, else `otherwise`.
 *  @throws CosearchError BACKEND_UNAVAILABLE */
export const evaluationBackend = (otherwise: string = "wasm"): Promise<Backend> =>
  initBackend(current?.name ?? expected ?? otherwise);

/** Loads tfjs and sets its backend; later calls that ask for the same one return at once.
 *  @param choice "auto": native if it loads, else wasm
 *  @throws CosearchError BACKEND_UNAVAILABLE when the one asked for does not load */
export async function initBackend(choice: BackendChoice | (string & {}) = "auto"): Promise<Backend> {
  if (!BACKEND_CHOICES.includes(choice as BackendChoice)) {
    throw new CosearchError(
      "BACKEND_UNAVAILABLE",
      `"${choice}" is no tensor backend${suggestion(choice, BACKEND_CHOICES)}`,
    );
  }
  if (current !== undefined && (choice === "auto" || choice === current.name)) return current;
  const tf = await import("@tensorflow/tfjs");
  const version = tf.version_core;
  const ready = async (name: BackendName, tfName: string, more: Partial<Backend> = {}): Promise<Backend> => {
    if (!(await tf.setBackend(tfName))) throw new Error(`tfjs refused the backend "${tfName}"`);
    await tf.ready();
    current = { name, version, ...more };
    return current;
  };
  try {
    if (choice === "cpu") {
      const backend = await ready("cpu", "cpu");
      useQuietly(tf);
      return backend;
    }
    if (choice === "native" || choice === "auto") {
      const failure = await importNative();
      if (failure === undefined) {
        const tensorflow = nativeVersion(tf.findBackend("tensorflow"));
        const note = `computing with the native tensor library, TensorFlow ${tensorflow}`;
        return await ready("native", "tensorflow", { tensorflow, ...(choice === "auto" && { note }) });
      }
      if (choice === "native") throw new Error(`${failure}; ${NATIVE_REMEDY}`);
      await importWasm();
      return await ready("wasm", "wasm", { note: `${failure}; using WebAssembly` });
    }
    await importWasm();
    return await ready("wasm", "wasm");
  } catch (error) {
    throw new CosearchError(
      "BACKEND_UNAVAILABLE",
      `tensor backend "${choice}" does not load: ${(error as Error).message.split("\n")[0]}`,
      { cause: error },
    );
  }
}

const NATIVE_REMEDY =
  "install it (`npm install --no-save @tensorflow/tfjs-node`, or scripts/setup-native.sh where its download fails; docs/native-backend.md), or compute with `wasm`";

/** Why the native package does not load, or undefined when it did. A package without its binding throws a plain error
 *  without a code, so every error counts.
 *
 *  oneDNN is left off unless the environment asks for it: it makes nothing here faster (docs/native-backend.md), its results
 *  depend on the processor, and the library announces it on stderr whatever the log level is. */
async function importNative(): Promise<string | undefined> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  process.env.TF_ENABLE_ONEDNN_OPTS ??= "0";
  try {
    await import(NATIVE_PACKAGE);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isMissing = code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${NATIVE_PACKAGE}'`);
    if (isMissing) return "the native tensor library is not installed";
    return `the native tensor library is installed and does not load (${message.split("\n")[0]})`;
  }
}

const nativeVersion = (backend: unknown): string =>
  (backend as { readonly binding?: { readonly TF_Version?: string } } | null)?.binding?.TF_Version ??
  "of unknown version";

/** On first use the cpu backend prints a greeting that recommends another; a run's stderr is no place for that. */
function useQuietly(tf: typeof import("@tensorflow/tfjs")): void {
  const isTest = tf.env().getBool("IS_TEST");
  tf.env().set("IS_TEST", true);
  tf.tidy(() => tf.scalar(0).dataSync());
  tf.env().set("IS_TEST", isTest);
}

/** Emscripten installs handlers that rethrow uncaught errors with a foreign stack; the ones it added are taken off again. */
async function importWasm(): Promise<void> {
  const tf = await import("@tensorflow/tfjs");
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => process.listeners(event as "uncaughtException"));
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(dirname(createRequire(import.meta.url).resolve(WASM_PACKAGE)) + sep);
  await tf.setBackend("wasm");
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as "uncaughtException")) {
      if (!before[i]!.includes(listener)) process.removeListener(event, listener);
    }
  });
}

/** Tensors that are held now; a number that rises update after update is a leak. */
export async function tensorCount(): Promise<number> {
  const tf = await import("@tensorflow/tfjs");
  return tf.memory().numTensors;
}
