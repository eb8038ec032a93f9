// Where uploads stand: how many of them are searchable, and each that is worth naming.
import { el } from "../static/shared/dom.js";
import { progressRow } from "../static/shared/progress.js";
import { counted, numberInWords, stateOf } from "../static/shared/words.js";

const STATUSES = { ready: "active", pending: "indexing" };
const WORDS = { would_send: "would be sent", would_remove: "would be removed", skipped: "left out", removed: "removed", rejected: "rejected", failed: "failed" };
const MOST_ROWS = 12;
const TONES = ["bad", "wait", "still", "good"];

/** Return the standing of a `wait_for_bucket_sync`: {ready, failed, pending, rows: [{name, word, tone, reason}], note}. */
export function standingOf({ ready = 0, failed = 0, pending = 0, items = [], omitted, trouble }) {
  const rows = items.map(({ name, id, readiness, reason }) => ({ name: name ?? id, reason, ...wordOf(readiness) }));
  return { ready, failed, pending, rows, note: trouble, omitted };
}

/** Return the standing right after an `upload_file`. */
export function standingOfUpload({ filename, readiness, reason }) {
  const count = { ready: 0, failed: 0, pending: 0, [readiness]: 1 };
  return { ...count, rows: [{ name: filename, reason, ...wordOf(readiness) }] };
}

/** Return the standing right after an `upload_batch`, from its facts: {counts, searchable, outcomes, omitted, skipped, dry_run}. */
export function standingOfBatch(facts) {
  const { counts = {}, searchable = {}, outcomes = [], omitted, skipped = [], dry_run: isDry } = facts;
  const failed = searchable.failed ?? (counts.failed ?? 0) + (counts.rejected ?? 0);
  const ready = searchable.ready ?? 0;
  const sent = (counts.accepted ?? 0) + (counts.replayed ?? 0) + (counts.pending ?? 0);
  const rows = outcomes.map(({ path, outcome, reason }) => ({ name: path, reason, ...(WORDS[outcome] ? { word: WORDS[outcome], tone: toneOf(outcome) } : wordOf("pending")) }));
  const left = skipped.map(({ count, code, reason, examples }) => ({ name: examples.join(", ") + (count > examples.length ? " \u2026" : ""), reason, word: `${count} left out: ${code.replaceAll("_", " ")}`, tone: "still" }));
  return { ready, failed, pending: isDry ? 0 : Math.max(0, searchable.pending ?? sent - ready), rows: [...rows, ...left], omitted };
}

/** Return several standings as one. */
export function together(standings) {
  const sum = (name) => standings.reduce((total, standing) => total + (standing[name] ?? 0), 0);
  return { ready: sum("ready"), failed: sum("failed"), pending: sum("pending"), omitted: sum("omitted"), rows: standings.flatMap(({ rows }) => rows), note: standings.find(({ note }) => note)?.note };
}

/** Return the state of a standing as a whole. */
export function stateOfStanding({ ready, failed, pending }) {
  if (pending) return wordOf("pending");
  if (failed) return { word: `${numberInWords(failed)} failed`, tone: "bad" };
  return ready ? wordOf("ready") : { word: "nothing here", tone: "still" };
}

/** Return a standing as nodes; `noun` is what it counts, `name` stands above it. */
export function standingNodes(standing, { noun = "file", name = "" } = {}) {
  const total = standing.ready + standing.failed + standing.pending;
  const byTone = (first, second) => TONES.indexOf(first.tone) - TONES.indexOf(second.tone);
  const rows = standing.rows.toSorted(byTone).map(({ name, word, tone, reason }) => {
    const row = progressRow({ name, word, tone });
    if (reason) row.append(el("p", { class: "small muted row-reason" }, reason));
    return row;
  });
  // Of a single file the heading says it all.
  if (total === 1 && standing.rows.length === 1 && standing.rows[0].name === name) rows.splice(0, 1, ...[...rows[0].children].filter((node) => node.matches(".row-reason")).map((node) => el("li", {}, node)));
  const list = el("ul", { class: "progress-list" }, rows.slice(0, MOST_ROWS));
  const more = rows.length > MOST_ROWS && el("button", { onClick: () => {
    list.append(...rows.slice(MOST_ROWS));
    more.remove();
  } }, `Show ${rows.length - MOST_ROWS} more`);
  return [
    total > 0 && el("div", { class: "readiness" },
      el("p", { class: "small" }, el("strong", {}, `${numberInWords(standing.ready)} of ${counted(total, noun)}`), " searchable", standing.failed > 0 && `, ${numberInWords(standing.failed)} failed`),
      el("progress", { class: "bar", max: total, value: standing.ready, "aria-label": "Searchable" })),
    standing.note && el("p", { class: "notice", data: { tone: "wait" } }, standing.note),
    rows.length > 0 && list, more,
    standing.omitted > 0 && el("p", { class: "small muted" }, `and ${numberInWords(standing.omitted)} more`),
  ].filter(Boolean);
}

function wordOf(readiness) {
  return stateOf({ status: STATUSES[readiness] ?? readiness });
}

function toneOf(outcome) {
  return outcome === "failed" || outcome === "rejected" ? "bad" : "still";
}
