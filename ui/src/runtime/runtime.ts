import type { Call, Command, Done, ErrorBody, News, Reply } from './types';

/** The way to the device: what the app is told and what it asks for. All that is signed is signed on the other side. */
export interface Runtime {
  /** Rejects with an {@link ErrorBody}. */
  call(call: Call): Promise<Reply>;
  /** Hears all news until the answer is called. */
  listen(hear: (news: News) => void): () => void;
}

interface Answers {
  preview: 'preview';
  approve: 'answered';
  agree: 'answered';
  deny: 'answered';
  preview_grant: 'sentence';
  offer_pairing: 'offer';
  history: 'history';
  counts: 'counts';
  detail: 'detail';
  agents: 'agents';
  sessions: 'sessions';
  devices: 'devices';
  grants: 'grants';
  verify: 'verified';
}

/** What a command answers with. */
export type DoneOf<C extends Command> = Extract<
  Done,
  { done: C['command'] extends keyof Answers ? Answers[C['command']] : 'ok' }
>;

interface Replies {
  stage: 'stage';
  settings: 'settings';
  set_settings: 'settings';
  setup: 'setup';
  versions: 'versions';
  export: 'exported';
  device: 'device';
}

/** What a call is replied to with. */
export type ReplyOf<C extends Call> = Extract<
  Reply,
  { reply: C['call'] extends keyof Replies ? Replies[C['call']] : 'ok' }
>;

/** Whatever was thrown, as what can be told to a person. */
export function errorBody(thrown: unknown): ErrorBody {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    return thrown as ErrorBody;
  }
  return { code: 'internal', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** A bad edit's own words, which stand in brackets behind the general sentence. */
export function detailOf(body: ErrorBody): string {
  const detail = /\[(.*)\]$/s.exec(body.message)?.[1];
  return detail ? `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.` : body.message;
}
