import { describe, expect, it } from 'vitest';
import { command, hash, knock, mail, payment } from '~/fixtures/cards';
import { busy, quiet, ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { Event, Reply } from '~/runtime/types';
import { settle } from '~/test/render';
import { announcer } from './announcer.svelte';
import { App } from './app.svelte';

async function started(runtime = new FixtureRuntime(ready(quiet))) {
  const app = new App(runtime);
  const stop = app.start();
  await settle();
  const happened = (event: Event) => runtime.tell({ news: 'device', event });
  return { app, runtime, stop, happened };
}

describe('the app’s state', () => {
  it('reads how things stand and follows events until it is stopped', async () => {
    const { app, happened, stop } = await started();
    happened({ event: 'card_added', card: payment });
    expect(app.card(payment.id)?.shown).toBe(payment.shown);
    stop();
    happened({ event: 'card_added', card: mail });
    expect(app.card(mail.id)).toBeNull();
  });

  it('asks anew when it missed something', async () => {
    const { app, runtime, happened } = await started();
    runtime.stage = ready(busy);
    happened({ event: 'missed', events: 7 });
    await settle();
    expect(app.snapshot?.cards).toHaveLength(busy.cards.length);
  });

  it('puts what happens while it asks on top of the answer', async () => {
    const { app, runtime, happened } = await started();
    let answer: (reply: Reply) => void = () => undefined;
    runtime.call = () => new Promise((resolve) => (answer = resolve));
    const asked = app.refresh();
    happened({ event: 'card_added', card: command });
    answer({ reply: 'stage', stage: ready(quiet) });
    await asked;
    expect(app.card(command.id)).not.toBeNull();
  });

  it('leaves the inbox when the device is not there any more', async () => {
    const { app, runtime } = await started(new FixtureRuntime(ready(busy)));
    runtime.tell({ news: 'stage', stage: { stage: 'locked', why: { code: 'keystore_locked', message: 'Locked.' } } });
    expect(app.snapshot).toBeNull();
    expect(app.stage.stage).toBe('locked');
  });

  it('says aloud what arrives, is answered and runs out', async () => {
    const { happened } = await started();
    happened({ event: 'card_added', card: command });
    expect(announcer.urgent.words).toBe('coding-agent, Bash waits for your answer.');
    happened({ event: 'card_reminder', card: command.id, left: 9, nearly: true });
    expect(announcer.urgent.words).toBe('9 s left for coding-agent, Bash.');
    const phase = { phase: 'answered_elsewhere' as const, by: ['Phone'], step: 'approved' as const };
    happened({ event: 'card_step', card: command.id, phase });
    expect(announcer.polite.words).toBe(
      'coding-agent, Bash: Answered on Phone. Waiting for the agent to take it.',
    );
    happened({ event: 'agent_asked', agent: knock });
    expect(announcer.urgent.words).toBe('A new agent asks to be known: research-agent.');
  });

  it('says nothing of news that is no news', async () => {
    const { happened } = await started();
    const before = announcer.polite.count;
    happened({ event: 'card_step', card: hash('unknown'), phase: { phase: 'expired' } });
    expect(announcer.polite.count).toBe(before);
  });

  it('tells what came of a try-out, unless the first run does', async () => {
    const { app, runtime } = await started();
    runtime.tell({ news: 'tried_out', ran: true, words: 'It works.' });
    expect(app.notices[0]).toMatchObject({ tone: 'good', text: 'It works.' });
    app.dismiss(app.notices[0]!.id);
    runtime.tell({ news: 'settings', settings: { ...runtime.settings, welcomed: false } });
    runtime.tell({ news: 'tried_out', ran: false, words: 'Denied.' });
    expect(app.notices).toEqual([]);
    expect(app.triedOut).toEqual({ ran: false, words: 'Denied.' });
  });

  it('keeps the latest notices, each once', async () => {
    const { app } = await started();
    for (const title of ['a', 'b', 'b', 'c', 'd']) app.tell({ tone: 'info', title });
    expect(app.notices.map((notice) => notice.title)).toEqual(['b', 'c', 'd']);
  });

  it('keeps why a pairing ended until another one begins', async () => {
    const { app, happened } = await started();
    const why = { code: 'digits_wrong', message: 'Those are not the digits.' };
    happened({ event: 'pairing_ended', joiner: 'j', why });
    expect(app.pairingEnded).toEqual(why);
    happened({ event: 'pairing_asked', joiner: 'k', name: 'Tablet' });
    expect(app.pairingEnded).toBeNull();
  });
});
