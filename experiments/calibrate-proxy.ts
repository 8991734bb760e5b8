// A proxy against a table, by their names: what `cosearch calibrate` asks for. And a surrogate of one's own from one's data.
import { type Calibration, calibrate } from "../envs/accuracy/calibrate.js";
import { type Fit, fitAll } from "../envs/accuracy/fit/fit-all.js";
import { accuracyProxy, resolveAccuracy } from "../envs/accuracy/proxy.js";
import { readTable } from "../envs/accuracy/tables/table.js";

export interface ProxyCalibration extends Calibration {
  readonly proxy: string;
  readonly table: string;
}

/** @param options of the proxy; paths are relative to the working folder
 *  @throws CosearchError PROXY_UNKNOWN, FILE_* */
export async function calibrateProxy(
  name: string,
  tableFile: string,
  options: Readonly<Record<string, unknown>> = {},
): Promise<ProxyCalibration> {
  const { proxy, ...resolved } = resolveAccuracy({ ...options, proxy: name }, ".");
  return { proxy, table: tableFile, ...(await calibrate(accuracyProxy(proxy, resolved), readTable(tableFile))) };
}

/** @param folder holds imagenet-models.json and, if there are any, mbconv-imagenet-dpu.csv and quantization-pairs.csv
 *  @throws CosearchError FILE_* */
export const fitSurrogate = (folder: string): Fit => fitAll(folder, false);
