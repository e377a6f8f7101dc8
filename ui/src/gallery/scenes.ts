import * as cards from '~/fixtures/cards';
import { busy, quiet, ready } from '~/fixtures/snapshot';
import { line } from '~/fixtures/text';
import { FixtureRuntime } from '~/runtime/fixture';
import type { CardView, Command, DaemonView, Done, ErrorBody, Snapshot, Stage } from '~/runtime/types';

/** A state of the whole app, to be looked at. */
export interface Scene {
  stage: Stage;
  /** The address within the app. */
  at: string;
}

const why = (code: string, message: string, hint: string): ErrorBody => ({ code, message, hint });
const inbox = (snapshot: Snapshot, daemon?: DaemonView): Scene => ({
  stage: { ...ready(snapshot), ...(daemon && { daemon }) } as Stage,
  at: '#/inbox',
});
const request = (card: CardView): Scene => ({
  stage: ready({ ...busy, cards: [card, ...busy.cards.slice(0, 4).filter((other) => other.id !== card.id)], agents: [] }),
  at: `#/request/${card.id}`,
});
// Something waits, so that what stands above it is seen beside it.
const some: Snapshot = { ...busy, cards: busy.cards.slice(1, 3), agents: [] };
const trust = (more: Partial<Snapshot['trust']>): Snapshot => ({ ...some, trust: { ...some.trust, ...more } });

export const scenes: Record<string, Scene> = {
  starting: { stage: { stage: 'starting' }, at: '' },
  locked: {
    stage: {
      stage: 'locked',
      why: why('keystore_locked', 'The key store of this computer is locked or missing.', 'Unlock it and try again.'),
    },
    at: '',
  },
  failed: {
    stage: {
      stage: 'failed',
      why: why('store_corrupt', 'The database is damaged.', 'Restore its folder from a backup; do not delete it.'),
    },
    at: '',
  },
  inbox: inbox(busy),
  empty: inbox(quiet),
  joiner: inbox({ ...quiet, joiner: { joiner: 'joiner', name: 'Tablet', digits: false } }),
  down: inbox({ ...some, connection: { line: 'lost', code: 'closed' } }, { daemon: 'down' }),
  foreign: inbox(some, { daemon: 'foreign', why: why('foreign', 'Its trust is another one.', 'Stop it, or pair anew.') }),
  older: inbox(some, { daemon: 'other_version', version: '0.3.1', older: true }),
  newer: inbox(some, { daemon: 'other_version', version: '0.9.0', older: false }),
  connecting: inbox({ ...some, connection: { line: 'connecting' } }),
  lost: inbox({
    ...some,
    connection: { line: 'lost', code: 'closed' },
    cards: some.cards.map((card) => (card.phase.phase === 'open' ? { ...card, phase: { phase: 'unsure' } } : card)),
  }),
  refused: inbox({ ...some, connection: { line: 'refused' } }),
  removed: inbox({ ...quiet, me: null }),
  fraud: inbox({ ...some, log_trouble: { message: 'Leaf 311 is missing.', fraud: true } }),
  unverified: inbox({ ...some, log_trouble: { message: 'The checkpoint could not be read.', fraud: false } }),
  clock: inbox({ ...some, clock_ahead: -184 }),
  status: inbox(trust({ standing: { standing: 'expired', since: cards.NOW - 600, open: ['Laptop', 'Phone'] } })),
  recovery: inbox(trust({ recovery_at: cards.NOW + 86_400 })),
  paused: inbox(trust({ paused_all: true })),
  missing: { stage: ready(busy), at: '#/request/none' },
  ...Object.fromEntries(Object.entries(cards.all).map(([name, card]) => [name, request(card)])),
  ...Object.fromEntries(
    cards.phases.map((card) => [`phase-${card.id.split('-x7')[0] ?? card.id}`, request(card)]),
  ),
};

/** A runtime in which editing works on the payment's fields. */
export function runtimeOf(scene: Scene): FixtureRuntime {
  const runtime = new FixtureRuntime(scene.stage);
  runtime.answer = (command) => (command.command === 'preview' ? preview(command) : undefined);
  return runtime;
}

function preview({ card: id, edit }: Extract<Command, { command: 'preview' }>): Done {
  const card = Object.values(cards.all).find((one) => one.id === id) ?? cards.payment;
  const typed = edit && 'fields' in edit ? edit.fields : {};
  const bad = card.fields.find((field) => field.kind === 'number' && Number.isNaN(Number(typed[field.path] ?? '0')));
  if (bad) {
    throw why('bad_request', 'The call is not one this door understands. [this must be a number, such as 12 or 9.50]', '');
  }
  const fields = card.fields.map((field) => ({ ...field, value: typed[field.path] ?? field.value }));
  const changed = fields.filter((field, at) => field.value !== card.fields[at]?.value);
  const items = card.display.arguments.items.map((item) => {
    const value = typed[item.path];
    return value !== undefined && 'text' in item.value ? { ...item, value: { ...item.value, text: line(value) } } : item;
  });
  const edits = changed.map((field) => ({
    path: line(field.path),
    old: line(card.fields.find((one) => one.path === field.path)?.value ?? ''),
    new: line(field.value),
  }));
  return {
    done: 'preview',
    display: { ...card.display, edits, arguments: { items, shown: items.length } },
    shown: `${card.shown}-edited`,
    fields,
    json: card.json,
    required_uv: card.required_uv,
  };
}
