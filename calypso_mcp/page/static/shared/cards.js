// Buckets as cards, with how much of each is searchable.
import { el } from "./dom.js";
import { counted, numberInWords, readinessOf } from "./words.js";

/**
 * Return the card of a bucket.
 *
 * bucket: {name, slug, description, total, indexed, pending, failed, kinds: {file, website, qa}, error, agents}
 * href: where its name leads; without it the name is plain text. heading: the level of its heading.
 */
export function bucketCard(bucket, { href = undefined, heading = "h2" } = {}) {
  const name = bucket.name || bucket.slug;
  const state = readinessOf(bucket);
  return el("article", { class: "card" },
    el("div", { class: "card-head" },
      el(heading, { dir: "auto" }, href ? el("a", { href }, name) : name),
      el("span", { class: "state", data: { tone: state.tone } }, state.word)),
    bucket.slug !== name && el("p", { class: "quiet-id" }, bucket.slug),
    bucket.description && el("p", { class: "muted small" }, bucket.description),
    readiness(bucket),
    bucket.error && el("p", { class: "notice", data: { tone: "bad" } }, bucket.error),
    el("ul", { class: "facts card-foot" }, facts(bucket).map((fact) => el("li", { class: "brief" }, fact))));
}

/** Return "12 / 12 indexed members" with its bar. */
export function readiness(bucket) {
  return el("div", { class: "readiness" },
    el("p", { class: "small" },
      el("strong", {}, `${numberInWords(bucket.indexed)} / ${numberInWords(bucket.total)}`), " indexed members"),
    el("progress", { class: "bar", max: Math.max(bucket.total, 1), value: bucket.indexed, "aria-label": `Indexed members of ${bucket.name || bucket.slug}` }));
}

function facts({ kinds, agents }) {
  return [
    kinds.file !== undefined && counted(kinds.file, "file"),
    Boolean(kinds.website) && counted(kinds.website, "website"),
    Boolean(kinds.qa) && `${numberInWords(kinds.qa)} Q&A`,
    Boolean(agents?.length) && `${agents.length === 1 ? "agent" : "agents"}: ${agents.slice(0, 3).join(", ")}${agents.length > 3 ? " \u2026" : ""}`,
  ].filter(Boolean);
}
