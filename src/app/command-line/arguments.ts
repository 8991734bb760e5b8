// Arguments of the command line as values, with what is allowed where one is not.
import { InvalidArgumentError } from "commander";

/** Collects an option that may be given several times. */
export const collect = (value: string, before: string[]): string[] => [...before, value];

/** One folder name: nothing that leads elsewhere. */
export function folderName(text: string): string {
  if (!/^[A-Za-z0-9][\w.-]{0,99}$/.test(text)) {
    throw new InvalidArgumentError("Letters, digits, dots, dashes and underscores are allowed, at most 100.");
  }
  return text;
}

export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < minimum || text.trim() === "") {
      throw new InvalidArgumentError(`A whole number of at least ${minimum} is needed.`);
    }
    return value;
  };
}

export function atLeastZero(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("A number of at least 0 is needed.");
}
