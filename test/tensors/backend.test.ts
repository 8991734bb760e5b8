import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { initBackend } from "../../src/tensors/backend.js";

describe("the tensor backend", () => {
  let handlersBefore: number[];
  const handlers = () => ["uncaughtException", "unhandledRejection"].map((event) => process.listenerCount(event));

  beforeAll(async () => {
    handlersBefore = handlers();
    await initBackend("wasm");
  });

  it("is WebAssembly when asked for, and computes", async () => {
    expect(await initBackend("wasm")).toEqual({ name: "wasm", version: "4.22.0" });
    expect(tf.getBackend()).toBe("wasm");
    expect([...tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync()]).toEqual([11]);
  });

  it("leaves no handler for uncaught errors behind", () => {
    expect(handlers()).toEqual(handlersBefore);
  });

  it("keeps the one that is set when the choice is left open, and does not greet", async () => {
    const warn = vi.spyOn(console, "warn");
    await initBackend("cpu");
    expect([...tf.add([1], [2]).dataSync()]).toEqual([3]);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    expect((await initBackend("auto")).name).toBe("cpu");
    expect((await initBackend()).name).toBe("cpu");
    expect((await initBackend("wasm")).name).toBe("wasm");
    expect(tf.getBackend()).toBe("wasm");
  });

  it("is, for evaluations, the one that is set, else the one that a worker thread was told, else their own", async () => {
    type Module = typeof import("../../src/tensors/backend.js");
    const told = (await import("../../src/tensors/backend.js?told" as string)) as Module;
    const untold = (await import("../../src/tensors/backend.js?untold" as string)) as Module;
    told.expectBackend("cpu");
    expect((await told.evaluationBackend()).name).toBe("cpu");
    expect((await untold.evaluationBackend("cpu")).name).toBe("cpu");
    expect((await untold.evaluationBackend("wasm")).name).toBe("cpu");
    await initBackend("cpu");
    expect((await initBackend("wasm")).name).toBe("wasm"); // for the tests that follow
  });

  it("names what is allowed when the choice is unknown", async () => {
    await expect(initBackend("quantum")).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: '"quantum" is no tensor backend; allowed: auto, wasm, native, cpu',
    });
  });

  it("is the native one when it loads, else WebAssembly with a note; asking for native alone fails then", async () => {
    const fresh = await import("../../src/tensors/backend.js?fresh=1" as string);
    const chosen = await (fresh.initBackend as typeof initBackend)("auto");
    const packageName: string = "@tensorflow/tfjs-node";
    const native = await import(packageName).then(
      () => true,
      () => false,
    );
    expect(chosen.name).toBe(native ? "native" : "wasm");
    expect(chosen.note).toMatch(
      native
        ? /^computing with the native tensor library, TensorFlow \d+\.\d+/
        : /^the native tensor library is (not installed|installed and does not load .*); using WebAssembly$/,
    );
    if (!native) await expect(initBackend("native")).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  });
});
