// A server of the TypeScript SDK with the tools that a file lists: how fast a Node server can start.
//   node start_reference.mjs TOOLS.json
import { readFileSync } from "node:fs";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const tools = JSON.parse(readFileSync(process.argv[2], "utf8"));
const server = new Server({ name: "reference", version: "1.0.0" }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
server.setRequestHandler(CallToolRequestSchema, () => ({
  content: [{ type: "text", text: "buckets: none" }],
  structuredContent: { buckets: [] },
}));
await server.connect(new StdioServerTransport());
