// A run's generator, to play with; the same explorer as in the one-file page.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { Engine } from "./explorer/engine";
import { Explorer } from "./explorer/explorer";
import EngineWorker from "./explorer/worker?worker";
import type { Words } from "./text";

export function Explore({ id, words }: { id: string; words: Words }) {
  const [engine, setEngine] = useState<Engine>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let begun: Engine | undefined;
    let gone = false;
    const begin = async () => {
      const about = await api.generator(id);
      if (gone) return;
      begun = new Engine(about, new EngineWorker());
      await begun.load(...(await Promise.all([api.runtime(), api.graph(id, "mapping.onnx"), api.graph(id, "synthesis.onnx")])));
      setEngine(begun);
    };
    begin().catch((error: Error) => !gone && setProblem(error.message || words.lost));
    return () => {
      gone = true;
      begun?.end();
    };
  }, [id]);
  return (
    <main>
      <a href={`#/run/${encodeURIComponent(id)}`}>{words.backToRun}</a>
      <h1>{id === "." ? words.explore : id}</h1>
      {problem ? <p role="alert">{problem}</p> : engine ? <Explorer about={engine.about} engine={engine} words={words} /> : <p role="status">{words.loading}</p>}
    </main>
  );
}
