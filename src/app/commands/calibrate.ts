// `cosearch calibrate`: how far an accuracy proxy can be trusted on a table of measured networks, beside MACs and parameters.
import { writeFileSync } from "node:fs";
import { calibrateProxy, type ProxyCalibration } from "../../../experiments/calibrate-proxy.js";
import { parseOverride } from "../../../experiments/study-file.js";
import { CosearchError } from "../../core/errors.js";
import { calibrationChart } from "../../track/calibration-chart.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";

export interface CalibrateCommandOptions {
  readonly proxy: string;
  readonly data: string;
  readonly option: readonly string[];
  readonly out?: string;
  readonly json?: boolean;
}

/** @throws CosearchError PROXY_UNKNOWN, FILE_*, USAGE */
export async function calibrateCommand(options: CalibrateCommandOptions, terminal: Terminal): Promise<number> {
  const result = await calibrateProxy(options.proxy, options.data, optionsOf(options.option));
  if (result.scored < 2) {
    throw new CosearchError(
      "FILE_BAD_VALUE",
      `${options.data}: ${result.scored} of ${result.rows} rows can be scored by ${options.proxy}; an order needs at least 2`,
    );
  }
  const file = options.out ?? (options.json ? undefined : "calibration.svg");
  if (file !== undefined) write(file, chartOf(result));
  if (options.json) {
    const { points, ...figures } = result;
    terminal.out(`${JSON.stringify(figures, null, 2)}\n`);
    return EXIT.ok;
  }
  terminal.out(textOf(result));
  terminal.out(`\nscatter plot  ${file}\n`);
  return EXIT.ok;
}

/** `key=value` pairs of --option, values as YAML. @throws CosearchError USAGE */
export function optionsOf(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const { path, value } = parseOverride(pair);
      return [path.join("."), value];
    }),
  );
}

function textOf(result: ProxyCalibration): string {
  const figure = (value: number | null): string => value?.toFixed(3) ?? "";
  const rows = [
    [
      result.proxy,
      figure(result.kendallTau),
      figure(result.spearman),
      result.meanAbsErrorPoints.toFixed(2),
      result.biasPoints.toFixed(2),
      `${(100 * result.coverage90).toFixed(0)} %`,
    ],
    ["MACs only", figure(result.macsOnly.kendallTau), figure(result.macsOnly.spearman), "", "", ""],
    ["parameters only", figure(result.paramsOnly.kendallTau), figure(result.paramsOnly.spearman), "", "", ""],
  ];
  return (
    `${result.table}: ${result.format}, ${result.quantity}, ${result.scored} of ${result.rows} rows scored\n\n` +
    `${table(["predictor", "Kendall tau", "Spearman", "mean error", "bias", "in 90 %"], rows)}` +
    `mean error and bias in points; without the bias the mean error is ${result.meanAbsErrorWithoutBiasPoints.toFixed(2)}\n`
  );
}

const chartOf = (result: ProxyCalibration): string =>
  calibrationChart({
    title: `${result.proxy} on ${result.format}`,
    subtitle: `${result.scored} networks, Kendall tau ${result.kendallTau.toFixed(3)} (MACs ${result.macsOnly.kendallTau?.toFixed(3) ?? "–"}), mean error ${result.meanAbsErrorPoints.toFixed(2)} points`,
    quantity: `${result.quantity} (%)`,
    points: result.points.map(({ measured, estimate }) => ({ measured: 100 * measured, estimate: 100 * estimate })),
  });

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CosearchError("USAGE", `--out ${file}: ${(error as Error).message}`, { cause: error });
  }
}
