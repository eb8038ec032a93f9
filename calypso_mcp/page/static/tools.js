// The tools of the MCP server as the views see them: plain values, within what the caller's token may reach.
import { Refused, apiAddress, call, send } from "./api.js";
import { bucketOf, hitOf } from "./shared/tool_results.js";

const NAMES = { upload: "upload_file", sources: "list_sources", remove: "remove_source", addWebsite: "add_website", addQa: "add_qa", createBucket: "create_bucket", agents: "list_agents", read: "read_source" };

/** What this server offers; filled by `prepare`. */
export const can = {};

let count = 0;

const id = encodeURIComponent;

/** Learn which tools there are, and what the page's own routes add to them. */
export async function prepare() {
  const { tools } = await askServer("tools/list", {});
  const offered = new Set(tools.map(({ name }) => name));
  for (const [ability, name] of Object.entries(NAMES)) can[ability] = offered.has(name);
  Object.assign(can, await call("GET", "page/abilities"));
}

async function askServer(method, params, signal) {
  count += 1;
  const headers = { Accept: "application/json, text/event-stream" };
  const response = await send("POST", "mcp", { body: { jsonrpc: "2.0", id: count, method, params }, headers, signal });
  const text = await response.text();
  const lines = text.startsWith("{") ? [text] : text.split("\n").filter((line) => line.startsWith("data: {")).map((line) => line.slice(6));
  const answer = lines.map((line) => JSON.parse(line)).find((message) => message.result ?? message.error);
  if (!answer?.result) throw new Refused(502, "no_answer", answer?.error?.message ?? "The server's answer is incomplete.");
  return answer.result;
}

async function tool(name, given, signal) {
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== "" && value !== null));
  const result = await askServer("tools/call", { name, arguments: named }, signal);
  if (!result.isError) return result.structuredContent;
  const told = result.structuredContent?.error ?? {};
  const message = told.message ?? result.content?.[0]?.text ?? "The tool failed.";
  throw new Refused(/not_found/.test(told.code) ? 404 : 400, told.code, message);
}

/** Return every bucket within reach, with the agents that are attached to it. */
export async function buckets(signal) {
  const found = [];
  for (let cursor; ;) {
    const page = await tool("list_buckets", { limit: 100, cursor }, signal);
    found.push(...page.buckets);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return found.map(bucketOf);
}

/** Make an empty bucket; returns it with the agents that search it. */
export const createBucket = (name, description) => tool("create_bucket", { name, description });

/** Return sources of a bucket, a page at a time: {sources, total, next}. */
export async function sources(bucket, { cursor = undefined, limit = 100, signal = undefined, ...filters } = {}) {
  const page = await call("GET", "page/sources", { query: { bucket, cursor, limit, ...filters }, signal });
  return { sources: page.sources.map(sourceOf), total: page.total, next: page.next_cursor, others: page.others };
}

function sourceOf({ file_id: id, name, kind = "file", size_bytes: size, state, reason, tags = [], updated }) {
  const isFailed = state === "failed";
  return {
    id, name, filename: name, kind, size, tags, updated, bucketIds: [],
    status: state === "ready" ? "active" : state, error: isFailed ? reason : undefined, warnings: reason && !isFailed ? [reason] : [],
  };
}

/** Return one source, as far as its reading tells. */
export async function source(fileId, signal) {
  const read = await tool("read_source", { file_id: fileId, max_chars: 200 }, signal);
  return sourceOf({ state: "ready", ...read });
}

/** Return text of a source from `at` on: {passage}, or {at} as a hit states its place. */
export async function text(fileId, { passage = undefined, at = undefined } = {}, signal) {
  const start = passage === undefined ? at : `passage ${passage + 1}`;
  const read = await tool("read_source", { file_id: fileId, start, max_chars: 12000 }, signal);
  const first = (read.first ?? 1) - 1;
  const passages = (read.passages ?? []).map((one, position) => ({ index: first + position, text: one.text, place: one.place ?? "" }));
  return { passages, total: read.of ?? 0, next: read.next_start ? first + passages.length : null };
}

/** Return the address of the original. */
export const contentUrl = (fileId) => apiAddress(`page/sources/${id(fileId)}/content`).href;

/** Return the address of what a page of a PDF looks like. */
export const pictureUrl = (fileId, page) => apiAddress(`page/sources/${id(fileId)}/pages/${page}/picture`).href;

/** Change tags. */
export const relabel = (fileId, changes) => call("PATCH", `page/sources/${id(fileId)}`, { body: changes });

/** Take a source out of one bucket, or out of all. A person has agreed. */
export const remove = (fileId, bucket) => tool("remove_source", { file_id: fileId, bucket, confirm: true });

/** Read a web page into a bucket. */
export const addWebsite = (bucket, url) => tool("add_website", { bucket, url });

/** Keep an answer under its question. */
export const addQa = (bucket, question, answer) => tool("add_qa", { bucket, question, answer });

/** Search the named buckets, or all within reach: {hits, absent}. */
export async function search({ query, buckets: named, limit = 10, signal }) {
  const found = await call("POST", "page/search", { body: { query, buckets: named, max_results: limit }, signal });
  return { hits: found.hits.map(hitOf), absent: found.absent_words ?? [] };
}

/** Return the agents: {model, name, isDefault, buckets}. */
export async function agents(signal) {
  const { agents: found } = await tool("list_agents", {}, signal);
  return found.map((agent) => ({
    model: agent.agent, name: agent.agent, isDefault: agent.default, buckets: (agent.buckets ?? []).map((slug) => ({ id: slug, slug, name: slug })),
  }));
}

/** Ask an agent: {parts: [{text, sources: [number]}], sources: [{number, title, fileId, text, place}], note}. */
export async function ask({ model, question, signal }) {
  const answer = await tool("ask_agent", { agent: model, question }, signal);
  const isQuote = answer.kind === "extractive";
  const [note, ...quotes] = answer.answer.split(/\n+/).filter(Boolean);
  return {
    note: isQuote ? note : "",
    parts: (isQuote ? quotes : [note, ...quotes]).map((line) => ({
      text: line.replace(/\s*\[\d+\]/g, ""), sources: [...line.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number)), isQuote,
    })),
    sources: (answer.citations ?? []).map((citation, position) => ({ number: position + 1, ...hitOf(citation) })),
  };
}

/** Get a one-time address for a file: {url}. It is sent in any number of parts, and indexed once it is whole. */
export async function openUpload({ bucket, path, ifExists }) {
  const issued = await call("POST", "page/uploads", { body: { bucket, path, if_exists: can.replace ? ifExists : undefined } });
  return { url: new URL(issued.url).pathname };
}

/** Nothing is left to say once the bytes are there. */
export const closeUpload = async () => {};
