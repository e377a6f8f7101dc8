import type { CardView, Event, Hash, Phase, Snapshot } from '~/runtime/types';
import { byDeadline, isForward, isOver } from './cards';

/** How everything stands after an event. What has ended stays ended, whatever order news comes in. */
export function apply(snapshot: Snapshot, event: Event): Snapshot {
  switch (event.event) {
    case 'card_added':
    case 'card_changed':
      return { ...snapshot, cards: put(snapshot.cards, event.card) };
    case 'card_step':
    case 'card_closed':
      return { ...snapshot, cards: move(snapshot.cards, event.card, event.phase) };
    case 'agent_asked': {
      const others = snapshot.agents.filter((agent) => agent.enroll !== event.agent.enroll);
      return { ...snapshot, agents: [...others, event.agent] };
    }
    case 'agent_answered':
      return { ...snapshot, agents: snapshot.agents.filter((agent) => agent.enroll !== event.enroll) };
    case 'pairing_asked':
      return { ...snapshot, joiner: { joiner: event.joiner, name: event.name, digits: false } };
    case 'pairing_digits':
      return { ...snapshot, joiner: { joiner: event.joiner, name: event.name, digits: true } };
    case 'pairing_ended':
      return { ...snapshot, joiner: null };
    case 'connection_changed':
      return { ...snapshot, connection: event.connection };
    case 'trust_changed': {
      const me = event.trust.devices.find((device) => device.is_me) ?? null;
      return { ...snapshot, trust: event.trust, me };
    }
    case 'status_expiring':
      return { ...snapshot, trust: { ...snapshot.trust, standing: event.standing } };
    case 'log_verified':
      return { ...snapshot, log: event.log };
    case 'log_rejected':
      return { ...snapshot, log_trouble: event.why };
    case 'clock_changed':
      return { ...snapshot, clock_ahead: event.ahead };
    case 'card_reminder':
    case 'entry_refused':
    case 'trouble':
    case 'missed':
      return snapshot;
    default:
      return unknown(event, snapshot);
  }
}

// The compiler refuses this call once an event above is forgotten.
function unknown(_event: never, snapshot: Snapshot): Snapshot {
  return snapshot;
}

function put(cards: readonly CardView[], card: CardView): CardView[] {
  const old = cards.find((one) => one.id === card.id);
  const phase = old && isOver(old.phase) ? old.phase : card.phase;
  return [...cards.filter((one) => one.id !== card.id), { ...card, phase }].sort(byDeadline);
}

function move(cards: readonly CardView[], id: Hash, phase: Phase): CardView[] {
  return cards.map((card) => (card.id === id && isForward(card.phase, phase) ? { ...card, phase } : card));
}
