import { describe, expect, it } from "vitest";
import { blocks, cells, inline } from "./markdown";

describe("a card", () => {
  it("is taken apart into blocks, without the head for model hubs", () => {
    const card = "---\ntags:\n- gan\n---\n\n# name\n\nOne\ntwo.\n\n![x](y.png)\n\n```\na\n\nb\n```\n\n- p\n- q\n";
    expect(blocks(card)).toEqual(["# name", "One\ntwo.", "![x](y.png)", "```\na\n\nb\n```", "- p\n- q"]);
  });
  it("may be empty", () => {
    expect(blocks("")).toEqual([]);
  });
  it("has cells with bars in them", () => {
    expect(cells("| a | b \\| c |")).toEqual(["a", "b \\| c"]);
    expect(cells("| | |")).toEqual(["", ""]);
  });
  it("shows what is behind backslashes, and markup as text", () => {
    expect(inline("frechet\\_ratio <b>")).toEqual(["frechet_ratio <b>"]);
  });
});
