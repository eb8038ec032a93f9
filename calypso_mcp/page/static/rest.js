// The REST API of Calypso as the views see it: plain values, the same for every server behind the page.
import { Refused, apiAddress, call } from "./api.js";

const id = encodeURIComponent;

/** What this API can do beyond looking and searching. */
export const can = { sources: true, read: true, upload: true, relabel: true, remove: true, download: true, addWebsite: true, addQa: true, createBucket: true, sort: true, replace: true, pictures: true };

/** Return every bucket, with the agents that are attached to it. */
export async function buckets(signal) {
  const [listed, models] = await Promise.all([call("GET", "knowledge/buckets", { signal }), agents(signal)]);
  return listed.buckets.map((bucket) => {
    const store = bucket.bucketStore ?? {};
    const total = store.member_count ?? bucket.memberCount ?? 0;
    const indexed = store.indexed_member_count ?? 0;
    const pending = store.pending_member_count ?? 0;
    return {
      id: bucket.id, slug: bucket.slug, name: bucket.name, description: bucket.description,
      total, indexed, pending, failed: Math.max(0, total - indexed - pending),
      kinds: { file: bucket.counts?.file, website: bucket.counts?.website, qa: bucket.counts?.qa },
      error: store.last_error,
      agents: models.filter((agent) => !agent.isDefault && agent.buckets.some((other) => other.id === bucket.id)).map((agent) => agent.name),
    };
  });
}

/** Make an empty bucket; returns it with the agents that search it. */
export async function createBucket(name, description) {
  const made = await call("POST", "knowledge/buckets", { body: { name, description: description || undefined } });
  const models = await agents();
  return { ...made, agents: models.filter(({ buckets: bound }) => bound.some((other) => other.id === made.id)).map(({ model }) => model) };
}

/** Return sources of a bucket, a page at a time: {sources, total, next}. */
export async function sources(bucket, { cursor = undefined, limit = 100, signal = undefined, ...filters } = {}) {
  const answer = await call("GET", "knowledge/sources", { query: { bucket, cursor, limit, ...filters }, signal });
  return { sources: answer.sources.map((source) => sourceOf(source, bucket)), total: answer.total, next: answer.next_cursor };
}

/** Return one source. */
export const source = async (fileId, signal) => sourceOf(await call("GET", `knowledge/files/${id(fileId)}`, { signal }));

function sourceOf(file, bucketId) {
  const synced = (file.bucketSync ?? []).find?.((one) => one.bucket_id === bucketId);
  return {
    id: file.id, name: file.name ?? file.filename, filename: file.filename, title: file.title, kind: file.kind ?? "file",
    size: file.size_bytes, tags: file.tags ?? [], updated: file.updated_at ?? file.created_at,
    status: file.status, sync: synced?.status ?? file.bucketSyncStatus, bucketIds: file.bucket_ids ?? [],
    error: file.error?.message, warnings: (file.warnings ?? []).map((warning) => warning.message ?? String(warning)), url: file.metadata?.url,
  };
}

/** Return text of a source from `at` on: {passage}, or {part, line}. */
export async function text(fileId, at = {}, signal) {
  const answer = await call("GET", `knowledge/sources/${id(fileId)}/text`, { query: { ...at, max_chars: 12000 }, signal });
  return {
    passages: answer.passages.map((passage) => ({ index: passage.index, text: passage.text, place: passage.attributes ?? {} })),
    total: answer.total_passages, next: answer.next,
  };
}

/** Return the address of the original. */
export const contentUrl = (fileId) => apiAddress(`knowledge/sources/${id(fileId)}/content`).href;

/** Return the address of what a page of a PDF looks like. */
export const pictureUrl = (fileId, page) => apiAddress(`knowledge/sources/${id(fileId)}/pages/${page}/picture`).href;

/** Change tags or title. */
export const relabel = (fileId, changes) => call("PATCH", `knowledge/sources/${id(fileId)}`, { body: changes });

/** Take a source out of one bucket, or out of all. */
export const remove = (fileId, bucket) => call("DELETE", `knowledge/sources/${id(fileId)}`, { query: { bucket } });

/** Read a web page into a bucket. */
export const addWebsite = (bucket, url, replaces) =>
  call("POST", "knowledge/websites", { body: { url, bucket_ids: [bucket], if_exists: replaces ? "replace" : undefined } });

/** Keep an answer under its question. */
export const addQa = (bucket, question, answer) =>
  call("POST", "knowledge/qa", { body: { question, answer, bucket_ids: [bucket] } });

/** Search the named buckets, or those of the default agent: {hits, absent}. */
export async function search({ query, buckets: named, limit = 10, signal }) {
  const answer = await call("POST", "search", { body: { query, buckets: named?.length ? named : undefined, max_results: limit }, signal });
  return {
    hits: answer.results.map((hit) => ({
      // Web pages and answers have names of their own, their files' are made up.
      fileId: hit.file_id, title: hit.title, filename: hit.attributes?.kind ? undefined : hit.filename, text: hit.text ?? "",
      score: hit.attributes?.score, place: hit.attributes ?? {},
    })),
    absent: answer.absent_words ?? [],
  };
}

/** Return the agents: {model, name, isDefault, buckets, instructions}. */
export async function agents(signal) {
  const answer = await call("GET", "rag-agent/models", { signal });
  return answer.data.map((agent) => ({
    model: agent.id, name: agent.name ?? agent.id, isDefault: agent.profile_id === null,
    buckets: (agent.buckets ?? []).map(({ id: bucketId, name, slug }) => ({ id: bucketId, name, slug })),
    instructions: agent.instructions,
  }));
}

/** Ask an agent: {parts: [{text, sources: [number]}], sources: [{number, title, fileId, text, place}], note}. */
export async function ask({ model, question, signal }) {
  const answer = await call("POST", "responses", { body: { model, input: question, store: false }, signal });
  const grounding = answer.metadata?._aicore ?? {};
  const supports = grounding.grounding_supports ?? [];
  const whole = grounding.display_text ?? answer.output_text ?? "";
  const isQuoted = supports.length > 0 && supports.every((support) => support.text);
  return {
    note: isQuoted ? whole.split("\n")[0] : "",
    parts: isQuoted
      ? supports.map((support) => ({ text: support.text, sources: (support.chunks ?? []).map((chunk) => chunk + 1), isQuote: grounding.answer_kind === "extractive" }))
      : [{ text: whole, sources: [] }],
    sources: (grounding.grounded_sources ?? []).map((found, position) => ({
      number: found.index ?? position + 1, title: found.label ?? found.title ?? found.file_name, filename: found.file_name,
      fileId: found.knowledge_id, text: found.snippet ?? found.text ?? "", place: found.attributes ?? {},
    })),
  };
}

/** Announce a file; the same key continues what was begun with it. Returns {sessionId, url}. */
export async function openUpload({ bucket, name, path, size, type, ifExists, key }) {
  const body = { filename: name, content_type: type || "application/octet-stream", size_bytes: size, bucket_ids: [bucket], path, if_exists: ifExists };
  const opened = await call("POST", "knowledge/files/upload-session", { body, headers: { "Idempotency-Key": key } });
  return { sessionId: opened.session_id, url: new URL(opened.upload_url).pathname };
}

/** Have what was sent indexed. */
export const closeUpload = (sessionId) => call("POST", `knowledge/files/upload-session/${id(sessionId)}/finalize`, { body: {} });

export { Refused };
