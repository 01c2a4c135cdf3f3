import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: { outDir: "../src/gansmith/serve/pages", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false },
});
