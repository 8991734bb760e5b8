// What the page and programs may ask of a run.
import { z } from "zod";

export const controlRequest = z.discriminatedUnion("action", [
  z.strictObject({ action: z.enum(["pause", "resume", "stop"]) }),
  z.strictObject({ action: z.literal("raise"), trials: z.int().min(1).max(100_000_000) }),
]);
