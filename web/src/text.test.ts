import { describe, expect, it } from "vitest";
import { duration } from "./text";

describe("a duration", () => {
  it.each([
    [0.4, "0 s"],
    [90, "90 s"],
    [121, "2 min"],
    [3599, "59 min"],
    [3660, "1 h 1 min"],
  ])("of %d seconds is read as %s", (seconds, text) => expect(duration(seconds)).toBe(text));
});
