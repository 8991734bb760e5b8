import { describe, expect, it } from "vitest";
import { accuracyProxy, accuracyProxyNames } from "../../../envs/accuracy/proxy.js";
import { defaultDeployment, deploymentSchema } from "../../../envs/deployment/deployment.js";
import { loadNetwork } from "../../../envs/network/network-file.js";

const inBits = (bits: 16 | 8 | 4) => deploymentSchema.parse({ weightBits: bits, activationBits: bits });

/** The proxies that answer at once. */
const formulas = () =>
  ["imagenet-surrogate", "macs-only", "params-only"].map((name) => {
    const proxy = accuracyProxy(name);
    const { error } = proxy;
    if (error === undefined) throw new Error("unmeasured");
    const estimate = (...given: Parameters<typeof proxy.estimate>) => {
      const answer = proxy.estimate(...given);
      if (answer instanceof Promise) throw new Error("a formula answers at once");
      return answer;
    };
    return { name, error, estimate };
  });

describe("accuracy proxies", () => {
  it("are found by name, and a near miss is suggested", () => {
    expect(accuracyProxyNames()).toContain("imagenet-surrogate");
    expect(accuracyProxy("imagenet-surrogate").name).toBe("imagenet-surrogate");
    expect(() => accuracyProxy("imagenet-surogate")).toThrow(/did you mean "imagenet-surrogate"/);
    expect(() => accuracyProxy("toString")).toThrow(expect.objectContaining({ code: "PROXY_UNKNOWN" }));
  });

  it("carry the error that was measured on networks left out of their fit", () => {
    for (const proxy of formulas()) {
      expect(proxy.error.networkCount).toBeGreaterThan(30);
      expect(proxy.error.kendallTau).toBeGreaterThanOrEqual(proxy.error.macsOnlyKendallTau);
      expect(proxy.error.coverage90).toBeGreaterThanOrEqual(0.85);
      expect(proxy.error.coverage90).toBeLessThanOrEqual(0.95);
    }
  });

  it("answer with a fraction, a spread and their name, the same each time", () => {
    const network = loadNetwork("mobilenet-v2");
    for (const proxy of formulas()) {
      const answer = proxy.estimate(network, defaultDeployment);
      expect(answer.proxy).toBe(proxy.name);
      expect(answer.estimate).toBeGreaterThan(0.6);
      expect(answer.estimate).toBeLessThan(0.8);
      expect(answer.standardError).toBeGreaterThan(0.003);
      expect(answer.standardError).toBeLessThan(0.1);
      expect(proxy.estimate(network, defaultDeployment)).toEqual(answer);
    }
  });

  it("never find more accuracy in fewer bits", () => {
    const network = loadNetwork("mobilenet-v2");
    for (const proxy of formulas()) {
      const [at16, at8, at4] = ([16, 8, 4] as const).map((bits) => proxy.estimate(network, inBits(bits)).estimate);
      expect(at16!).toBeGreaterThan(at8!);
      expect(at8!).toBeGreaterThan(at4!);
    }
  });
});
