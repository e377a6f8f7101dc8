// A server and a client of the stateless era (2026-07-28), on the official SDK. MODE says which; TARGET is the URL or
// the command line, as JSON, of the server that the client calls.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Server, acceptedContent, createMcpHandler, inputRequired } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const VERSION = '2026-07-28';

const confirmation = { type: 'object', properties: { sure: { type: 'boolean' } }, required: ['sure'] };
const inputSchema = {
  type: 'object',
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, note: { type: 'string' } },
  required: ['region'],
};

function make() {
  const server = new Server({ name: 'stateless', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({
    tools: [{ name: 'deploy', description: 'Deploys to a region.', inputSchema }],
  }));
  server.setRequestHandler('tools/call', ({ params }, context) => {
    const { region, note } = params.arguments;
    if (acceptedContent(context.mcpReq.inputResponses, 'sure')?.sure !== true) {
      const sure = inputRequired.elicit({ message: `Deploy to ${region}?`, requestedSchema: confirmation });
      return inputRequired({ inputRequests: { sure }, requestState: `asked about ${region}` });
    }
    return { content: [{ type: 'text', text: `deployed to ${region}: ${note}` }] };
  });
  return server;
}

function serveHttp() {
  const handler = createMcpHandler(make);
  const listener = createServer(async (request, response) => {
    const body = request.method === 'POST' ? { body: Readable.toWeb(request), duplex: 'half' } : {};
    const url = `http://${request.headers.host}${request.url}`;
    const answer = await handler.fetch(new Request(url, { method: request.method, headers: request.headers, ...body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    for await (const piece of answer.body ?? []) response.write(piece);
    response.end();
  });
  listener.listen(0, '127.0.0.1', () => console.log(`listening at http://127.0.0.1:${listener.address().port}/mcp`));
}

async function call() {
  const target = JSON.parse(process.env.TARGET);
  const transport = Array.isArray(target)
    ? new StdioClientTransport({ command: target[0], args: target.slice(1), env: process.env })
    : new StreamableHTTPClientTransport(new URL(target));
  const options = { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: VERSION } } };
  const client = new Client({ name: 'test', version: '1' }, options);
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { sure: true } }));
  await client.connect(transport);
  await client.listTools();
  const progress = [];
  const onprogress = ({ message }) => progress.push(message);
  const result = await client.callTool({ name: 'deploy', arguments: { region: 'eu', note: 'original' } }, { onprogress });
  console.log(JSON.stringify({ result, progress }));
  await client.close();
}

({ 'serve-http': serveHttp, 'serve-stdio': () => serveStdio(make, { legacy: 'reject' }), call })[process.env.MODE]();
