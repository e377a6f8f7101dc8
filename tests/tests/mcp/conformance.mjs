// A server that has what the official conformance suite looks for, on the official SDK. It prints its address.
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

const text = (words) => ({ type: 'text', text: words });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const resource = (uri, mimeType, words) => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const pause = () => new Promise((done) => setTimeout(done, 50));
const object = (properties = {}, required = []) => ({ type: 'object', properties, required });
const elicited = (answer) => `action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`;

const DEFAULTS = object({
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
});
const titled = (name) => [1, 2, 3].map((n) => ({ const: `value${n}`, title: `${name} ${n}` }));
const OPTIONS = ['option1', 'option2', 'option3'];
const ENUMS = object({
  untitledSingle: { type: 'string', enum: OPTIONS },
  titledSingle: { type: 'string', oneOf: titled('Option') },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
  titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
});
const DRAFT = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: object({ street: { type: 'string' }, city: { type: 'string' } }) },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
  additionalProperties: false,
};

// Each tool: its schema, and what it does with its arguments and its request.
const tools = {
  test_simple_text: [object(), () => [text('This is a simple text response for testing.')]],
  test_image_content: [object(), () => [image]],
  test_audio_content: [object(), () => [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }]],
  test_embedded_resource: [
    object(),
    () => [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  ],
  test_multiple_content_types: [
    object(),
    () => [
      text('Multiple content types test:'),
      image,
      resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
    ],
  ],
  test_tool_with_logging: [
    object(),
    async (_, extra) => {
      for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
        await pause();
      }
      return [text('Logged.')];
    },
  ],
  test_tool_with_progress: [
    object(),
    async (_, extra) => {
      const progressToken = extra._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined) {
          const params = { progressToken, progress, total: 100, message: `${progress} of 100` };
          await extra.sendNotification({ method: 'notifications/progress', params });
        }
        await pause();
      }
      return [text('Done.')];
    },
  ],
  test_error_handling: [
    object(),
    () => {
      throw new Error('This tool intentionally returns an error for testing');
    },
  ],
  test_sampling: [
    object({ prompt: { type: 'string' } }, ['prompt']),
    async ({ prompt }, extra) => {
      const params = { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 };
      const request = { method: 'sampling/createMessage', params };
      const answer = await extra.sendRequest(request, types.CreateMessageResultSchema);
      return [text(`LLM response: ${answer.content.text}`)];
    },
  ],
  test_elicitation: [
    object({ message: { type: 'string' } }, ['message']),
    async ({ message }, extra) => {
      const field = (description) => ({ type: 'string', description });
      const fields = { username: field('Name'), email: field('Address') };
      return [text(`User response: ${elicited(await elicit(extra, message, object(fields, ['username', 'email'])))}`)];
    },
  ],
  test_elicitation_sep1034_defaults: [
    object(),
    async (_, extra) => [text(`Elicitation completed: ${elicited(await elicit(extra, 'Defaults', DEFAULTS))}`)],
  ],
  test_elicitation_sep1330_enums: [
    object(),
    async (_, extra) => [text(`Elicitation completed: ${elicited(await elicit(extra, 'Enums', ENUMS))}`)],
  ],
  json_schema_2020_12_tool: [DRAFT, () => [text('Valid.')]],
};

function elicit(extra, message, requestedSchema) {
  const request = { method: 'elicitation/create', params: { message, requestedSchema } };
  return extra.sendRequest(request, types.ElicitResultSchema);
}

const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched.' },
};

const user = (content) => ({ role: 'user', content });
const prompts = {
  test_simple_prompt: [[], () => [user(text('This is a simple prompt for testing.'))]],
  test_prompt_with_arguments: [
    ['arg1', 'arg2'],
    ({ arg1, arg2 }) => [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  ],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri }) => [
      user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
      user(text('Please process the embedded resource above.')),
    ],
  ],
  test_prompt_with_image: [[], () => [user(image), user(text('Please analyze the image above.'))]],
};

function serve() {
  const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {} };
  const server = new Server({ name: 'conformance-fixture', version: '1.0.0' }, { capabilities });
  const answer = (schema, what) => server.setRequestHandler(schema, what);
  answer(types.ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, [inputSchema]]) => ({ name, description: `The tool ${name}.`, inputSchema })),
  }));
  answer(types.CallToolRequestSchema, async ({ params }, extra) => {
    try {
      return { content: await tools[params.name][1](params.arguments ?? {}, extra) };
    } catch (error) {
      return { content: [text(error.message)], isError: true };
    }
  });
  answer(types.ListResourcesRequestSchema, () => ({
    resources: Object.entries(resources).map(([uri, { mimeType }]) => ({ uri, name: uri, description: uri, mimeType })),
  }));
  answer(types.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'By its id.' }],
  }));
  answer(types.ReadResourceRequestSchema, ({ params: { uri } }) => {
    const id = /^test:\/\/template\/(.+)\/data$/.exec(uri)?.[1];
    const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    return { contents: [{ uri, ...(id ? { mimeType: 'application/json', text: data } : resources[uri]) }] };
  });
  answer(types.SubscribeRequestSchema, () => ({}));
  answer(types.UnsubscribeRequestSchema, () => ({}));
  answer(types.SetLevelRequestSchema, () => ({}));
  answer(types.CompleteRequestSchema, () => ({ completion: { values: ['paris', 'park'], total: 2, hasMore: false } }));
  answer(types.ListPromptsRequestSchema, () => ({
    prompts: Object.entries(prompts).map(([name, [names]]) => {
      const args = names.map((argument) => ({ name: argument, description: argument, required: true }));
      return { name, description: name, arguments: args };
    }),
  }));
  answer(types.GetPromptRequestSchema, ({ params }) => ({ messages: prompts[params.name][1](params.arguments ?? {}) }));
  return server;
}

const transports = new Map();
const app = createMcpExpressApp();
app.all('/mcp', async (request, response) => {
  let transport = transports.get(request.headers['mcp-session-id']);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    await serve().connect(transport);
  }
  await transport.handleRequest(request, response, request.body);
});
const listener = app.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${listener.address().port}/mcp`);
});
