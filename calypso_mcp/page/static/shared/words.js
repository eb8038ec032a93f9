// How numbers, times, places and states read.

const SIZES = ["bytes", "KB", "MB", "GB"];
// Made once: finding out how a language writes numbers takes longer than writing one.
const NUMBERS = new Intl.NumberFormat("en");

/** Return "10,000". */
export const numberInWords = (number) => NUMBERS.format(number);

/** Return a size such as "1.4 MB"; nothing for one that is not known. */
export function sizeInWords(bytes) {
  if (bytes === undefined || bytes === null) return "";
  let step = 0;
  let value = Number(bytes) || 0;
  while (value >= 1000 && step < SIZES.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step && value < 10 ? value.toFixed(1) : numberInWords(Math.round(value))} ${SIZES[step]}`;
}

/** Return "1 file", "2 files". */
export function counted(count, noun, plural = `${noun}s`) {
  return `${numberInWords(Number(count))} ${count === 1 ? noun : plural}`;
}

/** Return how long ago an ISO time was, such as "5 min ago"; older times as a date. */
export function ago(iso, now = Date.now()) {
  // A date alone does not tell how long ago.
  if (/^\d{4}-\d\d-\d\d$/.test(iso)) return iso === new Date(now).toISOString().slice(0, 10) ? "today" : iso;
  const seconds = (now - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return iso.slice(0, 10);
}

/** Return where a passage stands, such as "page 4, lines 10-18", from the attributes that the API gives, or as text. */
export function placeInWords(place = {}) {
  if (typeof place === "string") return place;
  const words = [];
  if (place.sheet) words.push(`sheet ${place.sheet}`, span("row", place.row_start, place.row_end));
  if (place.page) words.push(`page ${place.page_label ?? place.page}`);
  if (place.slide) words.push(`slide ${place.slide}`);
  if (place.line_start && !place.page) words.push(span("line", place.line_start, place.line_end));
  if (place.heading) words.push(`\u201c${place.heading}\u201d`);
  return words.filter(Boolean).join(", ");
}

function span(noun, first, last) {
  if (!first) return "";
  return last && last !== first ? `${noun}s ${first}\u2013${last}` : `${noun} ${first}`;
}

/** Return what a source's state is called and its tone: good, wait, bad or still. */
export function stateOf(source) {
  const { status, sync } = source;
  if (status === "failed") return { word: "failed", tone: "bad" };
  if (status === "deleted") return { word: "removed", tone: "still" };
  if (status === "active" || status === "indexed") {
    if (!sync || sync === "active") return { word: "searchable", tone: "good" };
    return sync === "failed" || sync === "error"
      ? { word: "not in the bucket", tone: "bad" }
      : { word: "joining the bucket", tone: "wait" };
  }
  return { word: status || "unknown", tone: status ? "wait" : "still" };
}

/** Return how ready a bucket is, in words and tone. */
export function readinessOf(bucket) {
  const { total, indexed, pending, failed } = bucket;
  if (pending) return { word: `${counted(pending, "source")} pending`, tone: "wait" };
  if (failed) return { word: `${numberInWords(failed)} failed`, tone: "bad" };
  if (!total) return { word: "empty", tone: "still" };
  return indexed >= total ? { word: "searchable", tone: "good" } : { word: "partly searchable", tone: "wait" };
}
