// ONNX Runtime in the builds: its wasm compressed beside the scripts, to be fetched or embedded, and its licence told.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const require = createRequire(import.meta.url);
const LICENCE = `
## onnxruntime-web - ${/"version": "([\d.]+)"/.exec(readFileSync("node_modules/onnxruntime-web/package.json", "utf8"))?.[1]} (MIT)

Copyright (c) Microsoft Corporation. The MIT License as above. Notices of what it is made of:
https://github.com/microsoft/onnxruntime/blob/main/ThirdPartyNotices.txt
`;

/** The runtime's script names its wasm file, which would be put into it; ours is handed to it, unpacked, by the page. */
export const apart: Plugin = {
  name: "apart",
  enforce: "pre",
  transform: (code, id) => (id.includes("onnxruntime-web") ? code.replaceAll(/new URL\("ort-wasm[\w.-]*\.wasm",\s*import\.meta\.url\)\.href/g, '""') : null),
};

/** Writes runtime.wasm.gz into the folder `out`, and the runtime's licence behind the others, where there are any. */
export const runtime = (out: string): Plugin => ({
  name: "runtime",
  closeBundle: () => {
    const wasm = readFileSync(require.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
    writeFileSync(`${out}/runtime.wasm.gz`, gzipSync(wasm, { level: 9 }));
    if (existsSync(`${out}/licenses.md`)) appendFileSync(`${out}/licenses.md`, LICENCE);
  },
});
