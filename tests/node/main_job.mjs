// The main job from a client of the official TypeScript SDK; prints what it saw as one line of JSON.
//
//   node main_job.mjs v1|v2-legacy|v2-modern stdio COMMAND ARGUMENT...
//   node main_job.mjs v1|v2-legacy|v2-modern http URL TOKEN

const [version, transportName, ...rest] = process.argv.slice(2);

async function loadSdk() {
  if (version === "v1") {
    const [client, stdio, http] = await Promise.all([
      import("@modelcontextprotocol/sdk/client/index.js"),
      import("@modelcontextprotocol/sdk/client/stdio.js"),
      import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
    ]);
    return { ...client, ...stdio, ...http };
  }
  const [client, stdio] = await Promise.all([
    import("@modelcontextprotocol/client"),
    import("@modelcontextprotocol/client/stdio"),
  ]);
  return { ...client, ...stdio };
}

const sdk = await loadSdk();

function openTransport() {
  if (transportName === "stdio") {
    const [command, ...args] = rest;
    return new sdk.StdioClientTransport({ command, args, env: process.env });
  }
  const [url, token] = rest;
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  return new sdk.StreamableHTTPClientTransport(new URL(url), { requestInit });
}

const modern = { versionNegotiation: { mode: { pin: "2026-07-28" } } };
const client = new sdk.Client(
  { name: "main-job", version: "1.0.0" },
  version === "v2-modern" ? modern : {},
);
await client.connect(openTransport());

async function call(name, args) {
  const result = await client.callTool({ name, arguments: args });
  return { isError: result.isError === true, ...result.structuredContent };
}

const { tools } = await client.listTools();
await call("create_bucket", { name: "Docs", slug: "docs" });
const text = "Refunds take 14 days.\n";
const uploaded = await call("upload_file", { text, filename: "refunds.md", bucket: "docs", wait: true });
const found = await call("search_bucket", { query: "How long do refunds take?", bucket: "docs" });
const refused = await call("search_bucket", { query: "x", bucket: "nosuch" });
const { contents } = await client.readResource({ uri: "bucket://docs" });
const { prompts } = await client.listPrompts();
console.log(
  JSON.stringify({
    tools: tools.map((tool) => tool.name),
    readiness: uploaded.readiness,
    hit: found.hits[0].text,
    refused: refused.isError,
    resource: contents[0].uri,
    prompts: prompts.map((prompt) => prompt.name),
  }),
);
await client.close();
