import { describe, expect, it } from 'vitest';
import { command, hash, inPhase, knock, mail, payment } from '~/fixtures/cards';
import { busy, laptop, quiet, trust } from '~/fixtures/snapshot';
import type { Event, Phase, Snapshot } from '~/runtime/types';
import { isForward, isWaiting, phaseNow, recent, steps, waiting, words } from './cards';
import { apply } from './events';

const why = { code: 'internal', message: 'Something failed.' };
const after = (event: Event, before: Snapshot = quiet) => apply(before, event);

describe('how things stand after an event', () => {
  it('adds, changes and orders cards by their deadlines', () => {
    const one = after({ event: 'card_added', card: payment });
    const two = after({ event: 'card_added', card: command }, one);
    expect(two.cards.map((card) => card.id)).toEqual([command.id, payment.id]);
    const changed = after({ event: 'card_changed', card: { ...payment, shown: 'other' } }, two);
    expect(changed.cards.map((card) => card.shown)).toEqual([command.shown, 'other']);
  });

  it('moves a card on, and never back', () => {
    const step = (phase: Phase, before: Snapshot) => after({ event: 'card_step', card: command.id, phase }, before);
    const here = (at: 'stored' | 'approved' | 'executed'): Phase => ({
      phase: 'answered_here',
      verdict: 'approve',
      step: at,
    });
    const open = after({ event: 'card_added', card: command });
    const approved = step(here('approved'), open);
    expect(approved.cards[0]?.phase).toEqual(here('approved'));
    expect(step(here('stored'), approved).cards[0]?.phase).toEqual(here('approved'));
    expect(step({ phase: 'open' }, approved).cards[0]?.phase).toEqual(here('approved'));
    const done = step(here('executed'), approved);
    expect(after({ event: 'card_closed', card: command.id, phase: { phase: 'revoked' }, code: null }, done).cards).toEqual(
      done.cards,
    );
    expect(after({ event: 'card_changed', card: command }, done).cards[0]?.phase).toEqual(here('executed'));
  });

  it('closes a card', () => {
    const open = after({ event: 'card_added', card: mail });
    const closed = after({ event: 'card_closed', card: mail.id, phase: { phase: 'cancelled' }, code: null }, open);
    expect(closed.cards[0]?.phase).toEqual({ phase: 'cancelled' });
  });

  it('keeps knocking agents until they are answered', () => {
    const asked = after({ event: 'agent_asked', agent: knock });
    expect(after({ event: 'agent_asked', agent: knock }, asked).agents).toEqual([knock]);
    expect(after({ event: 'agent_answered', enroll: knock.enroll }, asked).agents).toEqual([]);
  });

  it('follows a pairing', () => {
    const asked = after({ event: 'pairing_asked', joiner: 'j', name: 'Tablet' });
    expect(asked.joiner).toEqual({ joiner: 'j', name: 'Tablet', digits: false });
    const digits = after({ event: 'pairing_digits', joiner: 'j', name: 'Tablet' }, asked);
    expect(digits.joiner?.digits).toBe(true);
    expect(after({ event: 'pairing_ended', joiner: 'j', why }, digits).joiner).toBeNull();
  });

  it('takes over connection, trust, status, log and clock', () => {
    expect(after({ event: 'connection_changed', connection: { line: 'refused' } }).connection.line).toBe('refused');
    const removed = { ...trust, devices: trust.devices.filter((device) => !device.is_me) };
    expect(after({ event: 'trust_changed', trust: removed }).me).toBeNull();
    expect(after({ event: 'trust_changed', trust }).me).toEqual(laptop);
    const standing = { standing: 'missing' as const, open: ['Phone'] };
    expect(after({ event: 'status_expiring', standing }).trust.standing).toEqual(standing);
    const log = { size: 9, root: hash('r') };
    expect(after({ event: 'log_verified', log }).log).toEqual(log);
    const trouble = { message: 'No.', fraud: true };
    expect(after({ event: 'log_rejected', why: trouble }).log_trouble).toEqual(trouble);
    expect(after({ event: 'clock_changed', ahead: 90 }).clock_ahead).toBe(90);
  });

  it('changes nothing for what is only told', () => {
    const told: Event[] = [
      { event: 'card_reminder', card: payment.id, left: 9, nearly: true },
      { event: 'entry_refused', id: null, reason: why },
      { event: 'trouble', why },
      { event: 'missed', events: 3 },
    ];
    for (const event of told) expect(after(event, busy)).toBe(busy);
  });
});

describe('a card in time', () => {
  const { deadline } = payment.display;

  it('waits until its deadline by the clock, whatever was told', () => {
    expect(isWaiting(payment, deadline)).toBe(true);
    expect(isWaiting(payment, deadline + 1)).toBe(false);
    expect(phaseNow(payment, deadline + 1)).toEqual({ phase: 'expired' });
    expect(waiting([mail, payment], deadline + 1).map((card) => card.id)).toEqual([mail.id]);
    expect(recent([payment], deadline + 1)).toHaveLength(1);
  });

  it('is never open again', () => {
    const over: Phase[] = [{ phase: 'expired' }, { phase: 'cancelled' }, { phase: 'revoked' }];
    for (const phase of over) expect(isForward(phase, { phase: 'open' })).toBe(false);
  });

  it('says in words and steps how it stands', () => {
    expect(words({ phase: 'answered_elsewhere', by: ['Phone'], step: 'executed' }).title).toBe('Answered on Phone');
    expect(words({ phase: 'expired' }).title).toBe('Nobody answered');
    const denied = inPhase(command, 'x', { phase: 'answered_here', verdict: 'deny', step: 'stored' });
    expect(steps(denied.phase).map(({ label, state }) => `${label}: ${state}`)).toEqual([
      'Signed here: done',
      'Stored: done',
      'Agent told: now',
    ]);
    const failed: Phase = { phase: 'answered_here', verdict: 'approve', step: 'failed' };
    expect(steps(failed).map(({ state }) => state)).toEqual(['done', 'done', 'done', 'failed']);
    expect(steps({ phase: 'open' })).toEqual([]);
  });
});
