import type { StepView } from '~/design/Steps.svelte';
import { raw } from '~/design/text';
import type { CardView, Snapshot } from '~/runtime/types';
import type { TriedOut } from '~/state/app.svelte';
import { isWaiting } from '~/state/cards';

/** The tool of the harmless request. */
const TOOL = 'say_hello';

/** The card of the newest try-out, if it has come. */
export function tryOutCard(snapshot: Snapshot | null): CardView | null {
  const cards = snapshot?.cards.filter((card) => raw(card.display.tool) === TOOL) ?? [];
  return cards.sort((a, b) => b.display.asked - a.display.asked)[0] ?? null;
}

/** How far a try-out has come. */
export type Trial = 'idle' | 'sent' | 'knocks' | 'waits' | 'answered' | 'ran' | 'ended';

export function trial(
  snapshot: Snapshot | null,
  isSent: boolean,
  result: TriedOut | null,
  now: number,
): Trial {
  if (result) return result.ran ? 'ran' : 'ended';
  if (!isSent) return 'idle';
  const card = tryOutCard(snapshot);
  if (card && isWaiting(card, now)) return 'waits';
  if (snapshot && snapshot.agents.length > 0) return 'knocks';
  if (card && (card.phase.phase === 'answered_here' || card.phase.phase === 'answered_elsewhere')) return 'answered';
  return 'sent';
}

const LABELS = ['Sent', 'Agent accepted', 'Answered', 'Ran'];

/** The same as steps. */
export function trialSteps(of: Trial): StepView[] {
  const done = { idle: 0, sent: 1, knocks: 1, waits: 2, answered: 3, ran: 4, ended: 3 }[of];
  return LABELS.map((label, at) => {
    if (of === 'ended' && at === 3) return { label: 'It did not run', state: 'failed' };
    return { label, state: at < done ? 'done' : at === done && of !== 'idle' ? 'now' : 'next' };
  });
}
