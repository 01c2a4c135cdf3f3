// What a live training can be asked: pause, go on, a snapshot, to stop. Stopping wants a second press.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import type { Words } from "./text";

const SURE = 4000; // milliseconds within which the second press counts

export function Wishes({ run, words }: { run: api.Run; words: Words }) {
  const [told, setTold] = useState("");
  const [sure, setSure] = useState(false);
  useEffect(() => setTold(""), [run.state, run.grids.length]);
  useEffect(() => {
    if (!sure) return;
    const timer = setTimeout(() => setSure(false), SURE);
    return () => clearTimeout(timer);
  }, [sure]);
  const ask = (what: api.Wish) => {
    setTold("");
    api.wish(run.id, what).then(
      () => setTold(words.asked),
      (error: Error) => setTold(error.message || words.lost),
    );
  };
  const wishes: api.Wish[] = [run.state === "paused" ? "continue" : "pause", "snapshot", "stop"];
  return (
    <p class="wishes">
      {wishes.map((what) => (
        <button
          key={what}
          type="button"
          onClick={() => {
            setSure(what === "stop" && !sure);
            if (what !== "stop" || sure) ask(what);
          }}
        >
          {what === "stop" && sure ? words.surely : words.wishes[what]}
        </button>
      ))}{" "}
      <span role="status">{told}</span>
    </p>
  );
}
