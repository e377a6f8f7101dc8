import type { Runtime } from './runtime';
import type { Call, Client, Command, Done, ErrorBody, News, Reply, Settings, Stage } from './types';

type Answer = (command: Command) => Done | undefined;

/** A runtime in memory: it tells what fixtures hold, keeps what it was asked, and answers as told. */
export class FixtureRuntime implements Runtime {
  stage: Stage;
  settings: Settings = { notifications: 'discreet', autostart: false, theme: 'system', welcomed: true, told_of_tray: true };
  /** Every call so far. */
  readonly calls: Call[] = [];
  /** What the next calls of these names fail with. */
  readonly failures = new Map<string, ErrorBody>();
  /** Answers commands; what it leaves is answered with the plainest success. */
  answer: Answer = () => undefined;

  #hearers = new Set<(news: News) => void>();

  constructor(stage: Stage) {
    this.stage = stage;
  }

  /** The commands for the device so far. */
  get commands(): Command[] {
    return this.calls.flatMap((call) => (call.call === 'device' ? [call.command] : []));
  }

  async call(call: Call): Promise<Reply> {
    this.calls.push(call);
    const name = call.call === 'device' ? call.command.command : call.call;
    const failure = this.failures.get(name);
    if (failure) throw failure;
    switch (call.call) {
      case 'stage':
        return { reply: 'stage', stage: this.stage };
      case 'settings':
        return { reply: 'settings', settings: this.settings };
      case 'set_settings':
        this.settings = call.settings;
        return { reply: 'settings', settings: call.settings };
      case 'setup':
        return {
          reply: 'setup',
          ...setup(call.client),
        };
      case 'export':
        return { reply: 'exported', path: '~/agenttrust-history.jsonl' };
      case 'device':
        return { reply: 'device', done: this.answer(call.command) ?? usual(call.command) };
      case 'versions':
        return { reply: 'versions', app: '0.1.0', daemon: '0.1.0', protocol: 'agenttrust/1' };
      case 'start_daemon':
      case 'retry':
      case 'stop_opening':
      case 'pair_here':
      case 'join':
      case 'cancel_join':
      case 'try_out':
        return { reply: 'ok' };
    }
  }

  listen(hear: (news: News) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  /** Tells everyone who listens. */
  tell(news: News): void {
    for (const hear of this.#hearers) hear(news);
  }
}

function setup(client: Client): Pick<Extract<Reply, { reply: 'setup' }>, 'steps' | 'after'> {
  switch (client) {
    case 'command':
      return {
        steps: [
          {
            command: 'agenttrust run --tool deploy --arg target=staging -- ./deploy.sh staging',
            does: 'Put it before any command of a script. Write your own tool name, arguments and command.',
          },
        ],
        after: 'The command waits for your answer, and runs only after you approve.',
      };
    default:
      return {
        steps: [
          {
            command: 'agenttrust install claude-code',
            does: 'Shows what it would change in the settings of Claude Code, asks you, and keeps a copy.',
          },
          {
            command: 'agenttrust doctor claude-code',
            does: 'Proves it: Claude Code gets one harmless tool call from a built-in model, and you see that it is stopped.',
          },
          {
            command: 'claude',
            does: 'Start Claude Code anew, also where it runs already. At its first tool call it asks here to be known.',
          },
        ],
        after: '`agenttrust uninstall claude-code` puts its settings back as they were, byte for byte.',
      };
  }
}

function usual(command: Command): Done {
  switch (command.command) {
    case 'approve':
    case 'agree':
    case 'deny':
      return { done: 'answered', decision: 'decision', stored: 'approved' };
    case 'history':
      return { done: 'history', rows: [], next: null };
    case 'counts':
      return { done: 'counts', step: command.query.step, rows: [] };
    case 'agents':
      return { done: 'agents', agents: [] };
    case 'sessions':
      return { done: 'sessions', sessions: [], next: null, fault: null };
    case 'devices':
      return { done: 'devices', devices: [] };
    case 'grants':
      return { done: 'grants', grants: [] };
    default:
      return { done: 'ok' };
  }
}
