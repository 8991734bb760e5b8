// Whether the optional native tensor library loads here: tests that need it say so, and are skipped where it does not.
import { initBackend } from "../../src/tensors/backend.js";

/** Undefined where it loads, else why it does not: what `describe.skipIf` gets, so that the reason stands in the output. */
export const whyNativeIsMissing = (): Promise<string | undefined> =>
  initBackend("native").then(
    () => undefined,
    (error: Error) => error.message.split(";")[0],
  );
