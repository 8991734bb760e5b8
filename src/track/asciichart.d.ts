// The package comes without types; this is the part that is used.
declare module "asciichart" {
  interface PlotOptions {
    readonly height?: number;
    readonly min?: number;
    readonly max?: number;
    readonly colors?: readonly (string | undefined)[];
    readonly format?: (value: number) => string;
  }
  const asciichart: { plot(series: readonly (readonly number[])[], options?: PlotOptions): string };
  export default asciichart;
}
