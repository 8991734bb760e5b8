// From a checkpoint to a supernet that goes on or answers.
import { parseSpaceFile } from "../../space-file.js";
import { dataOf } from "../training/training-proxy.js";
import { badCheckpoint, type SupernetCheckpoint } from "./checkpoint.js";
import { Supernet } from "./supernet.js";

/** The supernet of a checkpoint; the tensor backend must be set, and the caller disposes it.
 *  @throws CosearchError CHECKPOINT_BAD when its space now has other weights, FILE_* */
export function restoreSupernet(checkpoint: SupernetCheckpoint, file: string): Supernet {
  const { settings, state } = checkpoint;
  const supernet = new Supernet(parseSpaceFile(checkpoint.space, file), settings, dataOf(settings));
  const { keys, shapes } = supernet.layout;
  if (JSON.stringify([keys, shapes]) !== JSON.stringify([state.keys, state.shapes])) {
    supernet.dispose();
    throw badCheckpoint(file, "its weights are not those of its space: it was written by another version");
  }
  supernet.restore(state);
  return supernet;
}
