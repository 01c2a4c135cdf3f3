// Sliders of the directions that were given names, and, where there is a run to keep them with, a form that names more.

import { useState } from "preact/hooks";
import type { Words } from "../text";
import { type About, kinds, LONGEST } from "./latent";
import { Slide } from "./slide";

/** Keeps and forgets names; rejects with the reason. */
export interface Names {
  keep: (direction: string, name: string) => Promise<void>;
  forget: (name: string) => Promise<void>;
}

interface Props {
  about: About;
  steps: Record<string, number>;
  step: (name: string, to: number) => void;
  names?: Names;
  words: Words;
}

export function Naming({ about, steps, step, names, words }: Props) {
  const [direction, setDirection] = useState("principal 1");
  const [name, setName] = useState("");
  const [trouble, setTrouble] = useState("");
  const tried = (work: Promise<void>) => work.then(() => { setTrouble(""); setName(""); }, (error: Error) => setTrouble(error.message));
  if (!names && about.named.length === 0) return null;
  return (
    <details open={about.named.length > 0}>
      <summary>{words.namedDirections}</summary>
      {about.named.map(({ name: called }) => (
        <div key={called} class="named">
          <Slide label={called} value={steps[called] ?? 0} least={-LONGEST} most={LONGEST} change={(to) => step(called, to)} />
          {names && <button type="button" aria-label={`${words.forget}: ${called}`} onClick={() => void tried(names.forget(called))}>×</button>}
        </div>
      ))}
      {names && (
        <form
          class="controls"
          onSubmit={(event) => {
            event.preventDefault();
            void tried(names.keep(direction, name));
          }}
        >
          <label>
            {words.direction}{" "}
            <select value={direction} onChange={(e) => setDirection(e.currentTarget.value)}>
              {kinds.flatMap((kind) => about.directions[kind].map((_, k) => (
                <option key={`${kind} ${k}`} value={`${kind} ${k + 1}`}>{words.kindNames[kind]} {k + 1}</option>
              )))}
            </select>
          </label>
          <label>
            {words.called} <input type="text" required maxLength={40} value={name} onInput={(e) => setName(e.currentTarget.value)} />
          </label>
          <button type="submit">{words.keepName}</button>
        </form>
      )}
      {trouble && <p role="alert">{trouble}</p>}
    </details>
  );
}
