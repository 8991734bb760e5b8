// Which tensor backend computes: native tfjs-node when it loads, else WebAssembly, which ships in its package.
// Results of one backend repeat bit for bit; two backends differ in the last bits, so a run records the one it used
// and a resume asks for the same one. WebAssembly does not depend on the CPU: it is the reference.
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { CosearchError, suggestion } from "../core/errors.js";

export const BACKEND_CHOICES = ["auto", "wasm", "native", "cpu"] as const;
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

/** What computes; `note` says why it is not the first choice. */
export interface Backend {
  readonly name: Exclude<BackendChoice, "auto">;
  /** of tfjs */
  readonly version: string;
  readonly note?: string;
}

// Package names in variables: the native one is optional, so neither the compiler nor a bundler may insist on it.
const NATIVE_PACKAGE: string = "@tensorflow/tfjs-node";
const WASM_PACKAGE = "@tensorflow/tfjs-backend-wasm";
let current: Backend | undefined;

/** The backend that computes in this process (or worker thread), if one was set. */
export const currentBackend = (): Backend | undefined => current;

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
  const ready = async (name: Backend["name"], tfName: string, note?: string): Promise<Backend> => {
    if (!(await tf.setBackend(tfName))) throw new Error(`tfjs refused the backend "${tfName}"`);
    await tf.ready();
    current = { name, version, ...(note !== undefined && { note }) };
    return current;
  };
  try {
    if (choice === "cpu") return await ready("cpu", "cpu");
    if (choice === "native" || choice === "auto") {
      const failure = await importNative();
      if (failure === undefined) return await ready("native", "tensorflow");
      if (choice === "native") throw new Error(failure);
      await importWasm();
      return await ready("wasm", "wasm", "the native tensor library is not installed; using WebAssembly");
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

/** Why the native package does not load, or undefined when it did. A package without its binding throws a plain error
 *  without a code, so every error counts. */
async function importNative(): Promise<string | undefined> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  try {
    await import(NATIVE_PACKAGE);
    return undefined;
  } catch (error) {
    return (error as Error).message || "unknown error";
  }
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
